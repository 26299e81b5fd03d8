from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from app.encoders import catalog
from app.encoders.builtin import BUILTIN_DIR
from app.encoders.catalog import CATALOG, find_model, missing_packages, open_encoder, weights_path
from app.errors import MissingExtraError, ModelDownloadError, SettingsError, UnknownModelError

ROOT = Path(__file__).parents[3]
WITHOUT_TORCH = """
import sys
import app.encoders.catalog, app.encoders.builtin, app.encoders.wordpiece, app.encoders.dual
heavy = {"torch", "torchvision", "cn_clip", "open_clip", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""


def test_importing_the_catalogue_imports_no_torch() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], cwd=ROOT, check=True)


def test_names_are_unique_and_rows_are_complete() -> None:
    names = [model.name for model in CATALOG]
    assert len(set(names)) == len(names)
    assert names[0] == "builtin"
    for model in CATALOG:
        assert model.description
        assert model.licence
        assert (model.weights is None) == (model.kind == "builtin")


@pytest.mark.clip
def test_rows_name_the_files_that_cn_clip_names() -> None:
    pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
    utils = pytest.importorskip("cn_clip.clip.utils", reason="needs the `clip` extra: no cn_clip")
    from app.encoders.chinese_clip import SHAPES

    ours = {model.name: model for model in CATALOG if model.kind == "chinese-clip"}
    assert {f"chinese-clip-{name.lower()}" for name in utils._MODELS} == set(ours) == set(SHAPES)
    for name, (repo, file) in utils._MODELS.items():
        model = ours[f"chinese-clip-{name.lower()}"]
        assert model.weights is not None
        assert model.weights.name == file
        assert model.weights.huggingface_repo == f"{utils._HUGGINGFACE_ORG}/{repo}"
        assert model.weights.modelscope_repo == f"{utils._MODELSCOPE_ORG}/{repo}"
        assert (model.dim, model.input_size) == (
            SHAPES[model.name].dim,
            SHAPES[model.name].resolution,
        )


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownModelError, match="是不是 chinese-clip-vit-b-16") as caught:
        find_model("chinese-clip-vit-b16")
    for model in CATALOG:
        assert model.name in str(caught.value.remedy)
    assert "open-clip:" in str(caught.value.remedy)


def test_an_open_clip_name_has_a_row_made_for_it() -> None:
    model = find_model("open-clip:ViT-B-32/laion2b_s34b_b79k")
    assert (model.kind, model.extra, model.weights) == ("open-clip", "clip", None)
    with pytest.raises(UnknownModelError):
        find_model("open-clip:")


@pytest.mark.parametrize("name", ["chinese-clip-rn50", "open-clip:ViT-B-32/openai"])
def test_a_missing_extra_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    if importlib.util.find_spec("torch"):
        kind = find_model(name).kind
        monkeypatch.setitem(catalog.PACKAGES, kind, ("torch", "a_package_nobody_has"))
    assert missing_packages(find_model(name))
    with pytest.raises(MissingExtraError, match="需要附加包 clip") as caught:
        open_encoder(name, models_dir=tmp_path)
    assert "make install-clip" in str(caught.value.remedy)
    assert caught.value.field == "model"


def test_the_builtin_model_takes_no_weights_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="本地权重"):
        open_encoder("builtin", models_dir=tmp_path, checkpoint=tmp_path / "x.pt")


def test_the_builtin_model_opens_by_name(tmp_path: Path) -> None:
    if not (BUILTIN_DIR / "model.json").exists():
        pytest.skip("the built-in model has not been built yet")
    encoder = open_encoder("builtin", models_dir=tmp_path, device="cpu", threads=1)
    assert encoder.encode_texts(["狗"]).shape == (1, encoder.dim)
    encoder.close()


def test_weights_lie_under_their_published_name(tmp_path: Path) -> None:
    assert weights_path(find_model("chinese-clip-rn50"), tmp_path) == tmp_path / "clip_cn_rn50.pt"
    assert weights_path(find_model("builtin"), tmp_path) is None


@pytest.mark.clip
def test_weights_that_cannot_be_fetched_are_named_with_their_place(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
    pytest.importorskip("cn_clip", reason="needs the `clip` extra: no cn_clip")
    with pytest.raises(ModelDownloadError, match=r"clip_cn_vit-b-16\.pt") as caught:
        open_encoder("chinese-clip-vit-b-16", models_dir=tmp_path, hub="http://127.0.0.1:9")
    assert str(tmp_path / "clip_cn_vit-b-16.pt") in str(caught.value.remedy)
    with pytest.raises(SettingsError, match="baidu"):
        open_encoder("chinese-clip-vit-b-16", models_dir=tmp_path, hub="baidu")


@pytest.mark.clip
def test_a_local_checkpoint_opens_under_a_published_name(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
    pytest.importorskip("cn_clip", reason="needs the `clip` extra: no cn_clip")
    from tests.fixtures.checkpoints import random_checkpoint

    with random_checkpoint("chinese-clip-rn50", tmp_path / "mine.pt", "fp16") as path:
        encoder = open_encoder(
            "chinese-clip-rn50", models_dir=tmp_path, checkpoint=path, device="cpu"
        )
    assert encoder.name == "chinese-clip-rn50"
    assert encoder.encode_texts(["狗"]).shape == (1, 1024)
