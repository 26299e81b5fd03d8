"""A model on each device that was named, behind one queue."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial

import numpy as np

from app.batching.batcher import Batcher
from app.loading import encoders_of
from app.main import silent
from app.settings import Settings


def test_two_devices_are_two_encoders_that_share_the_images_of_one_queue() -> None:
    with ExitStack() as stack:
        encoders = encoders_of(Settings(device="cpu, cpu", threads=1), stack, silent)
        first, second = encoders
        assert first is not second
        assert first.model_key == second.model_key

        counts = [0, 0]

        def counted(which: int, pixels: np.ndarray) -> np.ndarray:
            counts[which] += len(pixels)
            return encoders[which].encode_pixels(pixels)

        size = first.input_size
        pixels = np.random.default_rng(0).normal(size=(12, 3, size, size)).astype(np.float32)
        batcher = Batcher(
            [partial(counted, 0), partial(counted, 1)], max_batch=1, max_wait_ms=0, max_queue=99
        )
        stack.callback(batcher.close)
        deadline = time.monotonic() + 60
        given = [batcher.submit(one, deadline) for one in pixels]
        vectors = np.stack([future.result().vector for future in given])
    np.testing.assert_allclose(vectors, first.encode_pixels(pixels), atol=1e-5)
    assert sum(counts) == 12
    assert min(counts) > 0
