"""A batch divided among cores is put together again as it was."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from app.encoders.runtimes.lanes import Feed, Lanes, lanes_for
from app.encoders.runtimes.onnx import OnnxImageTower, OnnxTextTower
from app.errors import EncoderError
from tests.fixtures.tiny import GRAPHS


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 11])
def test_rows_come_back_in_order_whatever_their_number(rows: int) -> None:
    ids, mask = np.arange(2 * rows).reshape(rows, 2), np.ones((rows, 2))
    used = set()

    def alone(feed: Feed) -> list[np.ndarray]:
        used.add(threading.get_ident())
        assert len(feed["ids"]) == len(feed["mask"])
        assert len(feed["ids"]) > 0
        return [feed["ids"] * 10, feed["mask"]]

    tens, ones = Lanes(4)(alone, {"ids": ids, "mask": mask})
    np.testing.assert_array_equal(tens, ids * 10)
    np.testing.assert_array_equal(ones, mask)
    assert threading.get_ident() not in used


def test_what_one_lane_raises_is_raised() -> None:
    def alone(feed: Feed) -> list[np.ndarray]:
        if feed["pixels"][0, 0] >= 2:
            raise EncoderError("no")
        return [feed["pixels"]]

    with pytest.raises(EncoderError, match="no"):
        Lanes(2)(alone, {"pixels": np.arange(4.0).reshape(4, 1)})


def test_a_gpu_has_one_lane_and_a_cpu_one_a_thread() -> None:
    assert lanes_for(0, "cuda:0") == 1
    assert lanes_for(3, "cpu") == 3
    assert lanes_for(0, "cpu") >= 1
    assert not Lanes(1).suit(100)
    assert [Lanes(4).suit(rows) for rows in (3, 4, 5)] == [False, True, True]


def test_the_number_of_threads_changes_no_vector() -> None:
    chance = np.random.default_rng(0)
    pixels = chance.normal(size=(5, 3, 32, 32)).astype(np.float32)
    one, four = (OnnxImageTower(GRAPHS / "image.onnx", threads) for threads in (1, 4))
    np.testing.assert_allclose(four(pixels), one(pixels), atol=1e-5)
    for few in (1, 3):
        np.testing.assert_allclose(four(pixels[:few]), one(pixels[:few]), atol=1e-5)
    assert OnnxTextTower(GRAPHS / "text.onnx", 4).device == "cpu"


def test_the_first_batch_of_a_process_may_come_in_lanes() -> None:
    """Its lanes once waited for each other for ever, in what OpenVINO does at its first use."""
    pytest.importorskip("openvino", reason="needs the `openvino` extra")
    code = (
        "import numpy as np, pathlib, sys\n"
        "from app.encoders.runtimes.openvino import OpenVinoImageTower\n"
        "tower = OpenVinoImageTower(pathlib.Path(sys.argv[1]), 4)\n"
        "print(tower(np.zeros((8, 3, 32, 32), dtype=np.float32)).shape)\n"
    )
    command = [sys.executable, "-c", code, str(GRAPHS / "image.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "(8, 12)"
