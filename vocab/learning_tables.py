"""The tables of what is learned from use: judgements, and the sample of the traffic."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from vocab.tables import metadata

Number = BigInteger().with_variant(Integer, "sqlite")

# A verdict stays with the vector it was passed on, so that it can be weighed again whenever the
# tag, the bank or the score changes; it outlives the image.
judgements = Table(
    "judgements",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("model_key", String(200), nullable=False),
    Column("author", String(200), nullable=False),
    Column("image", String(80), nullable=False),
    Column("tag_id", String(64), nullable=False),
    Column("tag_name", Text, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("image_id", String(200)),
    Column("revision", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian
    # One verdict for each author, image and tag: the last one.
    UniqueConstraint("model_key", "tag_id", "image", "author", name="uq_judgements_verdict"),
    sqlite_autoincrement=True,
)

# When the judgements of a tag last changed, deletions included, so that other processes know
# which tags to weigh again. The writer, who is alone, numbers the changes.
judged_tags = Table(
    "judged_tags",
    metadata,
    Column("model_key", String(200), nullable=False),
    Column("tag_id", String(64), nullable=False),
    Column("change", Number, nullable=False),
    PrimaryKeyConstraint("model_key", "tag_id"),
    Index("ix_judged_tags_change", "model_key", "change"),
)

# `seen` counts the answers offered, `measured` is the number of distinct images at the last time
# the tags were measured with the sample.
traffic = Table(
    "traffic",
    metadata,
    Column("model_key", String(200), nullable=False),
    Column("salt", String(64), nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("measured", BigInteger, nullable=False),
    Column("measured_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("model_key"),
)

# The images of the lowest ranks: a uniform sample of the different images seen.
traffic_images = Table(
    "traffic_images",
    metadata,
    Column("model_key", String(200), nullable=False),
    Column("rank", String(16), nullable=False),  # hexadecimal, drawn from the digest and the salt
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float16, little-endian
    PrimaryKeyConstraint("model_key", "rank"),
)
