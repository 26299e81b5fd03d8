"""Work for a caller who may leave before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

T = TypeVar("T")


class CallerLeftError(Exception):
    """The connection was closed; nobody will read the answer."""


async def while_present(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which is cancelled when the connection closes.

    The body must have been read: after it, the next message can only be the disconnection.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise CallerLeftError
    finally:
        task.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
