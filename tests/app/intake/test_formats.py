"""Every supported format comes out as the RGB image that went in, upright."""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.intake.decode import decode
from app.intake.limits import Limits

LIMITS = Limits()
EVERY_FORMAT = [
    ("JPEG", "JPEG", {"quality": 95}),
    ("JPEG", "JPEG", {"quality": 95, "progressive": True}),
    ("PNG", "PNG", {}),
    ("WEBP", "WebP", {"quality": 95}),
    ("WEBP", "WebP", {"lossless": True}),
    ("BMP", "BMP", {}),
    ("TIFF", "TIFF", {}),
    ("TIFF", "TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", "TIFF", {"compression": "jpeg", "quality": 95}),
    ("TIFF", "TIFF", {"compression": "tiff_deflate", "big_tiff": True}),
    ("HEIF", "HEIC", {"quality": 95}),
    ("AVIF", "AVIF", {"quality": 95}),
]


def far_from(image: Image.Image, expected: Image.Image) -> float:
    """Mean absolute difference of the pixels, 0 to 255."""
    return float(
        np.abs(np.asarray(image, float) - np.asarray(expected.convert("RGB"), float)).mean()
    )


def colour_at(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(("form", "name", "options"), EVERY_FORMAT)
def test_each_format_comes_out_as_the_photo_that_went_in(
    photo: Image.Image, write: Any, form: str, name: str, options: dict[str, Any]
) -> None:
    data = write(photo, form, **options)
    decoded = decode(data, LIMITS)
    assert decoded.format == name
    assert (decoded.width, decoded.height) == decoded.image.size == (120, 80)
    assert decoded.image.mode == "RGB"
    assert decoded.sha256 == hashlib.sha256(data).hexdigest()
    assert far_from(decoded.image, photo) < 6


def test_a_gif_shows_its_first_frame(photo: Image.Image, write: Any) -> None:
    other = Image.new("RGB", photo.size, "lime")
    data = write(photo, "GIF", save_all=True, append_images=[other])
    decoded = decode(data, LIMITS)
    assert decoded.format == "GIF"
    assert far_from(decoded.image, photo) < 12


@pytest.mark.parametrize("form", ["WEBP", "PNG", "AVIF", "TIFF"])
def test_an_animation_shows_its_first_frame(photo: Image.Image, write: Any, form: str) -> None:
    other = Image.new("RGB", photo.size, "lime")
    decoded = decode(write(photo, form, save_all=True, append_images=[other]), LIMITS)
    assert far_from(decoded.image, photo) < 8


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_what_is_transparent_becomes_white(write: Any, form: str) -> None:
    image = Image.new("RGBA", (64, 64), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    decoded = decode(write(image, form), LIMITS)
    assert min(colour_at(decoded.image, 8, 32)) > 245
    assert colour_at(decoded.image, 56, 32)[0] > 180
    assert colour_at(decoded.image, 56, 32)[1] < 30


def test_a_half_transparent_pixel_is_mixed_with_white(write: Any) -> None:
    decoded = decode(write(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG"), LIMITS)
    assert colour_at(decoded.image, 1, 1) == pytest.approx((127, 127, 127), abs=1)


@pytest.mark.parametrize("transparent", [None, 0, bytes([0, 255, 128])])
def test_a_palette_png_keeps_its_colours(write: Any, transparent: Any) -> None:
    image = Image.new("P", (30, 10))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.paste(1, (10, 0, 20, 10))
    image.paste(2, (20, 0, 30, 10))
    options = {} if transparent is None else {"transparency": transparent}
    rgb = decode(write(image, "PNG", **options), LIMITS).image
    assert colour_at(rgb, 5, 5) == ((255, 0, 0) if transparent is None else (255, 255, 255))
    assert colour_at(rgb, 15, 5) == (0, 255, 0)
    assert colour_at(rgb, 25, 5)[2] == 255


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_greys_are_scaled_and_not_clipped(write: Any, form: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    rgb = decode(write(Image.fromarray(ramp), form), LIMITS).image
    assert [colour_at(rgb, x, 4) for x in (0, 128, 255)] == [(0,) * 3, (128,) * 3, (255,) * 3]


def test_16_bit_colours_are_scaled() -> None:
    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 0, 256, 65535)
    rgb = decode(png(2, 1, row, depth=16, colour=2), LIMITS).image
    assert colour_at(rgb, 0, 0) == (255, 128, 0)
    assert colour_at(rgb, 1, 0) == (0, 1, 255)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_integers_and_floats_are_stretched_to_black_and_white(write: Any, dtype: str) -> None:
    ramp = np.tile(np.linspace(-500, 90000, 16).astype(dtype), (4, 1))
    rgb = decode(write(Image.fromarray(ramp), "TIFF"), LIMITS).image
    assert colour_at(rgb, 0, 0) == (0, 0, 0)
    assert colour_at(rgb, 15, 0) == (255, 255, 255)


def test_a_dark_float_image_stays_dark(write: Any) -> None:
    image = Image.fromarray(np.full((4, 4), 0.1, np.float32))
    assert colour_at(decode(write(image, "TIFF"), LIMITS).image, 0, 0) == (26, 26, 26)


def test_floats_that_are_no_numbers_still_decode(write: Any) -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 3e38, -3e38, 0.5]], np.float32)
    assert decode(write(Image.fromarray(values), "TIFF"), LIMITS).image.size == (6, 1)


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "JPEG"), ("1", "PNG"), ("LA", "PNG"), ("1", "TIFF")]
)
def test_greys_become_grey_rgb(photo: Image.Image, write: Any, mode: str, form: str) -> None:
    grey = photo.convert(mode)
    rgb = decode(write(grey, form), LIMITS).image
    red, green, blue = (np.asarray(band) for band in rgb.split())
    assert (red == green).all()
    assert (green == blue).all()
    assert far_from(rgb, grey.convert("RGB")) < 4


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_not_a_negative(quadrants: Image.Image, write: Any, form: str) -> None:
    # Pillow writes CMYK JPEG as Adobe does, inverted.
    rgb = decode(write(quadrants.convert("CMYK"), form, quality=95), LIMITS).image
    assert far_from(rgb, quadrants) < 12


