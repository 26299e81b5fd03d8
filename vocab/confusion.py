"""Which tags are taken for which: what was given wrongly beside what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocab.evaluation import Bools

# Fewer images may be a coincidence.
FEWEST = 2
LISTED = 50


@dataclass(frozen=True)
class Confusion:
    """On `images` images `given` was wrong and `meant` was missed; `given` was wrong on `wrong`."""

    given_id: str
    given: str
    meant_id: str
    meant: str
    images: int
    wrong: int


def confusions(
    ids: Sequence[str], names: Sequence[str], given: Bools, truth: Bools, counted: Bools
) -> tuple[Confusion, ...]:
    """`(m, t)` what was given, is true and counts, to the commonest confusions, those first.

    A photo on which several tags are wrong and several missed counts for every pair of them.
    """
    wrong = (given & ~truth & counted).astype(np.float32)
    missed = (truth & ~given & counted).astype(np.float32)
    pairs = np.rint(wrong.T @ missed).astype(np.int64)
    of_wrong = wrong.sum(axis=0).astype(np.int64)
    found = [
        Confusion(ids[a], names[a], ids[b], names[b], int(pairs[a, b]), int(of_wrong[a]))
        for a, b in np.argwhere(pairs >= FEWEST)
    ]
    found.sort(key=lambda one: (-one.images, one.wrong, one.given_id, one.meant_id))
    return tuple(found[:LISTED])
