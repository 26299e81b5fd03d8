"""Every router of the interface, in the order the documentation shows them."""

from __future__ import annotations

from fastapi import FastAPI

from app.api import (
    audit,
    feedback,
    health,
    images,
    jobs,
    metrics,
    quality,
    tag,
    vocabulary,
    vocabulary_examples,
    vocabulary_files,
    vocabulary_history,
    vocabulary_insight,
)

ROUTERS = (
    tag.router,
    images.router,
    feedback.router,
    quality.router,
    jobs.router,
    health.router,
    metrics.router,
    audit.router,
    vocabulary.router,
    vocabulary_files.router,
    vocabulary_history.router,
    vocabulary_insight.router,
    vocabulary_examples.router,
)


def add_routers(app: FastAPI) -> None:
    """Adds them to an application."""
    for router in ROUTERS:
        app.include_router(router)
