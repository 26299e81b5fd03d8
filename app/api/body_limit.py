"""Counts the bytes of a body while it is read, and stops at the limit."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problem_table import RequestTooLargeError
from app.api.problems import problem_response


class BodyLimit:
    """Middleware: a body that says it is too large is refused unread, one that lies is cut off."""

    def __init__(self, app: ASGIApp, max_request_bytes: int):
        self._app = app
        self._max_bytes = max_request_bytes

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
        over = answered = False

        async def counted() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                over = True
                raise self._too_large()
            return message

        async def corrected(message: Message) -> None:
            # FastAPI takes whatever stops it from reading a body for a body it cannot parse.
            nonlocal answered
            if not over:
                await send(message)
            elif not answered:
                answered = True
                await problem_response(self._too_large())(scope, receive, send)

        await self._app(scope, counted, corrected)

    def _too_large(self) -> RequestTooLargeError:
        limit = self._max_bytes / (1 << 20)
        return RequestTooLargeError(f"请求体超过 {limit:g} MiB 的上限", field="body")
