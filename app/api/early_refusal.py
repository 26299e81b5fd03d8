"""Refusing before the work of reading: under overload most requests end here."""

from __future__ import annotations

from fastapi import Request

from app.batching.admission import Gate
from app.errors import OverloadedError

# A body up to this is read and thrown away, so that the connection can be used again; behind a
# longer one it is closed.
DRAINED_BYTES = 4 << 20


async def refuse_if_full(request: Request, gate: Gate) -> None:
    """Raises `OverloadedError` where not even one more image would be let in.

    Taking a form apart costs about as much as tagging does outside the encoder. A crowd whose
    forms are all read first takes that from those who are served.
    """
    try:
        gate.check()
    except OverloadedError:
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) <= DRAINED_BYTES:
            async for _ in request.stream():
                pass
        raise
