"""A decoder in a process of its own: `python -m app.intake.decoder_process SOCKET MEMORY`.

It is sent files over a socket, leaves their pixels in shared memory and says so, one after the
other, until the socket ends. Both are descriptors.
What a file may do to it stays with it: the service learns that it is gone and starts another.
Nothing it sends is trusted to be more than numbers, texts and pixels.
"""

from __future__ import annotations

import json
import resource
import socket
import struct
import sys
import time
from collections.abc import Mapping
from typing import Any

from app import errors
from app.intake.decode import decode
from app.intake.limits import Limits
from app.intake.shared_pixels import SharedPixels

# The length of a header and of what follows it.
LENGTHS = struct.Struct("<II")
LONGEST_HEADER = 1 << 16
# Address space of the process: what decoding may take at its peak, and the libraries.
MEMORY_BYTES = 3 << 30

REFUSALS: Mapping[str, type[errors.ImageError]] = {
    one.__name__: one
    for one in (
        errors.CorruptImageError,
        errors.EmptyImageError,
        errors.ImageError,
        errors.ImageTooLargeError,
        errors.UnsupportedImageError,
    )
}


def send(wire: socket.socket, header: Mapping[str, Any], body: bytes) -> None:
    """Sends a message; raises `OSError`, a time limit of the socket included."""
    head = json.dumps(header).encode()
    wire.sendall(LENGTHS.pack(len(head), len(body)) + head)
    wire.sendall(body)


def receive(
    wire: socket.socket, *, most: int | None = None, until: float | None = None
) -> tuple[dict[str, Any], bytearray]:
    """A message of at most `most` bytes that is there when the monotonic clock reads `until`.

    Raises `EOFError` where the other end is gone, `OSError` (`TimeoutError`) and `ValueError`.
    """
    head_size, body_size = LENGTHS.unpack(_exactly(wire, LENGTHS.size, until))
    if head_size > LONGEST_HEADER or (most is not None and body_size > most):
        raise ValueError("a message is longer than it can be")
    header = json.loads(_exactly(wire, head_size, until))
    if not isinstance(header, dict):
        raise ValueError("a header is an object")
    return header, _exactly(wire, body_size, until)


def _exactly(wire: socket.socket, count: int, until: float | None) -> bytearray:
    kept = bytearray(count)
    view, at = memoryview(kept), 0
    while at < count:
        if until is not None:
            wire.settimeout(max(0.001, until - time.monotonic()))
        got = wire.recv_into(view[at:])
        if not got:
            raise EOFError
        at += got
    return kept


def answer(header: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """What is sent back for a file: what it shows, or why it cannot be used."""
    try:
        found = decode(data, Limits(**header["limits"]), header["enough_side"])
    except errors.ImageError as error:
        refusal = {"refusal": type(error).__name__, "message": str(error)}
        return refusal | {"field": error.field, "remedy": error.remedy}, b""
    facts = {
        "width": found.width,
        "height": found.height,
        "format": found.format,
        "sha256": found.sha256,
        "size": found.image.size,
    }
    return facts, found.image.tobytes()


def main(descriptor: int, memory: int) -> None:
    """Answers until the other end is gone."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    shared = SharedPixels(memory)
    with socket.socket(fileno=descriptor) as wire:
        send(wire, {}, b"")
        while True:
            try:
                header, data = receive(wire)
            except EOFError:
                return
            facts, pixels = answer(header, bytes(data))
            send(wire, facts, b"" if shared.put(pixels) else pixels)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
