"""A tag's profile: how its standardised similarities are spread over the background bank.

Everything that is said of a tag before anybody labelled it comes from here: its level and spread,
the shape and the tail by which its logistic is predicted, the expected precision above a cut and
the false-positive rate. A histogram holds all of it in little room and is filled in one pass, so
that a new tag is measured in milliseconds against 20,000 images.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from vocab.background import BackgroundBank
from vocab.probes import ProbeSet

FloatArray = NDArray[np.float32]
Counts = NDArray[np.uint16]

# Similarities less the image's mean, over its spread: the best fit in a large vocabulary lies
# near 10, and nearly all of them within 4 of zero.
LOWEST, HIGHEST, BIN = -5.0, 15.0, 0.125
BINS = round((HIGHEST - LOWEST) / BIN)
CENTRES: FloatArray = (LOWEST + BIN * (np.arange(BINS) + 0.5)).astype(np.float32)
# Pairs of a tag and an image looked at together: some ten MiB.
PAIRS_AT_ONCE = 1 << 21
SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
FEATURES = ("mean", "log_spread", "skew", "log_kurtosis", *(f"q{share:g}" for share in SHARES))


def profiles(tags: FloatArray, probes: ProbeSet, bank: BackgroundBank) -> Counts:
    """`(n, d)` tag vectors to `(n, BINS) uint16`: how many images of the bank lie in each bin.

    What lies beyond the ends is counted at the ends. A bank holds 65,535 images at most.
    """
    counts = np.zeros((len(tags), BINS), dtype=np.uint16)
    if not len(bank) or not len(tags):
        return counts
    scaled, offset = _in_bins(probes, bank)
    step = max(1, PAIRS_AT_ONCE // len(bank))
    for at in range(0, len(tags), step):
        places = tags[at : at + step] @ scaled.T
        places += offset
        np.clip(places, 0, BINS - 1, out=places)
        flat = places.astype(np.int32)
        flat += (np.arange(len(flat), dtype=np.int32) * BINS)[:, None]
        found = np.bincount(flat.ravel(), minlength=len(flat) * BINS)
        counts[at : at + step] = found.reshape(len(flat), BINS)
    return counts


@functools.lru_cache(maxsize=2)
def _in_bins(probes: ProbeSet, bank: BackgroundBank) -> tuple[FloatArray, FloatArray]:
    """The bank's vectors and an offset by which (t . x - mean) / spread is t . scaled + offset, in
    bins. Kept for the bank in use: it costs more than one tag's profile.
    """
    side = probes.image_side(bank.vectors)
    scale = (1.0 / (BIN * side.spreads)).astype(np.float32)
    offset = (-side.means * scale - np.float32(LOWEST / BIN)).astype(np.float32)
    return bank.vectors * scale[:, None], offset


def moments(counts: Counts) -> tuple[FloatArray, FloatArray]:
    """`(n, BINS)` profiles to each tag's mean and spread, `(n,) float32`; 0 and 1 when empty."""
    total = counts.sum(axis=1, dtype=np.float32)
    some = np.maximum(total, 1)
    mean = counts @ CENTRES / some
    square = counts @ (CENTRES * CENTRES) / some
    spread = np.sqrt(np.maximum(square - mean * mean, BIN * BIN / 12))
    return (
        np.asarray(np.where(total > 0, mean, 0.0), dtype=np.float32),
        np.asarray(np.where(total > 0, spread, 1.0), dtype=np.float32),
    )


def features(counts: Counts) -> FloatArray:
    """`(n, BINS)` profiles to `(n, len(FEATURES)) float32`: level, spread, shape and tail.

    Quantiles are in spreads from the mean. A profile without images has zeros.
    """
    total = counts.sum(axis=1, dtype=np.float32)
    mean, spread = moments(counts)
    share = counts / np.maximum(total, 1)[:, None]
    apart = (CENTRES[None, :] - mean[:, None]) / spread[:, None]
    cube = apart * apart * apart
    skew = np.einsum("nb,nb->n", share, cube)
    kurtosis = np.einsum("nb,nb->n", share, cube * apart)
    columns = [mean, np.log(spread), skew, np.log(np.maximum(kurtosis, 0.1))]
    below = np.cumsum(share, axis=1)
    for asked in SHARES:
        at = np.argmax(below >= asked - 1e-6, axis=1)
        columns.append((CENTRES[at] - mean) / spread)
    found = np.stack(columns, axis=1).astype(np.float32)
    found[total == 0] = 0.0
    return found
