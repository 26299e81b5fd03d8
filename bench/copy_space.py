"""Fits the copy-detection space of the built-in model on photos that no measurement uses.

python -m bench.copy_space --photos ../shared/data/concepts/images --out copy.npz
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from PIL import Image

from app.encoders.builtin import BUILTIN_DIR, load_builtin
from app.encoders.copy_space import CopySpace
from app.encoders.dual import DualEncoder
from bench.attacks import ATTACKS, attacked

BATCH = 32
# Of every so-manieth photo it is seen how some attacks change it.
EVERY = 3
ATTACKS_EACH = 4
# Far in the list, so that a photo beside another in it is not the one pasted upon.
OTHER = 2000


def features(encoder: DualEncoder, images: list[Image.Image]) -> np.ndarray:
    """`(n, f)`: what is below the head."""
    assert encoder.copy_tower is not None
    found = []
    for at in range(0, len(images), BATCH):
        pixels = np.stack([encoder.prepare(one) for one in images[at : at + BATCH]])
        found.append(encoder.copy_tower.with_features(pixels)[1])
    return np.concatenate(found)


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def changes(encoder: DualEncoder, files: list[Path], plain: np.ndarray) -> np.ndarray:
    """`(k, f)`: the features of attacked photos less those of the photos, `plain`."""
    made = []
    for at in range(0, len(files), EVERY):
        image, other = opened(files[at]), opened(files[(at + OTHER) % len(files)])
        names = random.Random(at).sample(list(ATTACKS), ATTACKS_EACH)  # noqa: S311
        pictures = [attacked(name, image, other, at) for name in names]
        made.append(features(encoder, pictures) - plain[at])
    return np.concatenate(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=BUILTIN_DIR / "copy.npz")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--shrinkage", type=float, default=0.3)
    parser.add_argument("--bank", type=int, default=1000, help="photos in the bank")
    given = parser.parse_args()
    encoder = load_builtin(threads=2)
    files = sorted(given.photos.glob("*.jpg"))
    plain = np.concatenate(
        [
            features(encoder, [opened(path) for path in files[at : at + BATCH]])
            for at in range(0, len(files), BATCH)
        ]
    )
    changed = changes(encoder, files, plain)
    space = CopySpace.fit(plain, changed, given.dim, shrinkage=given.shrinkage, banked=given.bank)
    space.save(given.out)
    print(f"{given.out}: {space.dim} dimensions from {len(files)} photos, {len(changed)} changed")


if __name__ == "__main__":
    main()
