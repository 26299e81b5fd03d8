"""Photos on disk to vectors, for commands that look at many and tag none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.intake.sources import PathSource
from app.tagger import Problem, Tagger

FloatArray = NDArray[np.float32]
# Photos sent to the tagger together: enough to fill batches, few enough for a bar to move.
PHOTOS_AT_ONCE = 16


@dataclass(frozen=True)
class FailedPhoto:
    """A file that is no image we can use, and why."""

    path: Path
    error: Exception


@dataclass(frozen=True)
class PhotoVectors:
    """The photos that could be read, in order: `vectors (n, d) float32`, unit rows; and the rest.

    `digests` are the SHA-256 of the files, by which copies are known.
    """

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    vectors: FloatArray
    failed: tuple[FailedPhoto, ...]


async def photo_vectors(
    tagger: Tagger, paths: Sequence[Path], progress: Callable[[int, int], None]
) -> PhotoVectors:
    """Reads and encodes every photo, with the limits of a request; a bad one stops nothing.

    `progress(done, total)` counts photos. Raises as `Tagger.encode` does for what concerns all.
    """
    read: list[tuple[Path, str]] = []
    vectors: list[FloatArray] = []
    failed: list[FailedPhoto] = []
    for at in range(0, len(paths), PHOTOS_AT_ONCE):
        some = paths[at : at + PHOTOS_AT_ONCE]
        images, encoded = await tagger.encode([PathSource(path) for path in some])
        vectors.extend(one.vector for one in encoded)
        for path, image in zip(some, images, strict=True):
            if isinstance(image, Problem):
                failed.append(FailedPhoto(path, image.error))
            else:
                read.append((path, image.sha256))
        progress(at + len(some), len(paths))
    stacked = np.stack(vectors) if vectors else np.zeros((0, tagger.encoder.dim), np.float32)
    return PhotoVectors(
        tuple(path for path, _ in read), tuple(digest for _, digest in read), stacked, tuple(failed)
    )
