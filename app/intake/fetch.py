"""Fetching from addresses that strangers name, without being led to what only we can reach."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from ipaddress import ip_address

import httpcore

from app.errors import ImageTooLargeError
from app.intake.addresses import Address, is_public
from app.intake.limits import MIB
from app.intake.pinned import Deadline, PinnedBackend
from app.intake.targets import Target, read_target, refused

# Told a host and a port, names the addresses of the host; raises `OSError` where it has none.
Resolve = Callable[[str, int], Sequence[Address]]

USER_AGENT = "tuqian"
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def resolve(host: str, port: int) -> list[Address]:
    """The system's answer: its hosts file, its DNS servers. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


class Fetcher:
    """Fetches from public addresses alone; safe to use from several threads.

    A name is resolved once, every address it has must be public, and the connection goes to one
    of those; each redirect begins anew. Nothing is taken from the environment: a proxy would
    resolve the name again. `is_allowed` and `resolver` exist to be replaced where the servers
    are one's own.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float,
        max_redirects: int = 3,
        schemes: Sequence[str] = ("http", "https"),
        resolver: Resolve = resolve,
        is_allowed: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ):
        """`timeout_s` is for one call as a whole: names, connections, redirects and bodies."""
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_redirects = max_redirects
        self._schemes = tuple(schemes)
        self._resolver = resolver
        self._is_allowed = is_allowed
        self._given_tls = tls

    def fetch(self, url: str) -> bytes:
        """The bytes at a URL, as they are sent: nothing is unpacked.

        Raises `FetchError`, and `ImageTooLargeError` for more than `max_bytes`.
        """
        deadline = Deadline.after(self._timeout_s)
        # Compressed answers are not asked for: a kilobyte of them can be a gigabyte.
        headers = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        for _ in range(self._max_redirects + 1):
            target = read_target(url, self._schemes)
            with self._asked(target, "GET", headers, None, deadline) as response:
                if response.status not in REDIRECTS:
                    return self._body(response)
                url = target.follow(_header(response, b"location"))
        raise refused(f"网址跳转超过 {self._max_redirects} 次")

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Sends a body and answers the status; what comes back is not read.

        A redirect is an answer like others and is not followed: the body was meant for this
        address. Raises `FetchError`.
        """
        target = read_target(url, self._schemes)
        deadline = Deadline.after(self._timeout_s)
        with self._asked(target, "POST", headers, body, deadline) as response:
            return response.status

    @contextmanager
    def _asked(
        self,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
    ) -> Iterator[httpcore.Response]:
        """A request to the target; every failure of the network leaves as a `FetchError`."""
        sent = {"Host": target.authority, "User-Agent": USER_AGENT, "Connection": "close"}
        sent |= dict(headers)
        origin = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        try:
            backend = PinnedBackend(self._addresses(target, deadline), deadline)
            tls = self._tls if target.scheme == "https" else None
            with (
                httpcore.HTTPConnection(origin.origin, tls, network_backend=backend) as connection,
                connection.stream(
                    method, origin, headers=list(sent.items()), content=body
                ) as response,
            ):
                yield response
        except httpcore.TimeoutException as error:
            raise refused(f"{self._timeout_s:g} 秒之内没有取完") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
            raise refused(f"连不上 {target.host}，或者它的回答不完整") from error

    def _addresses(self, target: Target, deadline: Deadline) -> Sequence[Address]:
        """Every address of the host, all of them allowed; raises `FetchError`."""
        found = _in_time(lambda: self._resolver(target.host, target.port), deadline)
        if not found:
            raise refused(f"查不到 {target.host} 的地址")
        # One that is not allowed among others is no slip of a public site: it is tried on purpose.
        if not all(self._is_allowed(address) for address in found):
            raise refused(f"{target.host} 不是公网地址，不会访问")
        return found

    def _body(self, response: httpcore.Response) -> bytes:
        if response.status != 200:
            raise refused(f"对方回答 HTTP {response.status}")
        encoding = _header(response, b"content-encoding").lower()
        if encoding not in ("", "identity"):
            raise refused("对方发来压缩过的内容，没有要求它这样做")
        declared = _header(response, b"content-length")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large()
        chunks, size = [], 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > self._max_bytes:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> ImageTooLargeError:
        return ImageTooLargeError(
            f"网址上的文件超过 {self._max_bytes / MIB:g} MiB 的上限", field="url"
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made when first needed: reading the certificates of the world takes a while."""
        return self._given_tls or httpcore.default_ssl_context()


def _in_time(work: Callable[[], Sequence[Address]], deadline: Deadline) -> Sequence[Address]:
    """Asks a resolver, which knows no time limit of its own, on a thread one can walk away from."""
    answer: queue.SimpleQueue[Sequence[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(work())
        except (OSError, ValueError) as error:  # ValueError: a name the system cannot encode
            answer.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.left_s())
    except queue.Empty as error:
        raise httpcore.TimeoutException("no answer from the resolver") from error
    return () if isinstance(found, Exception) else found


def _header(response: httpcore.Response, name: bytes) -> str:
    """A header's value, empty where it is not there."""
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1").strip()
    return ""
