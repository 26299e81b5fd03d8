"""Clients that ask a running service over HTTP and note how long each answer took.

Written on plain sockets: on a small machine a comfortable HTTP client would take from the service
the very processor that is being measured.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer: its status (0 where the connection failed), times in seconds and milliseconds."""

    status: int
    began_s: float
    ms: float
    stages_ms: dict[str, float]


def upload(address: str, photo: bytes, path: str = "/v1/tag") -> bytes:
    """A `POST` of one photo as a form, as the bytes that go over the wire."""
    edge = uuid.uuid4().hex
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + photo + f"\r\n--{edge}--\r\n".encode()
    return request(address, path, f"multipart/form-data; boundary={edge}", body)


def request(address: str, path: str, content_type: str, body: bytes) -> bytes:
    """A `POST` as the bytes that go over the wire."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(address).netloc}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: keep-alive",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Client:
    """One connection, kept open; it is made anew after a failure."""

    def __init__(self, address: str):
        place = urlsplit(address)
        self._host, self._port = place.hostname or "127.0.0.1", place.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, message: bytes) -> Reply:
        """Sends a request and waits for the whole answer; once more over a new connection where
        the service had closed the one that was kept, which it may at any time.
        """
        began = time.monotonic()
        was_kept = self._streams is not None
        status, stages = await self._said_to(message)
        if status == 0 and was_kept:
            status, stages = await self._said_to(message)
        return Reply(status, began, (time.monotonic() - began) * 1000, stages)

    async def _said_to(self, message: bytes) -> tuple[int, dict[str, float]]:
        """Status and stages of the answer; 0 and none where there is no whole one."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(message)
            await writer.drain()
            return await _read_answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return 0, {}

    def close(self) -> None:
        """Closes the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(
    address: str, messages: Sequence[bytes], clients: int, seconds: float
) -> list[Reply]:
    """So many clients, each asking again as soon as it is answered."""
    turns = itertools.cycle(messages)
    until = time.monotonic() + seconds
    found: list[Reply] = []

    async def one() -> None:
        client = Client(address)
        while time.monotonic() < until:
            found.append(await client.ask(next(turns)))
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return found


async def open_loop(
    address: str, messages: Sequence[bytes], rate: float, seconds: float
) -> list[Reply]:
    """Requests at a steady rate, whether or not the earlier ones were answered."""
    turns: Iterator[bytes] = itertools.cycle(messages)
    idle: list[Client] = []
    found: list[Reply] = []

    async def one(message: bytes) -> None:
        client = idle.pop() if idle else Client(address)
        found.append(await client.ask(message))
        idle.append(client)

    began = time.monotonic()
    tasks = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        tasks.append(asyncio.ensure_future(one(next(turns))))
    await asyncio.gather(*tasks)
    for client in idle:
        client.close()
    return found


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, float]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
    }
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split(" ")[1]), _stages(headers.get("server-timing", ""))


def _stages(header: str) -> dict[str, float]:
    stages = {}
    for part in filter(None, header.split(",")):
        name, _, duration = part.strip().partition(";dur=")
        stages[name] = float(duration or 0)
    return stages
