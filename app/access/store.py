"""Keys in the database: made, listed, revoked, and how much each was used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone

from sqlalchemy import Row, insert, select, update

from app.access.audit import Deed, write_deed
from app.access.keys import Key, new_token
from app.access.roles import WORDS, Role
from app.access.tables import api_keys, in_utc, key_usage
from app.database import Database
from app.errors import KeyExistsError, KeyNotFoundError, SettingsError

# A name goes into histories and log lines: one line, no spaces to quote.
NAME = re.compile(r"[^\W_][\w.@-]{0,63}")


class KeyStore:
    """The keys of a database. A change and its entry in the audit are one transaction."""

    def __init__(self, database: Database):
        self._database = database

    def create(
        self,
        name: str,
        role: str,
        *,
        rate_per_s: float = 0.0,
        daily_requests: int = 0,
        actor: str = "",
    ) -> tuple[Key, str]:
        """A new key and its token, which cannot be had again.

        Raises `SettingsError` for a name or role that is none, `KeyExistsError` for a name that a
        key has or had.
        """
        if not NAME.fullmatch(name):
            raise SettingsError(
                f"密钥名 {name[:64]!r} 不能用",
                field="NAME",
                remedy="1 到 64 个字母、数字、汉字、点、横线、下划线或 @，以字母、数字或汉字开头。",
            )
        if role not in WORDS:
            raise SettingsError(
                f"没有角色 {role[:64]!r}", field="--role", remedy=f"可用：{'、'.join(WORDS)}。"
            )
        key_id, token, digest = new_token()
        now = datetime.now(timezone.utc)
        key = Key(key_id, name, Role.of(role), digest, now, None, rate_per_s, daily_requests)
        with self._database.write() as connection:
            taken = connection.execute(select(api_keys.c.id).where(api_keys.c.name == name))
            if taken.first() is not None:
                raise KeyExistsError(f"已经有过名为 {name} 的密钥", field="NAME")
            connection.execute(insert(api_keys).values(**_row(key)))
            write_deed(connection, Deed(actor, "创建密钥", f"{name} ({role})"))
        return key, token

    def revoke(self, named: str, *, actor: str = "") -> Key:
        """Revokes the key of that name or id; raises `KeyNotFoundError` where none is valid."""
        found = (api_keys.c.name == named) | (api_keys.c.id == named)
        valid = found & api_keys.c.revoked_at.is_(None)
        now = datetime.now(timezone.utc)
        with self._database.write() as connection:
            row = connection.execute(select(api_keys).where(valid)).first()
            if row is None:
                raise KeyNotFoundError(f"没有有效的密钥 {named[:64]}", field="KEY")
            key = _key(row)
            change = update(api_keys).where(api_keys.c.id == key.id).values(revoked_at=now)
            connection.execute(change)
            write_deed(connection, Deed(actor, "吊销密钥", f"{key.name} ({key.role.word})"))
        return replace(key, revoked_at=now)

    def all(self) -> Sequence[Key]:
        """Every key there ever was, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at))
            return [_key(row) for row in rows]

    def used(self, day: date) -> Mapping[str, int]:
        """The requests of each key, by id, on a day (UTC)."""
        wanted = select(key_usage.c.key_id, key_usage.c.requests).where(key_usage.c.day == day)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(wanted)}

    def last_days(self) -> Mapping[str, date]:
        """The last day (UTC) on which each key, by id, was used."""
        wanted = select(key_usage.c.key_id, key_usage.c.day).order_by(key_usage.c.day)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(wanted)}

    def add_use(self, counts: Mapping[tuple[str, date], int]) -> None:
        """Adds to the requests of keys on days."""
        table = key_usage.c
        with self._database.write() as connection:
            for (key_id, day), count in counts.items():
                here = (table.key_id == key_id) & (table.day == day)
                more = update(key_usage).where(here).values(requests=table.requests + count)
                if connection.execute(more).rowcount == 0:
                    first = insert(key_usage).values(key_id=key_id, day=day, requests=count)
                    connection.execute(first)


def _row(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.word,
        "digest": key.digest,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "rate_per_s": key.rate_per_s,
        "daily_requests": key.daily_requests,
    }


def _key(row: Row[tuple[object, ...]]) -> Key:
    one = dict(row._mapping)
    revoked = one["revoked_at"]
    return Key(
        **one
        | {
            "role": Role.of(one["role"]),
            "created_at": in_utc(one["created_at"]),
            "revoked_at": None if revoked is None else in_utc(revoked),
        }
    )
