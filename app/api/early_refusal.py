"""Refusing before the work of reading: under overload most requests end here."""

from __future__ import annotations

import logging
import math
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import Service
from app.api.problems import problem_response
from app.errors import OverloadedError

# The requests that need a place for their images.
PATHS = frozenset({"/v1/tag", "/predict"})
# A body up to this is thrown away as it comes, by the server, so that the connection can be used
# again; behind a longer one it is closed.
DRAINED_BYTES = 4 << 20
SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger(__name__)


class EarlyRefusal:
    """Middleware: answers 503 at once where not even one more image would be let in.

    Finding out who calls, finding the route and taking a form apart cost about as much as tagging
    does outside the encoder. A crowd that is all looked at first takes that from those who are
    served. For the same reason they share a line of the log; the metrics count each of them.
    """

    def __init__(self, app: ASGIApp):
        self._app = app
        self._refused, self._said = 0, -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or refuses it before any of its body is read."""
        if scope["type"] == "http" and scope["path"] in PATHS and scope["method"] == "POST":
            service = getattr(scope["app"].state, "service", None)
            if isinstance(service, Service):
                try:
                    service.tagger.gate.check()
                except OverloadedError as error:
                    scope.setdefault("state", {}).update(route=scope["path"], quiet=True)
                    self._say()
                    response = problem_response(error, headers=_farewell(Headers(scope=scope)))
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _say(self) -> None:
        """A warning at the first refusal, and then how many there were since the last."""
        self._refused += 1
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            log.warning("%d requests refused: the house is full", self._refused)
            self._refused, self._said = 0, now


def _farewell(headers: Headers) -> dict[str, str]:
    length = headers.get("content-length", "")
    is_short = length.isascii() and length.isdigit() and int(length) <= DRAINED_BYTES
    return {} if is_short else {"Connection": "close"}
