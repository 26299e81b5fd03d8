"""Which stored images went, so that other processes can forget them too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "removed_images",
        sa.Column("place", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("model_key", sa.String(200), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("removed_images")
