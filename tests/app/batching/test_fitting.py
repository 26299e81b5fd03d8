"""Batches on a device whose memory is too small for them."""

import numpy as np
import pytest

from app.batching.fitting import FittingEncode, FloatArray
from app.errors import DeviceMemoryError, EncoderError


class SmallDevice:
    """Encodes at most `room` images together."""

    def __init__(self, room: int):
        self.room = room
        self.batches: list[int] = []

    def __call__(self, pixels: FloatArray) -> FloatArray:
        self.batches.append(len(pixels))
        if len(pixels) > self.room:
            raise DeviceMemoryError("CUDA out of memory")
        return pixels[:, :1, 0, 0]


def images(count: int) -> FloatArray:
    return np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1) * np.ones((1, 3, 2, 2), "f4")


def test_a_batch_that_fits_is_encoded_whole() -> None:
    device = SmallDevice(16)
    fitting = FittingEncode(device)
    assert fitting(images(16))[:, 0].tolist() == list(range(16))
    assert (device.batches, fitting.limit) == ([16], None)


def test_out_of_memory_halves_the_batch_and_every_image_keeps_its_vector() -> None:
    fitting = FittingEncode(SmallDevice(5))
    assert fitting(images(16))[:, 0].tolist() == list(range(16))
    assert fitting.limit == 4


def test_the_smaller_batch_is_kept_so_that_the_next_one_fits_at_once() -> None:
    device = SmallDevice(4)
    fitting = FittingEncode(device)
    fitting(images(16))
    device.batches.clear()
    fitting(images(10))
    assert device.batches == [4, 4, 2]


def test_one_image_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(DeviceMemoryError):
        FittingEncode(SmallDevice(0))(images(8))


def test_any_other_failure_is_not_tried_again() -> None:
    calls = []

    def broken(pixels: FloatArray) -> FloatArray:
        calls.append(len(pixels))
        raise EncoderError("broken")

    with pytest.raises(EncoderError):
        FittingEncode(broken)(images(8))
    assert calls == [8]
