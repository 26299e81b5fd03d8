"""How many tagging decisions change when an encoder is replaced by a faster form of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.choice import Options, choose, numbers_of, rows_of
from app.snapshot import Measure, build_snapshot
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Decisions:
    """Tags given by both forms, and by one alone, over all images."""

    same: int
    changed: int

    @property
    def agreement(self) -> float:
        """Share of the given tags that both give; 1 where neither gives any."""
        return self.same / (self.same + self.changed) if self.same + self.changed else 1.0


def compare_decisions(
    tags: Sequence[Tag],
    tag_vectors: FloatArray,
    bank: FloatArray,
    reference: FloatArray,
    images: FloatArray,
) -> Decisions:
    """Tags the same photos by two sets of vectors, `(n, d)` each, as the service would.

    Tag vectors `(t, d)` and background `(m, d)` are those of the reference, as they are in an
    installation that is served by the faster form from now on.
    """
    key = "compared"
    snapshot = build_snapshot(
        1,
        tuple(tags),
        tag_vectors,
        Measure(ProbeSet(tag_vectors), BackgroundBank(key, bank), ScoreModel()),
    )
    options = Options()
    rows = rows_of(snapshot, options)
    given = []
    for vectors in (reference, images):
        similarities = snapshot.index.similarities(vectors, key)
        found = numbers_of(snapshot, vectors, similarities, options)
        given.append(
            [{hit.tag.id for hit in choose(snapshot, n, rows, options.top_k)} for n in found]
        )
    pairs = list(zip(*given, strict=True))
    return Decisions(
        same=sum(len(ours & theirs) for ours, theirs in pairs),
        changed=sum(len(ours ^ theirs) for ours, theirs in pairs),
    )
