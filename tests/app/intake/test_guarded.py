"""Decoding in processes: the same pixels, and no file that takes anything with it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import (
    CorruptImageError,
    DecodingStoppedError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    UnsupportedImageError,
)
from app.intake.decode import decode
from app.intake.guarded import GuardedDecoder, _found, decoder_of
from app.intake.limits import Limits
from app.intake.shared_pixels import SIZE, SharedPixels

LIMITS = Limits()
Write = Callable[..., bytes]


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedDecoder]:
    made = GuardedDecoder(1, timeout_s=60)
    yield made
    made.close()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_a_process_sees_what_a_thread_sees(
    form: str, photo: Image.Image, write: Write, guarded: GuardedDecoder
) -> None:
    data = write(photo, form)
    here, there = decode(data, LIMITS, 40), guarded(data, LIMITS, 40)
    assert np.array_equal(np.asarray(here.image), np.asarray(there.image))
    assert (there.width, there.height) == (here.width, here.height)
    assert (there.format, there.sha256) == (here.format, here.sha256)


@pytest.mark.parametrize(
    ("data", "limits", "kind"),
    [
        (b"", LIMITS, EmptyImageError),
        (b"%PDF-1.7", LIMITS, UnsupportedImageError),
        (b"\xff\xd8\xff\xe0" + bytes(50), LIMITS, CorruptImageError),
        (bytes(2000), Limits(max_image_bytes=1000), ImageTooLargeError),
    ],
)
def test_a_refusal_says_the_same_as_in_a_thread(
    data: bytes, limits: Limits, kind: type[ImageError], guarded: GuardedDecoder
) -> None:
    with pytest.raises(kind) as here:
        decode(data, limits)
    with pytest.raises(kind) as there:
        guarded(data, limits)
    assert type(there.value) is type(here.value)
    assert str(there.value) == str(here.value)
    assert (there.value.field, there.value.remedy) == (here.value.field, here.value.remedy)


def test_a_process_that_hangs_is_given_up_and_replaced(photo: Image.Image, write: Write) -> None:
    data = write(photo, "PNG")
    guarded = GuardedDecoder(1, timeout_s=60)
    guarded(data, LIMITS)
    (first,) = guarded.waiting
    guarded._timeout_s = 0.3
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(DecodingStoppedError, match=r"0\.3 秒"):
        guarded(data, LIMITS)
    assert not _is_there(first)
    guarded._timeout_s = 60
    assert guarded(data, LIMITS).width == 120
    guarded.close()


def test_a_process_that_dies_at_work_costs_one_file(photo: Image.Image, write: Write) -> None:
    data = write(photo, "PNG")
    guarded = GuardedDecoder(1, timeout_s=60)
    guarded(data, LIMITS)
    (first,) = guarded.waiting
    os.kill(first, signal.SIGSTOP)
    failed: list[Exception] = []

    def work() -> None:
        try:
            guarded(data, LIMITS)
        except ImageError as error:
            failed.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    while guarded.waiting:  # until it has been taken
        time.sleep(0.01)
    time.sleep(0.2)  # and sent the file
    os.kill(first, signal.SIGKILL)
    worker.join(60)
    assert [type(one) for one in failed] == [DecodingStoppedError]
    assert guarded(data, LIMITS).width == 120
    guarded.close()


def test_a_process_that_died_while_it_waited_costs_nothing(
    photo: Image.Image, write: Write
) -> None:
    data = write(photo, "PNG")
    guarded = GuardedDecoder(1, timeout_s=60)
    guarded(data, LIMITS)
    (first,) = guarded.waiting
    os.kill(first, signal.SIGKILL)
    until = time.monotonic() + 10
    while _is_running(first) and time.monotonic() < until:
        time.sleep(0.01)
    assert guarded(data, LIMITS).width == 120
    assert guarded.waiting != (first,)
    guarded.close()


def test_closing_leaves_no_process_behind(photo: Image.Image, write: Write) -> None:
    guarded = GuardedDecoder(2, timeout_s=60)
    guarded(write(photo, "PNG"), LIMITS)
    (first,) = guarded.waiting
    guarded.close()
    assert not _is_there(first)
    with pytest.raises(DecodingStoppedError):
        guarded(write(photo, "PNG"), LIMITS)
    assert guarded.waiting == ()


def test_more_pixels_than_the_shared_memory_holds_arrive_too(
    write: Write, guarded: GuardedDecoder
) -> None:
    large = Image.new("RGB", (4000, 2800), (10, 20, 30))
    large.putpixel((3999, 2799), (200, 100, 50))
    found = guarded(write(large, "PNG", compress_level=1), LIMITS)
    assert 3 * found.width * found.height > SIZE
    assert found.image.getpixel((0, 0)) == (10, 20, 30)
    assert found.image.getpixel((3999, 2799)) == (200, 100, 50)


def test_a_process_leaves_the_signals_of_its_group_to_the_service(
    photo: Image.Image, write: Write
) -> None:
    guarded = GuardedDecoder(1, timeout_s=60)
    guarded(write(photo, "PNG"), LIMITS)
    (process,) = guarded.waiting
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process, one)
    assert guarded(write(photo, "PNG"), LIMITS).width == 120
    assert guarded.waiting == (process,)
    guarded.close()


@pytest.mark.parametrize("size", [[10, 11], [4000, 4000], [-10, -10], [0, 0], ["a", 1], [10**9, 9]])
def test_an_answer_that_announces_other_pixels_than_it_brings_is_none(size: list[int]) -> None:
    header = {"size": size, "width": 1, "height": 1, "format": "PNG", "sha256": ""}
    shared = SharedPixels()
    with pytest.raises((ValueError, TypeError)):
        _found(header, bytearray(300), shared)
    if size != [10, 11]:  # which would be some pixels left by another image, and harmless
        with pytest.raises((ValueError, TypeError)):
            _found(header, bytearray(), shared)
    shared.close()


def test_a_process_is_told_none_of_our_secrets(
    photo: Image.Image, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUQIAN_WEBHOOK_SECRET", "do-not-tell")
    guarded = GuardedDecoder(1, timeout_s=60)
    guarded(write(photo, "PNG"), LIMITS)
    (process,) = guarded.waiting
    assert b"do-not-tell" not in Path(f"/proc/{process}/environ").read_bytes()
    guarded.close()


def test_only_some_formats_are_sent_to_a_process(photo: Image.Image, write: Write) -> None:
    with ExitStack() as stack:
        kept: list[GuardedDecoder] = []

        def closes(close: Callable[[], None]) -> None:
            kept.append(close.__self__)  # type: ignore[attr-defined]
            stack.callback(close)

        chosen = decoder_of("risky", 1, 60, closes)
        assert chosen(write(photo, "JPEG"), LIMITS, None).format == "JPEG"
        assert kept[0].waiting == ()
        assert chosen(write(photo, "WEBP"), LIMITS, None).format == "WebP"
        assert len(kept[0].waiting) == 1
    assert decoder_of("thread", 1, 60, stack.callback) is decode


def _is_there(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def _is_running(number: int) -> bool:
    """False for one that has ended, though nobody has asked for its status yet."""
    stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0] != "Z"
