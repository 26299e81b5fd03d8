"""One source to what the encoder and the answer need of it; slow, for a thread of the pool."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.batching.cache import KnownImage, VectorCache
from app.encoders.base import Encoder, PixelArray
from app.intake.blank import Blank, blank
from app.intake.decode import DecodedImage, decode
from app.intake.guarded import Decode
from app.intake.limits import Limits
from app.intake.sources import FileSource, StoredSource
from app.intake.tiles import tiles_of
from app.recall import FileFacts, StoredFacts, find_stored
from index.collection import ImageCollection
from index.errors import ImageNotFoundError
from index.fingerprint import fingerprint

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Pixels:
    """An image as the encoder takes it, with what the answer says about it.

    `facts` is there where the request asks about stored images. Of a stored image `facts` has
    the vectors, and `known` those of a file that was seen before: then there are no `pixels`.
    `tiles` are its parts, prepared too, where they were asked for. `blank` says why there is
    nothing to see, where there is not.
    """

    sha256: str
    width: int
    height: int
    pixels: PixelArray | None
    decode_ms: float
    facts: FileFacts | StoredFacts | None = None
    known: KnownImage | None = None
    blank: Blank | None = None
    tiles: tuple[PixelArray, ...] = ()


def take_in(
    source: FileSource,
    limits: Limits,
    encoder: Encoder,
    *,
    facts: bool,
    tiled: bool = False,
    seen: VectorCache | None = None,
    enough_side: int | None = None,
    decode: Decode = decode,
) -> Pixels:
    """A file read, decoded and prepared; with `facts` fingerprinted too. Raises `ImageError`.

    A file whose vectors are in `seen` is not decoded, and a large one decoded to `enough_side`
    only (see `decode`), unless it is fingerprinted or tiled: those look at details.
    """
    began = time.monotonic()
    data = source.read(limits)
    if seen is not None and not facts and not tiled:
        digest = hashlib.sha256(data).hexdigest()
        if known := seen.get(digest):
            spent_ms = (time.monotonic() - began) * 1000
            return Pixels(digest, known.width, known.height, None, spent_ms, known=known)
    image = decode(data, limits, None if facts or tiled else enough_side)
    pixels, nothing = encoder.prepare(image.image), blank(image.image)
    tiles = [encoder.prepare(tile) for tile in tiles_of(image.image)] if tiled else []
    spent_ms = (time.monotonic() - began) * 1000
    prints = _facts(image, len(data)) if facts else None
    size = image.width, image.height
    return Pixels(image.sha256, *size, pixels, spent_ms, prints, blank=nothing, tiles=tuple(tiles))


def look_up(source: StoredSource, collection: ImageCollection | None) -> Pixels:
    """A stored image with the vectors kept of it. Raises `ImageNotFoundError`."""
    began = time.monotonic()
    if collection is None:
        raise ImageNotFoundError("没有图片库", field="id")
    stored = find_stored(collection, source.image_id)
    image, spent_ms = stored.image, (time.monotonic() - began) * 1000
    return Pixels(image.sha256, image.width, image.height, None, spent_ms, stored)


def _facts(image: DecodedImage, size: int) -> FileFacts:
    """What the stored images are asked with."""
    print_ = fingerprint(np.asarray(image.image))
    return FileFacts(image.sha256, image.width, image.height, image.format, size, print_)


def enough_side_of(encoder: Encoder, decode: str) -> int | None:
    """What `take_in` may decode to: where it is `fast`, twice what the model takes.

    So resizing still has pixels to smooth over. `None`, for `exact`, is everything there is.
    """
    return 2 * encoder.input_size if decode == "fast" else None
