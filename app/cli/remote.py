"""A running service as the commands see it: the client, with the key that the command was given."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from app.client import Client, Json

__all__ = ["API_KEY", "Json", "Remote"]

# The key that `tuqian --api-key` was given, for every service that a command speaks to.
API_KEY: ContextVar[str] = ContextVar("api_key", default="")


class Remote(Client):
    """What lies under one path of a service. Its methods raise `RemoteError`."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str] | None = None):
        super().__init__(url.rstrip("/") + path, API_KEY.get(), headers=headers)
