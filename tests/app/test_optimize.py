"""A model made fast: what is installed, what is refused, and that serving it needs no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
pytest.importorskip("cn_clip", reason="needs the `clip` extra: no cn_clip")
pytest.importorskip("onnxscript", reason="needs the `clip` extra: no onnxscript")

from app import optimize_check  # noqa: E402  after the skip
from app.encoders import chinese_clip  # noqa: E402
from app.encoders.catalog import open_encoder  # noqa: E402
from app.encoders.chinese_clip import Shape, TextShape, load_chinese_clip  # noqa: E402
from app.encoders.dual import DualEncoder  # noqa: E402
from app.encoders.optimized import optimized_dir  # noqa: E402
from app.errors import OptimizationRefusedError  # noqa: E402
from app.optimize import Outcome, optimize  # noqa: E402
from tests.fixtures.checkpoints import random_checkpoint  # noqa: E402
from tests.fixtures.photos import some_photos  # noqa: E402
from vocab.tags import Tag  # noqa: E402

pytestmark = pytest.mark.clip

ROOT = Path(__file__).parents[2]
NAME = "chinese-clip-vit-b-16"
# The published model in everything but its size.
SMALL = Shape(32, 64, 2, 64, TextShape(width=64, layers=2, heads=2), patch=16, head_width=32)
TAGS = [Tag(name, name) for name in ("猫", "狗", "一辆红色的汽车", "城市夜景", "山", "海边")]
PHOTOS = some_photos(8)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def original(models_dir: Path) -> Iterator[DualEncoder]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(chinese_clip.SHAPES, NAME, SMALL)
        with random_checkpoint(NAME, models_dir / "small.pt") as path:
            yield load_chinese_clip(NAME, path, device="cpu", precision="fp32")


def pixels_of(encoder: DualEncoder) -> Any:
    return np.stack([encoder.prepare(photo) for photo in PHOTOS])


@pytest.fixture(scope="module")
def outcome(original: DualEncoder, models_dir: Path) -> Outcome:
    pixels = pixels_of(original)
    return optimize(original, pixels, TAGS, models_dir, "int8", lambda *_: None)


def test_every_form_is_judged_on_photos_that_did_not_calibrate_it(outcome: Outcome) -> None:
    assert {check.method for check in outcome.checks} == {"static", "dynamic"}
    assert (outcome.calibrated_on, outcome.checked_on) == (4, 4)
    assert all(0.9 < check.image_min <= check.image_mean <= 1.0001 for check in outcome.checks)
    stated = json.loads((outcome.folder / "model.json").read_text())
    assert {check["method"] for check in stated["checks"]} <= {"static", "dynamic"}
    assert len({check["method"] for check in stated["checks"]}) == 1


def test_what_is_installed_gives_nearly_the_same_vectors_for_any_number_of_rows(
    original: DualEncoder, outcome: Outcome, models_dir: Path
) -> None:
    fast = open_encoder(
        NAME, models_dir=models_dir, device="cpu", checkpoint=models_dir / "small.pt"
    )
    assert outcome.folder == optimized_dir(models_dir, NAME) / "int8"
    assert fast.model_key == original.model_key
    pixels = pixels_of(original)
    for rows in (1, 3, 8):
        ours, theirs = fast.encode_pixels(pixels[:rows]), original.encode_pixels(pixels[:rows])
        assert (ours * theirs).sum(axis=1).min() > 0.98
    texts = ["图", "一只柯基犬在草地上奔跑", "长" * 60]
    assert (fast.encode_texts(texts) * original.encode_texts(texts)).sum(axis=1).min() > 0.98


def test_it_is_served_without_torch(
    original: DualEncoder, outcome: Outcome, models_dir: Path
) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from app.encoders.catalog import open_encoder\n"
        f"e = open_encoder({NAME!r}, models_dir=Path(sys.argv[1]), device='cpu', runtime='onnx')\n"
        "print(e.model_key, e.encode_texts(['猫', '狗']).shape)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(models_dir)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.split("\n")[0] == f"{original.model_key} (2, 32)"


def test_one_that_misses_the_bar_is_refused_and_what_was_installed_stays(
    original: DualEncoder, outcome: Outcome, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (outcome.folder / "model.json").read_bytes()
    monkeypatch.setattr(optimize_check, "IMAGE_MIN", 1.01)
    with pytest.raises(OptimizationRefusedError, match="余弦"):
        optimize(original, pixels_of(original), TAGS, models_dir, "int8", lambda *_: None)
    assert (outcome.folder / "model.json").read_bytes() == before
    assert [path.name for path in outcome.folder.parent.iterdir()] == ["int8"]


def test_a_form_in_fp32_is_the_original_itself(original: DualEncoder, models_dir: Path) -> None:
    pixels = pixels_of(original)
    made = optimize(original, pixels, TAGS, models_dir, "fp32", lambda *_: None)
    for check in made.checks:
        assert check.image_min > 0.9999
        assert check.text_min > 0.9999
        assert check.decisions.agreement == 1.0
