"""Counts the bytes of a body, and its seconds, while it is read, and stops at the limit."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problem_table import RequestTooLargeError, SlowRequestError
from app.api.problems import problem_response
from app.errors import TuqianError


class BodyLimit:
    """Middleware: a body that says it is too large is refused unread, one that lies is cut off.

    So is one that is still on its way after `timeout_s`: a caller who sends a byte a minute would
    hold a connection for ever.
    """

    def __init__(self, app: ASGIApp, max_request_bytes: int, timeout_s: float = 300.0):
        self._app = app
        self._max_bytes = max_request_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > self._max_bytes:
            # The caller is still sending; saying so lets it stop instead of finding a dead end.
            response = problem_response(self._too_large(), headers={"Connection": "close"})
            await response(scope, receive, send)
            return
        read = 0
        deadline = time.monotonic() + self._timeout_s
        over: TuqianError | None = None
        complete = answered = False

        async def counted() -> Message:
            nonlocal read, over, complete
            if complete:  # whoever asks now waits for the caller to leave, and may wait
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except asyncio.TimeoutError as error:  # its own class until Python 3.11
                over = self._too_slow()
                raise over from error
            complete = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                over = self._too_large()
                raise over
            return message

        async def corrected(message: Message) -> None:
            # FastAPI takes whatever stops it from reading a body for a body it cannot parse.
            nonlocal answered
            if over is None:
                await send(message)
            elif not answered:
                answered = True
                response = problem_response(over, headers={"Connection": "close"})
                await response(scope, receive, send)

        await self._app(scope, counted, corrected)

    def _too_large(self) -> RequestTooLargeError:
        limit = self._max_bytes / (1 << 20)
        return RequestTooLargeError(f"请求体超过 {limit:g} MiB 的上限", field="body")

    def _too_slow(self) -> SlowRequestError:
        return SlowRequestError(f"{self._timeout_s:g} 秒之内没有收完请求体", field="body")
