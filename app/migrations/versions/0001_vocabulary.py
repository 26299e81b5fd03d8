"""The vocabulary: tags, names, history, vectors and idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer, autoincrement=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_tags", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_revisions"),
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.String(64)),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("names_text", sa.Text, nullable=False),
        sa.Column("pinyin_text", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
        sa.UniqueConstraint("position", name="uq_tags_position"),
        sa.ForeignKeyConstraint(["revision"], ["revisions.number"], name="fk_tags_revision"),
    )
    op.create_table(
        "tag_names",
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("tag_id", "key", name="pk_tag_names"),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name="fk_tag_names_tag_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_tag_names_key", "tag_names", ["key"])
    op.create_index(
        "uq_tag_names_active_key",
        "tag_names",
        ["key"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "tag_versions",
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("revision_id", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("tag_id", "revision_id", name="pk_tag_versions"),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revisions.number"], name="fk_tag_versions_revision_id"
        ),
    )
    op.create_index("ix_tag_versions_revision_id", "tag_versions", ["revision_id"])
    _create_side_tables()


def _create_side_tables() -> None:
    op.create_table(
        "tag_embeddings",
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("text_digest", sa.String(128), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("model_key", "text_digest", name="pk_tag_embeddings"),
    )
    op.create_table(
        "tag_examples",
        sa.Column("tag_id", sa.String(64), nullable=False),
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("example_id", sa.String(128), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tag_id", "model_key", "example_id", name="pk_tag_examples"),
    )
    op.create_index("ix_tag_examples_model_key", "tag_examples", ["model_key"])
    op.create_table(
        "idempotency_keys",
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("request_digest", sa.String(128), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("author", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
