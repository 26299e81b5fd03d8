"""The tables of the stored images; `app.migrations` creates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
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
)
from sqlalchemy.dialects.postgresql import JSONB

# SQLite takes 32,766 parameters in a statement, older ones 999.
MOST_PARAMETERS = 500

Item = TypeVar("Item")
Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

# One row for each content under each model. A row's vector never changes and its number is never
# given again, so an index is up to date as soon as it holds the same numbers.
images = Table(
    "images",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("model_key", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("pixel_digest", String(64), nullable=False),
    Column("hash", LargeBinary, nullable=False),  # 256 bits
    Column("hash_quality", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String(16), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("vector_type", String(8), nullable=False),
    Column("vector", LargeBinary, nullable=False),  # little-endian, of `vector_type`
    Column("copy_vector", LargeBinary),  # float16, little-endian
    Column("thumbnail", LargeBinary, nullable=False),
    Column("tags_revision", Integer),  # null: never tagged
    UniqueConstraint("model_key", "sha256", name="uq_images_sha256"),
    Index("ix_images_pixel_digest", "model_key", "pixel_digest"),
    sqlite_autoincrement=True,
)

# The callers' own names of a content, each with the caller's metadata; the content goes with
# its last name.
image_names = Table(
    "image_names",
    metadata,
    Column("model_key", String(200), nullable=False),
    Column("id", String(200), nullable=False),
    Column("number", Number, ForeignKey("images.number", ondelete="CASCADE"), nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("metadata", JSON().with_variant(JSONB, "postgresql"), nullable=False),
    PrimaryKeyConstraint("model_key", "id", name="pk_image_names"),
    Index("ix_image_names_number", "number"),
)

image_tags = Table(
    "image_tags",
    metadata,
    Column("number", Number, ForeignKey("images.number", ondelete="CASCADE"), nullable=False),
    Column("tag_id", String(64), nullable=False),
    Column("confidence", Float, nullable=False),
    PrimaryKeyConstraint("number", "tag_id", name="pk_image_tags"),
    Index("ix_image_tags_tag_id", "tag_id"),
)

# Removals in their order, for the processes that keep an index: a number here is never used again.
removed_images = Table(
    "removed_images",
    metadata,
    Column("place", Number, primary_key=True, autoincrement=True),
    Column("model_key", String(200), nullable=False),
    Column("number", Number, nullable=False),
    sqlite_autoincrement=True,
)


def batches(items: Sequence[Item], size: int = MOST_PARAMETERS) -> Iterator[Sequence[Item]]:
    """`items` in order, in pieces that fit the parameters of one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
