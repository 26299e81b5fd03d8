"""What the routers are handed."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from fastapi import Request

from app.access.access import Access
from app.batching.admission import Gate
from app.editor import Editor
from app.encoders.catalog import Model
from app.errors import NotReadyError
from app.jobs.desk import JobDesk
from app.learning import Learning
from app.metrics.counts import Counts
from app.snapshot import Live
from app.tagger import Tagger
from index.collection import ImageCollection


@dataclass(frozen=True)
class Service:
    """The parts behind the interface, and the limits it enforces itself."""

    tagger: Tagger
    live: Live
    models: tuple[Model, ...]
    max_images: int
    editor: Editor
    editing: Executor
    edit_gate: Gate
    collection: ImageCollection
    lint_gate: Gate
    quality_gate: Gate
    jobs: JobDesk
    learning: Learning
    access: Access
    counts: Counts


def service_of(request: Request) -> Service:
    """The running service; raises `NotReadyError` while there is none."""
    service = getattr(request.app.state, "service", None)
    if not isinstance(service, Service):
        raise NotReadyError("模型与词表尚未加载完成")
    return service
