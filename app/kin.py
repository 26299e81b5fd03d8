"""Who is above a tag in the hierarchy, as far as it takes part in tagging, and who beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.numbers import Numbers, Rows, measured
from app.snapshot import Snapshot
from vocab.tags import Tag


def parents_of(snapshot: Snapshot, tag: Tag) -> Iterator[Tag]:
    """The active parents; a paused one takes no part in tagging."""
    for parent in tag.parents:
        row = snapshot.positions.get(parent)
        if row is not None:
            yield snapshot.tags[row]


def ancestors_of(snapshot: Snapshot, tag: Tag) -> list[int]:
    """Rows of every active ancestor, nearest first, each once (the store allows no cycle)."""
    if not tag.parents:
        return []
    found: dict[int, None] = {}
    waiting = list(parents_of(snapshot, tag))
    while waiting:
        parent = waiting.pop(0)
        row = snapshot.positions[parent.id]
        if row not in found:
            found[row] = None
            waiting.extend(parents_of(snapshot, parent))
    return list(found)


def without_outdone(snapshot: Snapshot, numbers: Numbers, order: Rows) -> Rows:
    """The rows but those whose exclusive group has a surer tag, whether that one passes or not."""
    groups = snapshot.exclusive_rows
    outdone = [
        row for row in order.tolist() if row in groups and row != surest(numbers, groups[row])
    ]
    return order[~np.isin(order, outdone)] if outdone else order


def surest(numbers: Numbers, rows: Rows) -> int:
    """The row of the highest logit, the first of equal ones."""
    ((_, logits),) = measured([numbers], [rows])
    return int(rows[np.argmax(logits)])


def differing(
    snapshot: Snapshot, order: Sequence[int], top_k: int, keep_parents: bool
) -> list[int]:
    """The first `top_k` of `order` that say something the others do not, in the same order.

    The walk ends when they are found, so it is short however many tags have passed.
    """
    kept: list[int] = []
    groups: set[str] = set()
    above: set[int] = set()  # the ancestors of those kept
    for row in order:
        if len(kept) == top_k:
            break
        tag = snapshot.tags[row]
        ancestors = [] if keep_parents else ancestors_of(snapshot, tag)
        if tag.exclusive_group in groups or row in above or not set(kept).isdisjoint(ancestors):
            continue
        kept.append(row)
        above.update(ancestors)
        if tag.exclusive_group:
            groups.add(tag.exclusive_group)
    return kept
