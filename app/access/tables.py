"""The tables of keys, of their use, and of what was done."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

metadata = MetaData()
Number = BigInteger().with_variant(Integer, "sqlite")

# A revoked key keeps its row: the name in a history must never come to mean somebody else.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("rate_per_s", Float, nullable=False),
    Column("daily_requests", Integer, nullable=False),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", String(16), nullable=False),
    Column("day", Date, nullable=False),
    Column("requests", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_id", "day"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(500), nullable=False),
    Column("revision", Integer),
    Column("request_id", String(64), nullable=False),
    sqlite_autoincrement=True,
)


def in_utc(time: datetime) -> datetime:
    """A time as the database gives it back, with the zone that SQLite forgets."""
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time
