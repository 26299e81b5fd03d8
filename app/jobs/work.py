"""Some items of a job to their results: what the runner does again and again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.errors import EncoderError, RequestTimeoutError
from app.jobs.job import Item, ItemResult, Job
from app.recall import Name
from app.tagger import Problem, Tagged, Tagger

# Niceness of the threads that decode for jobs: those of requests go first.
BACKGROUND = 10


@dataclass(frozen=True)
class Rendering:
    """How results and errors look as JSON objects: as in the answers of the interface."""

    result: Callable[[Tagged | Problem], Mapping[str, Any]]
    error: Callable[[Exception], Mapping[str, Any]]


async def results_of(
    tagger: Tagger, job: Job, items: Sequence[Item], rendering: Rendering
) -> list[ItemResult]:
    """Tags items in bulk priority; each gets a result, good or bad.

    Where the encoder fails or the time is up, each is tried by itself, so that one bad item takes
    no other along. Raises `InvalidRequestError` and whatever else concerns the job as a whole.
    """
    names = [Name(source=item.value if item.kind == "url" else "") for item in items]
    try:
        answer = await tagger.tag([one.source for one in items], job.options, names, "bulk")
    except (RequestTimeoutError, EncoderError) as error:
        if len(items) == 1:
            return [_failure(tagger, items[0], rendering.error(error))]
        each = [await results_of(tagger, job, [item], rendering) for item in items]
        return [result for results in each for result in results]
    made = {"model": answer.model, "vocabulary_revision": answer.revision}
    return [
        ItemResult(item.position, isinstance(result, Tagged), _line(item, made, result, rendering))
        for item, result in zip(items, answer.results, strict=True)
    ]


def step_back() -> None:
    """Makes the calling thread yield to the others, where the system knows how (Linux)."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND)


def _line(
    item: Item, made: Mapping[str, Any], result: Tagged | Problem, rendering: Rendering
) -> dict[str, Any]:
    return {"index": item.position, item.kind: item.value, **made, **rendering.result(result)}


def _failure(tagger: Tagger, item: Item, problem: Mapping[str, Any]) -> ItemResult:
    line = {
        "index": item.position,
        item.kind: item.value,
        "model": tagger.encoder.name,
        "vocabulary_revision": tagger.live.current().revision,
        "status": "error",
        "problem": problem,
    }
    return ItemResult(item.position, ok=False, line=line)
