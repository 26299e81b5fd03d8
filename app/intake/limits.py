"""What one image may cost: bytes, pixels and memory, all known before its pixels are decoded."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The numbers an image must keep to; an image over one of them is refused, never cut."""

    max_image_bytes: int = 32 * MIB
    """Bytes of the file."""

    max_image_pixels: int = 100_000_000
    """Width times height the file declares."""

    max_image_side: int = 32_768
    """Width or height; long screenshots are common, so it is far above a photo's."""

    max_decode_bytes: int = 1024 * MIB
    """Memory decoding may take at its peak; WebP and AVIF take several times what JPEG does."""

    max_jpeg_scans: int = 200
    """Passes of a progressive JPEG: each costs a walk over all pixels for a few bytes of file."""

    working_side: int = 2048
    """Shorter side, in pixels, below which an image is never reduced while it is read.

    Encoders look at some hundred pixels; above twice this side the rest only costs memory.
    """
