"""What cannot be used is refused with one clear sentence, and never with another exception."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

from app.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    UnsupportedImageError,
)
from app.intake.decode import decode
from app.intake.limits import Limits

LIMITS = Limits()
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]


def refusal(data: bytes, limits: Limits = LIMITS) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(data, limits)
    assert caught.value.field == "image"
    return caught.value


def test_an_empty_file_is_called_empty() -> None:
    error = refusal(b"")
    assert type(error) is EmptyImageError
    assert "0 字节" in str(error)


def test_a_file_over_the_byte_limit_is_refused_with_both_numbers() -> None:
    error = refusal(b"\xff\xd8\xff" + bytes(3 << 20), Limits(max_image_bytes=2 << 20))
    assert type(error) is ImageTooLargeError
    assert "3.0 MiB" in str(error)
    assert "2 MiB" in str(error)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"hello, world", "不是支持的图片格式"),
        (b"\0" * 100, "不是支持的图片格式"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"\xef\xbb\xbf <!DOCTYPE html><html>", "网页"),
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"8BPS\0\1" + bytes(40), "PSD"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "视频"),
        (b'{"image": 1}', "JSON"),
        (b"P6 2 2 255 " + bytes(12), "不是支持的图片格式"),
    ],
)
def test_what_is_not_a_supported_image_is_named_where_it_is_known(data: bytes, name: str) -> None:
    error = refusal(data)
    assert type(error) is UnsupportedImageError
    assert name in str(error)
    assert "JPEG" in (error.remedy or "")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_in_the_middle_is_called_damaged(
    photo: Image.Image, write: Any, form: str
) -> None:
    data = write(photo, form)
    error = refusal(data[: len(data) // 2])
    assert type(error) is CorruptImageError
    assert "不完整" in str(error) or "文件头损坏" in str(error)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_a_header_alone_is_refused(photo: Image.Image, write: Any, form: str) -> None:
    data = write(photo, form)
    for length in range(1, 40):
        assert type(refusal(data[:length])) in (CorruptImageError, UnsupportedImageError)


def test_an_image_without_pixels_is_called_so(photo: Image.Image, write: Any) -> None:
    png, gif, bmp = (bytearray(write(photo, form)) for form in ("PNG", "GIF", "BMP"))
    png[16:20] = bytes(4)
    gif[6:10] = bytes(4)
    bmp[18:22] = bytes(4)
    for data in (png, gif, bmp):
        error = refusal(bytes(data))
        assert type(error) is CorruptImageError
        assert "宽或高为 0" in str(error)


def test_a_jpeg_or_tiff_without_pixels_is_refused(photo: Image.Image, write: Any) -> None:
    jpeg = bytearray(write(photo, "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = bytes(4)
    tiff = bytearray(write(photo, "TIFF"))
    entry = tiff.index(struct.pack("<HHI", 256, 4, 1)) + 8
    tiff[entry : entry + 4] = bytes(4)
    for data in (jpeg, tiff):
        error = refusal(bytes(data))
        assert type(error) is CorruptImageError
        assert "为 0" in str(error)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "GIF"])
def test_a_50000_pixel_wide_image_is_refused_by_its_side(write: Any, form: str) -> None:
    error = refusal(write(Image.new("L", (50_000, 2)), form))
    assert type(error) is ImageTooLargeError
    assert "50000×2" in str(error)
    assert "32768" in str(error)


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_over_the_pixel_limit_is_refused_before_decoding(write: Any, form: str) -> None:
    data = write(Image.new("RGB", (300, 200)), form)
    error = refusal(data[: len(data) - 8], Limits(max_image_pixels=59_999))
    assert type(error) is ImageTooLargeError
    assert "300×200" in str(error)
    assert decode(data, Limits(max_image_pixels=60_000)).width == 300


def test_the_memory_limit_counts_what_each_format_needs(write: Any) -> None:
    image = Image.new("RGB", (300, 200))
    limits = Limits(max_decode_bytes=60_000 * 12)
    assert decode(write(image, "JPEG"), limits).width == 300
    assert "WebP 的上限" in str(refusal(write(image, "WEBP"), limits))


def test_a_jpeg_of_endless_scans_is_refused(photo: Image.Image, write: Any) -> None:
    data = write(photo, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    error = refusal(data[:-2] + scan * 300 + data[-2:])
    assert type(error) is ImageTooLargeError
    assert "200" in str(error)


def test_a_tiff_of_one_vast_tile_is_refused(write: Any) -> None:
    tile = 60_000
    entries = [
        (256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
        (322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, 4),
    ]  # fmt: skip
    ifd = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    data = b"II*\0" + struct.pack("<I", 8) + ifd + bytes(4)
    error = refusal(data)
    assert type(error) is ImageTooLargeError
    assert "60000×60000" in str(error)


def test_a_polyglot_is_read_as_the_image_it_begins_with(photo: Image.Image, write: Any) -> None:
    tail = b"<script>alert(1)</script>PK\x03\x04%PDF-1.4"
    assert decode(write(photo, "PNG") + tail, LIMITS).format == "PNG"


def test_an_image_for_another_plugin_of_pillow_is_never_opened() -> None:
    for start in (b"\x0a\x05\x01\x08", b"\x59\xa6\x6a\x95", b"#define x_width 9", b"SIMPLE  ="):
        assert type(refusal(start + bytes(200))) is UnsupportedImageError
