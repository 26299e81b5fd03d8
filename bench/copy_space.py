"""Fits the copy-detection space of the built-in model on photos that no measurement uses.

python -m bench.copy_space --photos ../shared/data/concepts/images --out copy.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from app.encoders.builtin import BUILTIN_DIR, load_builtin
from app.encoders.copy_space import CopySpace
from app.encoders.runtimes.onnx import OnnxImageTower

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=BUILTIN_DIR / "copy.npz")
    parser.add_argument("--dim", type=int, default=256)
    given = parser.parse_args()
    tower = OnnxImageTower(BUILTIN_DIR / "image.onnx", threads=2)
    encoder = load_builtin()
    files = sorted(given.photos.glob("*.jpg"))
    found = []
    for at in range(0, len(files), BATCH):
        images = [Image.open(path).convert("RGB") for path in files[at : at + BATCH]]
        pixels = np.stack([encoder.prepare(image) for image in images])
        found.append(tower.with_features(pixels)[1])
    space = CopySpace.fit(np.concatenate(found), given.dim)
    space.save(given.out)
    print(f"{given.out}: {space.dim} dimensions from {len(files)} photos")


if __name__ == "__main__":
    main()
