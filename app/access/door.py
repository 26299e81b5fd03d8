"""Who comes in: a token to a caller, from keys held in memory and read anew each second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from app.access.allowance import Allowances, now_utc
from app.access.keys import Key, fits, read_token
from app.access.roles import Caller, Role
from app.access.store import KeyStore
from app.errors import SettingsError, UnauthenticatedError

log = logging.getLogger(__name__)

REFRESH_S = 1.0
SAVE_EVERY = 10  # refreshes
HOW = "在请求头里带上 Authorization: Bearer <密钥>；密钥由管理员用 tuqian keys create 创建。"


class Door:
    """Lets callers in by their key, or without one where that is allowed.

    A key that was made or revoked by another process counts a second later. Requests are counted
    in memory and saved every ten seconds and at the end.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        host: str,
        allow_anonymous: bool = False,
        anonymous_role: Role = Role.ADMIN,
        allowances: Allowances | None = None,
    ):
        """`host` is what the service listens on."""
        self._store = store
        self._on_loopback = is_loopback(host)
        self._allow_anonymous = allow_anonymous
        self._anonymous_role = anonymous_role
        self._allowances = allowances or Allowances()
        self._allowances.start(store.used(now_utc().date()))
        self._keys: Mapping[str, Key] = {}
        self.refresh()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)
        self._thread.start()

    def with_token(self, token: str) -> Caller:
        """Who holds this token, one request of theirs counted.

        Raises `UnauthenticatedError` for what opens nothing, `RateLimitedError` and
        `QuotaExhaustedError`.
        """
        key_id, secret = read_token(token) or ("", "")
        key = self._keys.get(key_id)
        if not fits(key, secret) or key is None or key.revoked_at is not None:
            raise UnauthenticatedError("密钥无效，或已吊销", remedy=HOW)
        self._allowances.spend(key)
        return Caller(key.role, key.name, key.id)

    def charge(self, caller: Caller, images: int, *, paced: bool = True) -> None:
        """Counts the images of a request beyond its first; nothing for a caller without a key.

        Raises `QuotaExhaustedError`. What is not `paced` does not count towards the rate.
        """
        if images > 0 and (key := self._keys.get(caller.key_id)):
            self._allowances.spend_more(key, images, paced=paced)

    def give_back(self, caller: Caller, images: int, *, paced: bool = True) -> None:
        """Takes back what `charge` counted."""
        if images > 0 and (key := self._keys.get(caller.key_id)):
            self._allowances.give_back(key, images, paced=paced)

    def without_token(self, *, from_here: bool) -> Caller:
        """A caller without a key; `from_here` says that the request was made on this machine.

        Where nobody ever made a key, whoever works on the machine itself needs none. The first
        key closes that door, and revoking all of them does not open it again. Raises
        `UnauthenticatedError`.
        """
        if self._allow_anonymous:
            return Caller(self._anonymous_role)
        if self._on_loopback and not self._keys and from_here:
            return Caller(Role.ADMIN)
        if self._on_loopback and not self._keys:
            raise UnauthenticatedError(
                "没有密钥时只接受本机直接发来的请求，而这个请求经过代理或用了其他主机名",
                remedy="用 tuqian keys create 创建密钥；"
                "确实不需要时设置 TUQIAN_ALLOW_ANONYMOUS=true。",
            )
        raise UnauthenticatedError("需要密钥", remedy=HOW)

    def refresh(self) -> None:
        """Reads the keys anew."""
        self._keys = {key.id: key for key in self._store.all()}

    def close(self) -> None:
        """Saves what was counted."""
        self._stop.set()
        self._thread.join()
        self._save()

    def _follow(self) -> None:
        turn = 0
        while not self._stop.wait(REFRESH_S):
            turn += 1
            try:
                self.refresh()
            except Exception:  # the database is away for a moment: the keys we know still count
                log.exception("keys could not be read")
            if turn % SAVE_EVERY == 0:
                self._save()

    def _save(self) -> None:
        counts = self._allowances.take_unsaved()
        if not counts:
            return
        try:
            self._store.add_use(counts)
        except Exception:  # a busy database is no reason to stop; the counts wait
            self._allowances.put_back(counts)
            log.exception("the use of keys could not be saved")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on this host."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def check_door(host: str, keys: Sequence[Key], allow_anonymous: bool) -> None:
    """Raises `SettingsError` where strangers could come in and nobody said that they may."""
    if is_loopback(host) or allow_anonymous or any(key.revoked_at is None for key in keys):
        return
    raise SettingsError(
        f"监听 {host} 会接受其他机器的访问，而还没有任何密钥",
        field="TUQIAN_HOST",
        remedy="先运行 tuqian keys create 名称 --role admin；"
        "确实要让任何人使用时，设置 TUQIAN_ALLOW_ANONYMOUS=true。",
    )
