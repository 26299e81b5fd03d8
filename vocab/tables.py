"""The tables of the vocabulary; `app.migrations` creates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# SQLite takes 32,766 parameters in a statement, older ones 999.
MOST_PARAMETERS = 500

Item = TypeVar("Item")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

revisions = Table(
    "revisions",
    metadata,
    # Numbered by the writer, who is alone: numbers have no gaps and are in the order of commits.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_tags", Integer, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("id", String(64), primary_key=True),
    # Where the tag stands in the order of creation; an id keeps its place when it comes back.
    Column("position", BigInteger, nullable=False),
    Column("revision", Integer, ForeignKey("revisions.number"), nullable=False),
    Column("category", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("name_key", Text, nullable=False),
    # Normalised names, and pinyin in full and by initials, each between line breaks.
    Column("names_text", Text, nullable=False),
    Column("pinyin_text", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("position"),
)

tag_names = Table(
    "tag_names",
    metadata,
    Column("tag_id", String(64), ForeignKey("tags.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("tag_id", "key"),
    Index(
        "uq_tag_names_active_key",
        "key",
        unique=True,
        sqlite_where=text("active"),
        postgresql_where=text("active"),
    ),
    Index("ix_tag_names_key", "key"),
)

tag_versions = Table(
    "tag_versions",
    metadata,
    Column("tag_id", String(64), nullable=False),
    Column("revision_id", Integer, ForeignKey("revisions.number"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("body", Text),  # null: the tag was deleted
    # Two writers of one version collide here instead of losing an update.
    PrimaryKeyConstraint("tag_id", "revision_id"),
    Index("ix_tag_versions_revision_id", "revision_id"),
)

tag_embeddings = Table(
    "tag_embeddings",
    metadata,
    Column("model_key", String(200), nullable=False),
    Column("text_digest", String(128), nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
    PrimaryKeyConstraint("model_key", "text_digest"),
)

tag_examples = Table(
    "tag_examples",
    metadata,
    # No foreign key: vectors are stored before the edit that names them, and outlive a tag that
    # a roll-back may bring back.
    Column("tag_id", String(64), nullable=False),
    Column("model_key", String(200), nullable=False),
    Column("example_id", String(128), nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
    PrimaryKeyConstraint("tag_id", "model_key", "example_id"),
    Index("ix_tag_examples_model_key", "model_key"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("author", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("request_digest", String(128), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("author", "key"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)


def batches(items: Sequence[Item], size: int = MOST_PARAMETERS) -> Iterator[Sequence[Item]]:
    """`items` in order, in pieces that fit the parameters of one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
