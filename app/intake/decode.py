"""Bytes to an upright RGB image: what the file declares is checked before pixels are decoded."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageFile

from app.errors import CorruptImageError, EmptyImageError, ImageError, ImageTooLargeError
from app.intake.colours import to_rgb
from app.intake.formats import JPEG, TIFF, Format, Size, sniff
from app.intake.limits import MIB, Limits

EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (UPRIGHT[5], UPRIGHT[6], UPRIGHT[7], UPRIGHT[8])
TIFF_TILE_WIDTH, TIFF_TILE_LENGTH = 322, 323
PILLOW = r"PIL\."
SMALLER = "请先缩小图片再传。"


@dataclass(frozen=True)
class DecodedImage:
    """An upright RGB image and facts about its file.

    `width` and `height` are those of the upright photo; `image` is smaller than that where the
    photo is huge (see `Limits.working_side`). `sha256` is the file's, in hexadecimal.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    sha256: str


def decode(data: bytes, limits: Limits, enough_side: int | None = None) -> DecodedImage:
    """Decodes a file's first image; safe to call from several threads.

    A JPEG may come out as a half, quarter or eighth whose sides are at least `enough_side` pixels
    where that is given: the decoder then leaves out the work for what would be thrown away.

    Raises `EmptyImageError`, `UnsupportedImageError`, `ImageTooLargeError` or
    `CorruptImageError`, whatever the bytes are.
    """
    check_bytes(len(data), limits)
    form = sniff(data)
    if form.declared_size and (size := form.declared_size(data)):
        _check_size(form, size, limits)
    _ignore_pillow_warnings()
    with _failures_of(form, "文件头损坏，或宽、高为 0"):
        opened = form.open(data)
    _check_size(form, opened.size, limits)
    _check_structure(form, opened, data, limits)
    declared = opened.size
    with _failures_of(form, "文件不完整，或内容已损坏"):
        if form is JPEG:
            # Decodes straight to a half, quarter or eighth where that is still large enough.
            side = min(enough_side or limits.working_side, limits.working_side)
            opened.draft(None, (side, side))
        drafted = opened.size != declared
        opened.load()
        # A HEIC file says its true size only now.
        width, height = declared if drafted else opened.size
        turn = UPRIGHT.get(_orientation(opened))
        image = to_rgb(opened, limits.working_side)
        opened.close()
        if turn is not None:
            image = image.transpose(turn)
            width, height = (height, width) if turn in SIDEWAYS else (width, height)
    return DecodedImage(image, width, height, form.name, hashlib.sha256(data).hexdigest())


def check_bytes(count: int, limits: Limits) -> None:
    """Raises `EmptyImageError` or `ImageTooLargeError` for a file of so many bytes."""
    if count == 0:
        raise EmptyImageError("图片文件是空的（0 字节）", field="image")
    if count > limits.max_image_bytes:
        raise ImageTooLargeError(
            f"图片文件有 {count / MIB:.1f} MiB，上限是 {limits.max_image_bytes / MIB:g} MiB",
            field="image",
            remedy="请先压缩或缩小图片，或调大 TUQIAN_MAX_IMAGE_BYTES。",
        )


def _check_size(form: Format, size: Size, limits: Limits) -> None:
    width, height = size
    if width <= 0 or height <= 0:
        raise CorruptImageError(f"{form.name} 图片的宽或高为 0，没有像素", field="image")
    if max(width, height) > limits.max_image_side:
        raise ImageTooLargeError(
            f"图片的尺寸是 {width}×{height}，单边上限是 {limits.max_image_side} 像素",
            field="image",
            remedy=SMALLER,
        )
    affordable = limits.max_decode_bytes // form.decode_bytes_per_pixel
    most = min(limits.max_image_pixels, affordable)
    if width * height > most:
        raise ImageTooLargeError(
            f"图片的尺寸是 {width}×{height}，共 {width * height / 1e6:.1f} 百万像素，"
            f"{form.name} 的上限是 {most / 1e6:.1f} 百万像素",
            field="image",
            remedy=SMALLER,
        )


def _check_structure(
    form: Format, opened: ImageFile.ImageFile, data: bytes, limits: Limits
) -> None:
    """Refuses small files that cost much to decode although their size is harmless."""
    if form is JPEG and data.count(b"\xff\xda") > limits.max_jpeg_scans:
        raise ImageTooLargeError(
            f"渐进式 JPEG 的扫描超过 {limits.max_jpeg_scans} 遍，解码太慢",
            field="image",
            remedy="请重新导出为普通 JPEG。",
        )
    if form is TIFF:
        tags = getattr(opened, "tag_v2", {})
        tile = tags.get(TIFF_TILE_WIDTH), tags.get(TIFF_TILE_LENGTH)
        if all(isinstance(side, int) and side > 0 for side in tile):
            # A tile is decoded whole, however little of it lies inside the image.
            _check_size(form, tile, limits)  # type: ignore[arg-type]


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where nothing legible says otherwise."""
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block is no reason to refuse a good photo
        return 1
    return value if isinstance(value, int) else 1


@contextmanager
def _failures_of(form: Format, what: str) -> Iterator[None]:
    """Turns whatever a decoder raises into an `ImageError`; they keep to no list of exceptions."""
    try:
        yield
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLargeError(
            f"解码这张 {form.name} 图片需要的内存太多", field="image", remedy=SMALLER
        ) from error
    except Exception as error:
        raise CorruptImageError(f"{form.name} 图片无法解码：{what}", field="image") from error


def _ignore_pillow_warnings() -> None:
    """Keeps Pillow's remarks on odd files out of the log; what matters reaches us as an error.

    Not `catch_warnings`: it swaps a list of the whole process while other threads decode.
    """
    if ("ignore", None, Warning, re.compile(PILLOW), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module=PILLOW)
