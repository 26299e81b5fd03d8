"""Which format a file is in, told from its first bytes alone, and which decoder opens it."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import ImageFile

from app.errors import UnsupportedImageError

Size = tuple[int, int]
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
AVIF_BRANDS = (b"avif", b"avis")
ISO_IMAGE_BRANDS = (*HEIF_BRANDS, *AVIF_BRANDS, b"mif1", b"msf1")

# Not images, or images we do not take, that people do send: naming them helps more than a shrug.
STRANGERS = (
    (b"%PDF", "PDF 文档"),
    (b"%!PS", "PostScript 文档"),
    (b"8BPS", "Photoshop 文档（PSD）"),
    (b"PK\x03\x04", "ZIP 压缩包或 Office 文档"),
    (b"\x00\x00\x01\x00", "图标（ICO）"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000 图片"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL 图片"),
    (b"\xff\x0a", "JPEG XL 图片"),
    (b"\x1aE\xdf\xa3", "视频（WebM/MKV）"),
    (b"<svg", "SVG 矢量图"),
    (b"<?xml", "XML 或 SVG 文件"),
    (b"<!doctype html", "网页"),
    (b"<html", "网页"),
    (b"{", "文本或 JSON"),
)


@dataclass(frozen=True)
class Format:
    """One image format: its name, the Pillow class that opens it, and what decoding costs.

    `decode_bytes_per_pixel` is the measured peak, with the finished RGB image, rounded up. The
    class is named rather than imported, as a plugin's import registers it with Pillow.
    """

    name: str
    decode_bytes_per_pixel: int
    plugin: str
    declared_size: Callable[[bytes], Size | None] | None = None

    def open(self, data: bytes) -> ImageFile.ImageFile:
        """Reads the header; no pixels yet. Raises whatever the plugin raises.

        The class is called directly, not through `Image.open`: no other plugin gets to see the
        bytes, and Pillow's own pixel limit, a global of the process, is not consulted.
        """
        module, _, name = self.plugin.partition(":")
        opener: Callable[[BytesIO], ImageFile.ImageFile]
        opener = getattr(importlib.import_module(module), name)
        return opener(BytesIO(data))


def _png_size(data: bytes) -> Size | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _gif_size(data: bytes) -> Size | None:
    if len(data) < 10:
        return None
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _bmp_size(data: bytes) -> Size | None:
    if len(data) < 26:
        return None
    old = struct.unpack("<I", data[14:18])[0] == 12  # the header of OS/2
    width, height = struct.unpack("<HH", data[18:22]) if old else struct.unpack("<ii", data[18:26])
    return width, abs(height)  # a negative height means that the top row comes first


def _webp_size(data: bytes) -> Size | None:
    # Pillow's WebP decoder allocates its canvases when it is opened: the size must be known first.
    if len(data) < 30:
        return None
    chunk = data[12:16]
    if chunk == b"VP8X":
        wide, high = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return wide + 1, high + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


JPEG = Format("JPEG", 10, "PIL.JpegImagePlugin:JpegImageFile")
PNG = Format("PNG", 9, "PIL.PngImagePlugin:PngImageFile", _png_size)
GIF = Format("GIF", 6, "PIL.GifImagePlugin:GifImageFile", _gif_size)
BMP = Format("BMP", 9, "PIL.BmpImagePlugin:BmpImageFile", _bmp_size)
TIFF = Format("TIFF", 10, "PIL.TiffImagePlugin:TiffImageFile")
WEBP = Format("WebP", 18, "PIL.WebPImagePlugin:WebPImageFile", _webp_size)
AVIF = Format("AVIF", 18, "PIL.AvifImagePlugin:AvifImageFile")
HEIF = Format("HEIC", 16, "pillow_heif.as_plugin:HeifImageFile")

FORMATS = (JPEG, PNG, WEBP, GIF, BMP, TIFF, HEIF, AVIF)


def sniff(data: bytes) -> Format:
    """The format of a file; a file name or content type is never asked.

    Raises `UnsupportedImageError`.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data.startswith(b"RIFF") and data[8:15] == b"WEBPVP8":
        return WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return TIFF
    if data[4:8] == b"ftyp" and data[8:12] in ISO_IMAGE_BRANDS:
        return AVIF if _is_avif(data) else HEIF
    if data.startswith(b"BM") and len(data) > 18 and data[14] in (12, 16, 40, 52, 56, 64, 108, 124):
        return BMP
    names = "、".join(one.name for one in FORMATS)
    what = _stranger(data)
    raise UnsupportedImageError(
        f"文件是{what}，不是支持的图片" if what else "文件内容不是支持的图片格式",
        field="image",
        remedy=f"请使用 {names}；格式由文件内容判断，改扩展名没有用。",
    )


def _is_avif(data: bytes) -> bool:
    """Whether an ISO image holds AV1: `mif1` is claimed by AVIF and HEIC files alike."""
    if data[8:12] in AVIF_BRANDS:
        return True
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[at : at + 4] for at in range(16, length, 4)}
    return data[8:12] not in HEIF_BRANDS and not brands.isdisjoint(AVIF_BRANDS)


def _stranger(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return "视频（MP4/MOV）"
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for prefix, name in STRANGERS:
        if data.startswith(prefix) or start.lower().startswith(prefix):
            return name
    return None
