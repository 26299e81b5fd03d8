"""How log lines look, and the request that each belongs to."""

from __future__ import annotations

import contextvars
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

TALKATIVE = ("httpx", "httpcore", "alembic", "python_multipart", "PIL")
# Whatever got a key into a message, an address or a trace: its secret does not leave here.
SECRET = re.compile(r"(tq_[0-9a-f]{10})_[0-9a-f]{16,}")


class TextFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the request's id at its end."""
        number = REQUEST_ID.get()
        line = super().format(record) + (f" [{number}]" if number else "")
        return without_secrets(line)


class JsonFormatter(logging.Formatter):
    """One JSON object on a line; `fields` of a record stand beside the usual ones."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if number := REQUEST_ID.get():
            said["request_id"] = number
        said |= getattr(record, "fields", {})
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(said, ensure_ascii=False, default=str))


class CarryingPool(ThreadPoolExecutor):
    """Threads whose log lines belong to the request that the work was given by."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs the work in the context of the caller."""
        return super().submit(partial(contextvars.copy_context().run, fn, *args, **kwargs))


def without_secrets(line: str) -> str:
    """The line with the secret of every key in it left out."""
    return SECRET.sub(r"\1_…", line)


def begin_logging(level: str, form: str) -> None:
    """Sends every log line to stderr, as `text` or as `json`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel("ERROR")