def test_lab_becomes_rgb(quadrants: Image.Image, write: Any) -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(quadrants, to_lab)
    assert lab is not None
    assert far_from(decode(write(lab, "TIFF"), LIMITS).image, quadrants) < 8


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [b"x", b"x" * 500, b"", b"\0" * 200])
def test_a_bad_colour_profile_is_ignored(
    photo: Image.Image, write: Any, form: str, profile: bytes
) -> None:
    decoded = decode(write(photo, form, icc_profile=profile), LIMITS)
    assert far_from(decoded.image, photo) < 6


def test_a_profile_of_another_kind_of_pixels_is_ignored(photo: Image.Image, write: Any) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert far_from(decode(write(photo, "PNG", icc_profile=lab), LIMITS).image, photo) == 0


def test_an_srgb_profile_changes_nothing(photo: Image.Image, write: Any) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert far_from(decode(write(photo, "PNG", icc_profile=srgb), LIMITS).image, photo) == 0


def test_a_profile_with_swapped_primaries_is_followed(write: Any) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    data = write(red, "PNG", icc_profile=swapped)
    assert colour_at(decode(data, LIMITS).image, 1, 1) == pytest.approx((0, 0, 255), abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_exif_orientation_is_turned_upright(
    quadrants: Image.Image, write: Any, form: str, orientation: int
) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that lays the camera down
    exif = Image.Exif()
    exif[0x0112] = orientation
    big = quadrants.resize((128, 64), Image.Resampling.NEAREST)
    stored = big.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else big
    decoded = decode(write(stored, form, exif=exif.tobytes()), LIMITS)
    assert (decoded.width, decoded.height) == decoded.image.size == (128, 64)
    assert far_from(decoded.image, big) < 12


def test_a_damaged_exif_block_does_not_spoil_the_photo(photo: Image.Image, write: Any) -> None:
    data = write(photo, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x01" * 40)
    assert decode(data, LIMITS).image.size == (120, 80)


def test_a_huge_jpeg_is_reduced_while_it_is_read_but_says_its_true_size(write: Any) -> None:
    data = write(Image.new("RGB", (2100, 1000), "teal"), "JPEG")
    decoded = decode(data, Limits(working_side=100))
    assert (decoded.width, decoded.height) == (2100, 1000)
    assert 100 <= min(decoded.image.size) <= 200
    assert decoded.image.width / decoded.image.height == pytest.approx(2.1, abs=0.03)
    assert colour_at(decoded.image, 50, 50) == pytest.approx((0, 128, 128), abs=3)


@pytest.mark.parametrize("enough", [50, 130, 260, 5000])
def test_a_jpeg_is_decoded_to_what_is_enough_and_never_to_less(write: Any, enough: int) -> None:
    data = write(Image.new("RGB", (1200, 800), "teal"), "JPEG")
    decoded = decode(data, LIMITS, enough)
    assert (decoded.width, decoded.height) == (1200, 800)
    assert decoded.image.size == {50: (150, 100), 130: (300, 200), 260: (600, 400)}.get(
        enough, (1200, 800)
    )
    assert decode(data, LIMITS).image.size == (1200, 800)


def test_bands_of_a_reduced_image_join_without_a_seam(write: Any) -> None:
    rows = np.linspace(0, 255, 3001).astype(np.uint8)
    image = Image.fromarray(np.repeat(rows[:, None], 1501, axis=1))
    reduced = np.asarray(decode(write(image, "PNG"), Limits(working_side=300)).image, int)
    assert reduced.shape == (601, 301, 3)
    assert np.diff(reduced[:, 0, 0]).min() >= 0
    assert np.diff(reduced[:, 0, 0]).max() <= 1
    assert np.abs(reduced - reduced[:, :1, :1]).max() <= 1


def test_a_mislabelled_file_is_judged_by_its_content(
    photo: Image.Image, write: Any, tmp_path: Path
) -> None:
    from app.intake.sources import PathSource

    path = tmp_path / "photo.jpg"
    path.write_bytes(write(photo, "PNG"))
    assert decode(PathSource(path).read(LIMITS), LIMITS).format == "PNG"


def test_odd_files_leave_no_warning_behind(photo: Image.Image, write: Any) -> None:
    data = write(photo, "TIFF")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("error")
        for at in range(8, len(data), 97):
            try:
                decode(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :], LIMITS)
            except Exception as error:
                assert "Warning" not in type(error).__name__  # noqa: PT017 - any other is fine here
    assert not heard


def test_many_threads_decode_at_once(photo: Image.Image, write: Any) -> None:
    files = [write(photo, form, **options) for form, _, options in EVERY_FORMAT] * 3
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(lambda data: decode(data, LIMITS), files))
    assert all(far_from(one.image, photo) < 6 for one in images)


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of given rows, each with its filter byte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    out = BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, 2)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out.write(chunk(kind, body))
    return out.getvalue()
