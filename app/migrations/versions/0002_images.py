"""The stored images: contents with their vectors, callers' names, and tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "images",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("pixel_digest", sa.String(64), nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("hash_quality", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vector_type", sa.String(8), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("copy_vector", sa.LargeBinary),
        sa.Column("thumbnail", sa.LargeBinary, nullable=False),
        sa.Column("tags_revision", sa.Integer),
        sa.UniqueConstraint("model_key", "sha256", name="uq_images_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_pixel_digest", "images", ["model_key", "pixel_digest"])
    _create_names()
    _create_tags()


def _create_names() -> None:
    op.create_table(
        "image_names",
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metadata", sa.JSON().with_variant(JSONB, "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("model_key", "id", name="pk_image_names"),
        sa.ForeignKeyConstraint(
            ["number"], ["images.number"], name="fk_image_names_number", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_image_names_number", "image_names", ["number"])


def _create_tags() -> None:
    op.create_table(
        "image_tags",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("number", "tag_id", name="pk_image_tags"),
        sa.ForeignKeyConstraint(
            ["number"], ["images.number"], name="fk_image_tags_number", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_image_tags_tag_id", "image_tags", ["tag_id"])
