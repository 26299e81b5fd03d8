"""How much a key may be used: a bucket of tokens for its rate, a count for its day.

The unit is an image, or a request where it has none: a request counts as one before it is read,
and the images beyond its first when it has been.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from app.access.keys import Key
from app.errors import QuotaExhaustedError, RateLimitedError

# A burst of two seconds' worth, and never less than a request.
BURST_S = 2.0


def now_utc() -> datetime:
    """The time, with its zone."""
    return datetime.now(timezone.utc)


@dataclass
class Bucket:
    """Fills at a rate up to a burst; each request takes one token out of it.

    See "token bucket" in RFC 2697, with requests for bytes. `tokens` is below zero where a request
    had many images: none is refused for its size, but those after it wait.
    """

    rate_per_s: float
    tokens: float
    at: float

    def wait_s(self, now: float) -> float:
        """Takes a token and answers 0, or leaves all as it is and says when there will be one."""
        burst = max(1.0, self.rate_per_s * BURST_S)
        self.tokens = min(burst, self.tokens + (now - self.at) * self.rate_per_s)
        self.at = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate_per_s
        self.tokens -= 1
        return 0.0


class Allowances:
    """What each key has used; safe to use from several threads, and quick."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = now_utc,
    ):
        self._monotonic = monotonic
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._day = now().date()
        self._used: dict[str, int] = {}
        self._unsaved: dict[tuple[str, date], int] = {}

    def start(self, used: Mapping[str, int]) -> None:
        """Goes on from what was used earlier on this day."""
        with self._lock:
            self._used = dict(used)

    def spend(self, key: Key) -> None:
        """Counts a request; raises `RateLimitedError` or `QuotaExhaustedError` instead."""
        with self._lock:
            self._turn_day()
            used = self._used.get(key.id, 0)
            if key.daily_requests and used >= key.daily_requests:
                raise QuotaExhaustedError(
                    f"密钥 {key.name} 今天的 {key.daily_requests} 次已用完",
                    retry_after_s=self._until_midnight_s(),
                )
            if key.rate_per_s and (wait := self._bucket(key).wait_s(self._monotonic())) > 0:
                raise RateLimitedError(
                    f"密钥 {key.name} 的用量超过每秒 {key.rate_per_s:g} 次", retry_after_s=wait
                )
            self._count(key, 1)

    def spend_more(self, key: Key, images: int, *, paced: bool = True) -> None:
        """Counts the images of a request beyond its first, which `spend` counted.

        Raises `QuotaExhaustedError` where the day has not so many left: the request then counts
        for nothing. Only what is `paced` takes from the rate.
        """
        with self._lock:
            self._turn_day()
            left = key.daily_requests - self._used.get(key.id, 0)
            if key.daily_requests and images > left:
                self._count(key, -1)
                raise QuotaExhaustedError(
                    f"这个请求有 {images + 1} 张图片，而密钥 {key.name} 今天只剩 {left + 1} 次",
                    retry_after_s=self._until_midnight_s(),
                )
            self._count(key, images)
            if key.rate_per_s and paced:
                self._bucket(key).tokens -= images

    def give_back(self, key: Key, images: int, *, paced: bool = True) -> None:
        """Takes back what `spend_more` counted, where the service did not do its part."""
        with self._lock:
            self._turn_day()
            self._count(key, -min(images, self._used.get(key.id, 0)))
            if key.rate_per_s and paced:
                self._bucket(key).tokens += images

    def take_unsaved(self) -> Mapping[tuple[str, date], int]:
        """The requests counted since this was asked last, by key and day."""
        with self._lock:
            taken, self._unsaved = self._unsaved, {}
            return taken

    def put_back(self, counts: Mapping[tuple[str, date], int]) -> None:
        """Returns what could not be saved, to be saved later."""
        with self._lock:
            for place, count in counts.items():
                self._unsaved[place] = self._unsaved.get(place, 0) + count

    def _count(self, key: Key, units: int) -> None:
        self._used[key.id] = self._used.get(key.id, 0) + units
        place = (key.id, self._day)
        self._unsaved[place] = self._unsaved.get(place, 0) + units

    def _bucket(self, key: Key) -> Bucket:
        bucket = self._buckets.get(key.id)
        if bucket is None:
            full = max(1.0, key.rate_per_s * BURST_S)
            bucket = self._buckets[key.id] = Bucket(key.rate_per_s, full, self._monotonic())
        return bucket

    def _turn_day(self) -> None:
        today = self._now().date()
        if today != self._day:
            self._day, self._used = today, {}

    def _until_midnight_s(self) -> float:
        now = self._now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
