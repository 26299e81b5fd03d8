"""Bytes that went wrong on the way: each file decodes or is an `ImageError`, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.errors import ImageError
from app.intake.decode import DecodedImage, decode
from app.intake.limits import Limits

SMALL = Limits(max_image_pixels=4_000_000, max_image_bytes=1 << 20)
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]
BEGINNINGS = [b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"\0\0\0\x1cftypavif"]
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def corpus(photo: Image.Image, write: Any) -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    small = photo.resize((48, 32))
    return {form: write(small, form, exif=exif.tobytes()) for form in FORMATS if form != "BMP"} | {
        "BMP": write(small, "BMP")
    }


def decodes_or_is_refused(data: bytes) -> DecodedImage | None:
    try:
        decoded = decode(data, SMALL)
    except ImageError as error:
        assert str(error)  # noqa: PT017 - a refusal is as right as an image
        return None
    assert decoded.image.mode == "RGB"
    assert decoded.width * decoded.height <= SMALL.max_image_pixels
    decoded.image.tobytes()
    return decoded


@pytest.mark.parametrize("form", FORMATS)
@QUIET
@given(data=st.data())
def test_a_truncated_file_decodes_or_is_refused(
    corpus: dict[str, bytes], form: str, data: st.DataObject
) -> None:
    whole = corpus[form]
    decodes_or_is_refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize("form", FORMATS)
@QUIET
@given(data=st.data())
def test_a_file_with_flipped_bits_decodes_or_is_refused(
    corpus: dict[str, bytes], form: str, data: st.DataObject
) -> None:
    damaged = bytearray(corpus[form])
    # The head holds sizes, offsets and kinds: half of the damage goes there.
    anywhere = st.integers(0, len(damaged) - 1)
    head = st.integers(0, min(len(damaged), 256) - 1)
    for at in data.draw(st.lists(st.one_of(head, anywhere), min_size=1, max_size=6)):
        damaged[at] ^= data.draw(st.integers(1, 255))
    decodes_or_is_refused(bytes(damaged))


@pytest.mark.parametrize("form", FORMATS)
@QUIET
@given(data=st.data())
def test_a_file_with_bytes_put_in_or_taken_out_decodes_or_is_refused(
    corpus: dict[str, bytes], form: str, data: st.DataObject
) -> None:
    whole = corpus[form]
    start = data.draw(st.integers(0, len(whole)))
    end = min(len(whole), start + data.draw(st.integers(0, 64)))
    decodes_or_is_refused(whole[:start] + data.draw(st.binary(max_size=64)) + whole[end:])


@QUIET
@given(start=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=400))
def test_noise_after_a_known_beginning_decodes_or_is_refused(start: bytes, rest: bytes) -> None:
    decodes_or_is_refused(start + rest)
