"""What stands before the service, made from numbers: the door and the list of what was changed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from app.access.audit import AuditLog
from app.access.door import Door, check_door
from app.access.roles import Role
from app.access.store import KeyStore
from app.database import Database


@dataclass(frozen=True)
class Access:
    """Who comes in, and what they did."""

    door: Door
    audit: AuditLog


def access_of(
    database: Database, stack: ExitStack, *, host: str, allow_anonymous: bool, anonymous_role: str
) -> Access:
    """The door of a service that listens on `host`; leaving the stack closes it."""
    door = Door(
        KeyStore(database),
        host=host,
        allow_anonymous=allow_anonymous,
        anonymous_role=Role.of(anonymous_role),
    )
    stack.callback(door.close)
    return Access(door, AuditLog(database))


def check_access(url: str, host: str, allow_anonymous: bool) -> None:
    """Raises `SettingsError`, before anything slow, where strangers could come in unasked."""
    database = Database(url)
    try:
        database.migrate()
        check_door(host, KeyStore(database).all(), allow_anonymous)
    finally:
        database.close()
