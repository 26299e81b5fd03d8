"""A line for every request, an id on every line, and an answer to what nobody foresaw."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem_response
from app.logs import REQUEST_ID

log = logging.getLogger("tuqian.request")

HEADER = "X-Request-ID"
ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_PATH = 200
# Asked every few seconds by machines; only worth a line to who looks for one.
QUIET = ("/healthz", "/readyz", "/metrics")


class RequestLog:
    """Middleware: takes or gives the request's id, and says at the end what became of it."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; an error that comes out here is told to the log, not the caller."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        given = Headers(scope=scope).get(HEADER, "")
        number = given if ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex
        kept = REQUEST_ID.set(number)
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            log.exception("unforeseen error")
            if status:  # half an answer is out; the server must cut the connection
                raise
            await problem_response(error)(scope, receive, noted)
        finally:
            _say(scope, status, (time.monotonic() - began) * 1000)
            REQUEST_ID.reset(kept)


def _say(scope: Scope, status: int, spent_ms: float) -> None:
    state = scope.get("state", {})
    is_quiet = state.get("quiet") or (scope["path"] in QUIET and status < 400)
    level = logging.DEBUG if is_quiet else logging.INFO
    if not log.isEnabledFor(level):
        return
    caller = state.get("caller")
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    fields = {
        "method": scope["method"],
        "route": state.get("route", ""),
        "path": raw.decode("ascii", "replace")[:MAX_PATH],
        "status": status,
        "ms": round(spent_ms, 1),
        "key": caller.name if caller else "",
    }
    log.log(
        level,
        "%(method)s %(path)s %(status)d %(ms).1f ms" + (" %(key)s" if fields["key"] else ""),
        fields,
        extra={"fields": fields},
    )
