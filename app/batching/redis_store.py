"""Redis as the shared store behind a cache. Needs the `redis` extra."""

from __future__ import annotations

import importlib.util
import logging
import time

from app.errors import MissingExtraError, SettingsError

log = logging.getLogger(__name__)

PREFIX = "tuqian:vector:"
KEPT_S = 7 * 24 * 3600
# A cache that answers later than this is slower than decoding.
PATIENCE_S = 0.05
# While it does not answer, it is left alone so long.
PAUSE_S = 5.0


class RedisStore:
    """Keeps bytes in Redis for a week after their last writing; whatever fails there is a miss.

    After a failure Redis is not asked again for some seconds, so that a dead one costs nothing.
    `failures` counts them. Raises `MissingExtraError` without the package, `SettingsError` for an
    address that is none.
    """

    def __init__(self, url: str):
        if importlib.util.find_spec("redis") is None:
            raise MissingExtraError(
                "缓存要用 Redis，但没有安装 redis 包",
                field="redis_url",
                remedy="请运行 pip install 'tuqian[redis]'，或清空 TUQIAN_REDIS_URL",
            )
        import redis

        try:
            self._client = redis.Redis.from_url(
                url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
            )
        except ValueError as error:
            raise SettingsError(
                f"Redis 地址 {url!r} 不能用：{error}",
                field="redis_url",
                remedy="写法是 redis://主机:6379/0",
            ) from error
        self._failure = redis.RedisError
        self._paused_until = 0.0
        self.failures = 0

    def get(self, key: str) -> bytes | None:
        """The bytes, or `None` where there are none or Redis does not answer."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            found = self._client.get(PREFIX + key)
        except self._failure as error:
            self._pause(error)
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes, unless Redis does not answer."""
        if time.monotonic() < self._paused_until:
            return
        try:
            self._client.set(PREFIX + key, value, ex=KEPT_S)
        except self._failure as error:
            self._pause(error)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _pause(self, error: Exception) -> None:
        self.failures += 1
        self._paused_until = time.monotonic() + PAUSE_S
        log.warning("Redis does not answer, left alone for %g s: %s", PAUSE_S, error)
