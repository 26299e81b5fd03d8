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
    """`order`, surest first, with at most one tag of each exclusive group: the surest of the whole
    group, and none where that one has not passed.
    """
    met: set[str] = set()
    outdone: list[int] = []
    for row in order.tolist():
        group = snapshot.tags[row].exclusive_group
        if not group:
            continue
        if group in met or row != surest(numbers, snapshot.exclusive_groups[group]):
            outdone.append(row)
        met.add(group)
    return order[~np.isin(order, outdone)] if outdone else order


def surest(numbers: Numbers, rows: Rows) -> int:
    """The row of the highest logit, the first of equal ones."""
    ((_, logits),) = measured([numbers], [rows])
    return int(rows[np.argmax(logits)])


def differing(
    snapshot: Snapshot, order: Sequence[int], top_k: int, keep_parents: bool
) -> list[int]:
    """The first `top_k` of `order` that are not above or below one another, in the same order.

    With `keep_parents` they may be. The walk ends when they are found, so it is short however many
    tags have passed.
    """
    if keep_parents:
        return list(order[:top_k])
    kept: list[int] = []
    above: set[int] = set()  # the ancestors of those kept
    for row in order:
        if len(kept) == top_k:
            break
        ancestors = ancestors_of(snapshot, snapshot.tags[row])
        if row in above or not set(kept).isdisjoint(ancestors):
            continue
        kept.append(row)
        above.update(ancestors)
    return kept
