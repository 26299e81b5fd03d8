"""Frames with nothing in them: one colour, noise, or blurred beyond recognition.

An encoder maps even these to some direction, and some tag lies there. What they lack can be seen
in the pixels, whatever the model: measured on 6,678 photographs, which lie on the other side of
every limit (bench/calibration/defaults.py prints how many do not).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Blank = Literal["flat", "noise", "blurred"]

SIDE = 64
NOISE_SIDE = 512
# Spread of the most varied colour channel over a 64 x 64 reduction, in grey levels of 255.
FLAT = 3.0
# Spread of its Laplacian; the softest photographs measured have 6, the blurred frames under 2.
BLURRED = 4.0
# Correlation of neighbouring pixels at full size; photographs have 0.12 and more.
NOISE = 0.06


def blank(image: Image.Image) -> Blank | None:
    """Why there is nothing to see in an RGB image, or None where there may be something."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
    if np.asarray(small, dtype=np.float32).std(axis=(0, 1)).max() < FLAT:
        # Fine noise averages out to one colour.
        return "noise" if _correlation(image) < NOISE else "flat"
    if _correlation(image) < NOISE:
        return "noise"
    grey = np.asarray(small.convert("L"), dtype=np.float32)
    middle = grey[1:-1, 1:-1]
    laplacian = 4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return "blurred" if laplacian.std() < BLURRED else None


def _correlation(image: Image.Image) -> float:
    """Of neighbouring pixels, the larger of both directions; 1 for an image of one colour."""
    part = image.crop((0, 0, min(image.width, NOISE_SIDE), min(image.height, NOISE_SIDE)))
    grey = np.asarray(part.convert("L"), dtype=np.float32)
    grey = grey - grey.mean()
    power = float((grey * grey).mean())
    if power < 1e-6 or min(grey.shape) < 2:
        return 1.0
    across = float((grey[:, 1:] * grey[:, :-1]).mean())
    down = float((grey[1:] * grey[:-1]).mean())
    return max(across, down) / power
