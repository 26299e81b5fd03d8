"""The tables of the jobs; `app.migrations` creates them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

# The counts say what `job_items` says, and change in the same transaction.
jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("options", JSON, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("problem", JSON),
    UniqueConstraint("id", name="uq_jobs_id"),
    Index("ix_jobs_state", "state"),
    sqlite_autoincrement=True,
)

# A row is its item and, later, its result, so that no item can have two.
job_items = Table(
    "job_items",
    metadata,
    Column(
        "job",
        Number,
        ForeignKey("jobs.number", name="fk_job_items_job", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("position", Integer, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, done, failed
    Column("kind", String(8), nullable=False),  # url, image_id
    Column("value", Text, nullable=False),
    Column("line", Text),  # JSON
    PrimaryKeyConstraint("job", "position", name="pk_job_items"),
)

# To whom the end of a job is told; due once the job has finished.
job_webhooks = Table(
    "job_webhooks",
    metadata,
    Column(
        "job",
        Number,
        ForeignKey("jobs.number", name="fk_job_webhooks_job", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("url", Text, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, delivered, given_up
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True)),  # null: the job has not finished
    Column("last_error", Text, nullable=False),
    Index("ix_job_webhooks_due", "state", "due_at"),
)

# The one process that works on jobs, of those that share the database.
job_leases = Table(
    "job_leases",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)
