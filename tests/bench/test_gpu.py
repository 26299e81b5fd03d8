"""What `bench.gpu` measures with, at sizes that take no time."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
pytest.importorskip("cn_clip", reason="needs the `clip` extra: no cn_clip")

from app.encoders.chinese_clip import SHAPES  # noqa: E402  after the skip
from bench import gpu_forms, gpu_search  # noqa: E402

pytestmark = pytest.mark.clip


def test_the_operations_of_vit_b_16_are_those_of_the_literature() -> None:
    # 17.6 billion multiplications and as many additions (Dosovitskiy et al., 2021).
    assert gpu_forms.flops_of(SHAPES["chinese-clip-vit-b-16"]) == pytest.approx(35.1e9, rel=0.01)
    assert np.isnan(gpu_forms.flops_of(SHAPES["chinese-clip-rn50"]))


def test_both_kinds_of_search_give_the_same_answers_before_they_are_timed() -> None:
    found = list(gpu_search.measure("cpu", (200,), seconds=0.0))
    assert [one.parameters["search"] for one in found] == ["faiss on cpu", "torch matmul on cpu"]
    assert all(one.rates and not one.error for one in found)
