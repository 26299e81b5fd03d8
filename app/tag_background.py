"""How one tag's similarities lie over the background images, and where its threshold cuts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.editor import Editor
from vocab.background_rate import background_rates, usual_threshold
from vocab.tags import Tag

BINS = 80


@dataclass(frozen=True)
class TagBackground:
    """`counts (k,) int64` of the bank's images between `edges (k + 1,) float64`, ascending.

    `threshold` and `calibrated` are similarities needed on an average image, the latter without
    an operator's own threshold and target; `reachable` says whether it can keep the target, without
    which `threshold` lies above every similarity; `rate` in [0, 1] is NaN where the bank is empty.
    """

    threshold: float
    reachable: bool
    calibrated: float
    rate: float
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]


def tag_background(editor: Editor, tag: Tag) -> TagBackground:
    """The tag against the bank; a live tag as feedback has moved it, a paused one without.

    Raises `EncoderError` where the tag's text was never encoded and cannot be.
    """
    snapshot, bank = editor.live.current(), editor.measure.bank
    row = snapshot.positions.get(tag.id)
    if row is None:
        vector = editor.vectors.of([tag])
        calibration = editor.measure.calibrate(vector, (tag,))
    else:
        rows = np.asarray([row], dtype=np.int64)
        vector, calibration = snapshot.index.vectors[rows], snapshot.calibration.taken(rows)
    similarities = np.asarray(bank.vectors @ vector[0], dtype=np.float64)
    # An average image: at a confidence that is asked for, an operator's threshold does not count.
    threshold = float(usual_threshold(calibration, bank)[0])
    reachable = bool(calibration.reaches(())[0])
    span = np.append(similarities, threshold if reachable else similarities[:0])
    counts, edges = np.histogram(similarities, BINS, (span.min(), span.max() + 1e-6))
    return TagBackground(
        threshold=threshold,
        reachable=reachable,
        calibrated=float(usual_threshold(calibration, bank, calibration.usual)[0]),
        rate=float(background_rates(vector, calibration, bank)[0]),
        edges=edges,
        counts=np.asarray(counts, dtype=np.int64),
    )
