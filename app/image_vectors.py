"""The vectors of one image: those that are kept, or the encoder's; with its parts' where asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.batching.batcher import Batcher, Encoded, Priority
from app.batching.cache import KnownImage, VectorCache
from app.batching.fitting import FittingEncode
from app.encoders.base import Encoder, PixelArray
from app.pixels import Pixels
from app.recall import StoredFacts
from app.together import all_of

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ImageVectors:
    """`parts` joins images for `encode_parts`, where the encoder has it; else tiles are encoded."""

    encoder: Encoder
    batcher: Batcher
    parts: Batcher | None = None
    seen: VectorCache | None = None

    async def of(
        self, image: Pixels, deadline: float, priority: Priority, *, detailed: bool = False
    ) -> Encoded:
        """The image's vectors; `detailed` also those of its parts, unless it is a stored one.

        Raises as `Batcher.encode` does.
        """
        if isinstance(image.facts, StoredFacts):
            query = image.facts.query
            return Encoded(query.vector, 0.0, 0.0, query.copy_vector)
        if image.known is not None:
            return Encoded(image.known.vector, 0.0, 0.0, image.known.copy_vector)
        assert image.pixels is not None  # noqa: S101 - only those above have none
        if detailed and self.parts is not None:
            encoded = await self._with_parts(self.parts, image.pixels, deadline, priority)
            if image.facts is None or not self.encoder.copy_dim:
                return encoded
            whole = await self._whole(image.pixels, deadline, priority)
            return replace(encoded, copy_vector=whole.copy_vector)
        encoded = await self._whole(image.pixels, deadline, priority)
        # One that is blank must be seen to be so again.
        if self.seen is not None and image.blank is None:
            size = image.width, image.height
            self.seen.put(image.sha256, KnownImage(*size, encoded.vector, encoded.copy_vector))
        if image.tiles:
            tiles = await all_of(self._whole(tile, deadline, priority) for tile in image.tiles)
            encoded = replace(encoded, parts=np.stack([tile.vector for tile in tiles]))
        return encoded

    async def _whole(self, pixels: PixelArray, deadline: float, priority: Priority) -> Encoded:
        row = await self.batcher.encode(pixels, deadline, priority)
        return row.parted(self.encoder.dim)

    async def _with_parts(
        self, batcher: Batcher, pixels: PixelArray, deadline: float, priority: Priority
    ) -> Encoded:
        """One pass gives the image's vector and below it those of its parts."""
        rows = await batcher.encode(pixels, deadline, priority)
        return replace(rows, vector=rows.vector[0], parts=rows.vector[1:])


def part_batcher_of(
    encoders: Sequence[Encoder], batcher: Batcher, stack: ExitStack
) -> Batcher | None:
    """What joins images for `encode_parts`, of the size of the ordinary one; closed by the stack.

    None where the model gives no parts.
    """
    if not encoders[0].gives_parts:
        return None
    found = batcher.beside([FittingEncode(one.encode_parts) for one in encoders])
    stack.callback(found.close)
    return found


def stacked(encoded: Sequence[Encoded], dim: int) -> FloatArray:
    """`(m, dim) float32`: the images of a request, which may all have failed."""
    if not encoded:
        return np.zeros((0, dim), dtype=np.float32)
    return np.stack([one.vector for one in encoded])
