"""A picture as every method of `bench.duplicates` sees it, kept on disk: seeing takes longest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image

import bench.attacks
import index.fingerprint
from app.encoders.dual import DualEncoder
from index.fingerprint import Print, fingerprint
from index.images import Fingerprint

BATCH = 25
Bits = NDArray[np.uint8]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """Some pictures: `prints` as the service makes them, hashes as their libraries make them.

    `vectors (n, d)`, `features (n, f)` below the head, `phash64 (n, 8)`, `phash256 (n, 32)`,
    `pdq (n, 8, 32)` of the whole picture, all turns and mirrors.
    """

    prints: tuple[Print, ...]
    vectors: FloatArray
    features: FloatArray
    phash64: Bits
    phash256: Bits
    pdq: Bits

    def __len__(self) -> int:
        return len(self.prints)


def see(encoder: DualEncoder, images: list[Image.Image]) -> Seen:
    """Everything that any method asks of the pictures."""
    assert encoder.copy_tower is not None
    rows = []
    for at in range(0, len(images), BATCH):
        pixels = np.stack([encoder.prepare(one) for one in images[at : at + BATCH]])
        rows.append(encoder.copy_tower.with_features(pixels))
    vectors = np.concatenate([vectors for vectors, _ in rows])
    arrays = [np.asarray(one) for one in images]
    pdq = [pdqhash.compute_dihedral(np.ascontiguousarray(one))[0] for one in arrays]
    return Seen(
        prints=tuple(fingerprint(one) for one in arrays),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        features=np.concatenate([features for _, features in rows]),
        phash64=np.stack([_phash(one, 8) for one in images]),
        phash256=np.stack([_phash(one, 16) for one in images]),
        pdq=np.packbits(np.asarray(pdq, dtype=np.uint8), axis=2),
    )


def _phash(image: Image.Image, side: int) -> Bits:
    return np.packbits(imagehash.phash(image, hash_size=side).hash.ravel())


class Cache:
    """Seen pictures in a folder, apart for each model and each state of what makes them."""

    def __init__(self, folder: Path, encoder: DualEncoder):
        code = b"".join(
            Path(module.__file__ or "").read_bytes()
            for module in (bench.attacks, index.fingerprint)
        )
        self._encoder = encoder
        self._folder = folder / f"{encoder.model_key}-{hashlib.sha256(code).hexdigest()[:8]}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def seen(self, name: str, images: Callable[[], list[Image.Image]]) -> Seen:
        """The pictures of that name, seen now where they were not before."""
        path = self._folder / f"{name}.npz"
        if path.is_file():
            return _read(path)
        made = see(self._encoder, images())
        _write(path, made)
        return made

    def missing(self, names: list[str]) -> list[str]:
        """Those of the names that have not been seen."""
        return [name for name in names if not (self._folder / f"{name}.npz").is_file()]


def _write(path: Path, seen: Seen) -> None:
    prints = [one.fingerprint for one in seen.prints]
    thumbnails = [one.thumbnail for one in prints]
    half = path.with_suffix(".part.npz")
    np.savez(
        half,
        vectors=seen.vectors.astype(np.float16),
        features=seen.features.astype(np.float16),
        phash64=seen.phash64,
        phash256=seen.phash256,
        pdq=seen.pdq,
        digests=np.asarray([one.pixel_digest for one in prints]),
        qualities=np.asarray([one.quality for one in prints]),
        hashes=np.stack([one.hashes for one in seen.prints]),
        thumbnails=np.frombuffer(b"".join(thumbnails), np.uint8),
        ends=np.cumsum([len(one) for one in thumbnails]),
    )
    half.rename(path)


def _read(path: Path) -> Seen:
    with np.load(path) as file:
        held = {name: file[name] for name in file.files}
    bytes_, ends = held["thumbnails"].tobytes(), held["ends"].tolist()
    prints = tuple(
        Print(
            Fingerprint(str(digest), hashes[0].tobytes(), int(quality), bytes_[begin:end]), hashes
        )
        for digest, quality, hashes, begin, end in zip(
            held["digests"], held["qualities"], held["hashes"], [0, *ends[:-1]], ends, strict=True
        )
    )
    return Seen(
        prints,
        held["vectors"].astype(np.float32),
        held["features"].astype(np.float32),
        held["phash64"],
        held["phash256"],
        held["pdq"],
    )
