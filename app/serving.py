"""Running the application in a process of its own: socket, signals, the lines at the start."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.api.header_limit import LimitedHeaders
from app.errors import SettingsError
from app.logs import begin_logging


class Server(uvicorn.Server):
    """Says when it is ready, and leaves at once when told to during a long start."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]):
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, then announces it."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops gracefully; before the service is up there is nothing to lose by leaving now.

        A download goes on where it stopped, and the database survives a kill.
        """
        if not self.started:
            sys.stderr.flush()
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


class _QuietFailure(logging.Filter):
    """Drops Starlette's traceback of a start-up error that the command explains itself."""

    def __init__(self, app: FastAPI):
        super().__init__()
        self._app = app

    def filter(self, record: logging.LogRecord) -> bool:
        """False for the traceback of a foreseen error."""
        foreseen = getattr(self._app.state, "failure", None) is not None
        return not (foreseen and record.getMessage().startswith("Traceback"))


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, before anything slow; raises `SettingsError` where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named. With it on, the body of
    # each answer waited 40 ms for the caller to acknowledge the headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"无法监听 {host}:{port}（{error.strerror or error}）",
            field="TUQIAN_PORT",
            remedy="端口可能已被占用：换一个端口，例如 --port 8001，或结束占用它的程序。",
        ) from error
    return listener


def serve(
    app: FastAPI,
    listener: socket.socket,
    log_level: str,
    log_format: str,
    ready: Callable[[], None],
    shutdown_timeout_s: float,
) -> Exception | None:
    """Serves until a signal comes, and answers what kept it from starting, if anything did.

    Then nobody new is let in, and what is under way has `shutdown_timeout_s` seconds to end.
    """
    begin_logging(log_level, log_format)
    logging.getLogger("uvicorn.error").addFilter(_QuietFailure(app))
    # uvicorn raises the signal again once it has shut down; a stop that was asked for is success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        http=LimitedHeaders,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=math.ceil(shutdown_timeout_s),
    )
    server = Server(config, ready)
    with contextlib.suppress(SystemExit):  # uvicorn's own way out of a start that failed
        server.run(sockets=[listener])
    failure: Exception | None = getattr(app.state, "failure", None)
    return failure or (None if server.started else RuntimeError("the service did not start"))
