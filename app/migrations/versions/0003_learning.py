"""What is learned from use: judgements, and the sample of the traffic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "judgements",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("image", sa.String(80), nullable=False),
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("tag_name", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("image_id", sa.String(200)),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("model_key", "tag_id", "image", "author", name="uq_judgements_verdict"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "judged_tags",
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("change", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("model_key", "tag_id", name="pk_judged_tags"),
    )
    op.create_index("ix_judged_tags_change", "judged_tags", ["model_key", "change"])
    _create_traffic()


def _create_traffic() -> None:
    op.create_table(
        "traffic",
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("measured", sa.BigInteger, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("model_key", name="pk_traffic"),
    )
    op.create_table(
        "traffic_images",
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("rank", sa.String(16), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("model_key", "rank", name="pk_traffic_images"),
    )
