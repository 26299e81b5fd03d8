"""A connection that goes to an address chosen beforehand, and ends at a deadline."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore

from app.intake.addresses import Address

ADDRESSES_TRIED = 4


@dataclass(frozen=True)
class Deadline:
    """A moment after which nothing is waited for any more."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Seconds until then; raises `httpcore.TimeoutException` when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.TimeoutException("the time for this address is over")
        return left


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, whatever name the request has.

    The name still goes into `Host`, SNI and the check of the certificate. Nothing is resolved
    again in between, so a name that changes its answer gains nothing.
    """

    def __init__(self, addresses: Sequence[Address], deadline: Deadline):
        self._addresses = addresses[:ADDRESSES_TRIED]
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address that answers; `host` is not looked at."""
        *others, last = self._addresses
        for address in others:
            try:
                # Half of the time, as many a name has an IPv6 address that we cannot reach.
                return self._connect(address, port, self._deadline.left_s() / 2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, self._deadline.left_s())

    def _connect(self, address: Address, port: int, timeout_s: float) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(str(address), port, timeout=timeout_s)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """Waits for the rest of the time, however often a slow server sends one byte of its many."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline):
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes` bytes."""
        return self._stream.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Writes all of the buffer."""
        self._stream.write(buffer, self._deadline.left_s())

    def close(self) -> None:
        """Closes the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        left = self._deadline.left_s()
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)
