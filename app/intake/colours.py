"""Pixels of any mode to plain RGB: alpha on white, deep greys scaled, profiles to sRGB."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

Convert = Callable[[Image.Image], Image.Image]

BAND_PIXELS = 1 << 20
MAX_PROFILE_BYTES = 4 << 20
WITH_ALPHA = ("PA", "LA", "La", "RGBA", "RGBa")


def to_rgb(image: Image.Image, working_side: int) -> Image.Image:
    """A new RGB image of loaded pixels, reduced by a whole factor where it is huge.

    The shorter side stays at least `working_side` pixels. The work goes band by band, so that
    intermediate forms (RGBA, 16 bit, CMYK) exist for a band and never for the whole image.
    """
    convert = _conversion(image)
    width, height = image.size
    factor = max(1, min(width, height) // working_side)
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        band = convert(image.crop((0, top, width, min(top + rows, height))))
        whole.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    return whole


def _conversion(image: Image.Image) -> Convert:
    """How a band of this image becomes RGB; decided once for all its bands."""
    mode = image.mode
    if mode == "CMYK":
        return _through(_profile_transform(image, "CMYK")) or _plain
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _through(_transform(ImageCms.ImageCmsProfile(lab), "LAB")) or _plain
    if mode.startswith("I;16"):
        return _from_16_bit
    if mode in ("I", "F"):
        return _stretched(*_range_of(image))
    flat = _on_white if mode in WITH_ALPHA or "transparency" in image.info else _plain
    to_srgb = None if mode in ("1", "L", "LA", "La") else _profile_transform(image, "RGB")
    finish = _through(to_srgb)
    return flat if finish is None else lambda band: finish(flat(band))


def _plain(band: Image.Image) -> Image.Image:
    return band.convert("RGB")


def _on_white(band: Image.Image) -> Image.Image:
    rgba = band.convert("RGBA")
    white = Image.new("RGB", band.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _from_16_bit(band: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255, which leaves a white page.
    deep = np.asarray(band).astype(np.uint32)
    return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")


def _range_of(image: Image.Image) -> tuple[float, float]:
    """The values that become black and white in an image of integers or floats."""
    low, high = (float(v) for v in image.getextrema())  # type: ignore[arg-type]
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    # Floats within [0, 1] are meant so; a dark picture should stay dark.
    return (0.0, 1.0) if image.mode == "F" and low >= 0 and high <= 1 else (low, high)


def _stretched(low: float, high: float) -> Convert:
    def convert(band: Image.Image) -> Image.Image:
        # In halves, as the span of two floats can be more than a float.
        values = np.nan_to_num(np.asarray(band, dtype=np.float64)) / 2 - low / 2
        grey = np.clip(values / ((high / 2 - low / 2) or 1.0), 0, 1) * 255
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")

    return convert


def _through(transform: ImageCms.ImageCmsTransform | None) -> Convert | None:
    if transform is None:
        return None

    def convert(band: Image.Image) -> Image.Image:
        return ImageCms.applyTransform(band, transform) or band

    return convert


def _profile_transform(image: Image.Image, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the image's embedded profile to sRGB; None where there is none, or it is no use."""
    data = image.info.get("icc_profile")
    if not isinstance(data, bytes) or not 128 <= len(data) <= MAX_PROFILE_BYTES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(data))
        if mode == "RGB" and "srgb" in (profile.profile.profile_description or "").lower():
            return None
    except Exception:  # a bad profile is no reason to refuse a good photo
        return None
    return _transform(profile, mode)


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # profile and pixels of different kinds, a damaged table, no LittleCMS
        return None
