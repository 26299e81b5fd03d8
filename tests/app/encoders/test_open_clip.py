"""Our open_clip encoder against open_clip's own pipeline, with random weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
open_clip = pytest.importorskip("open_clip", reason="needs the `clip` extra: no open_clip")

from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict  # noqa: E402

from app.encoders.open_clip import (  # noqa: E402
    load_open_clip,
    read_preprocessing,
)
from app.errors import ModelDownloadError, ModelFileError, UnknownModelError  # noqa: E402
from tests.fixtures.checkpoints import seeded  # noqa: E402
from tests.fixtures.multilingual import write_multilingual  # noqa: E402
from tests.fixtures.photos import drawn, some_photos  # noqa: E402

pytestmark = pytest.mark.clip

ROOT = Path(__file__).parents[3]
PHOTOS = some_photos(5)
TEXTS = ["a dog in the snow", "狗", "一张城市夜景的照片", "long " * 200, ""]
SMALL = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 64, "layers": 3, "width": 64, "patch_size": 16},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 2,
        "layers": 3,
    },
}


def unit(features: Any) -> NDArray[np.float32]:
    features = features.float()
    rows: NDArray[np.float32] = (features / features.norm(dim=-1, keepdim=True)).numpy()
    return rows


def their_vectors(model: Any, transform: Any, tokenize: Any) -> tuple[Any, Any]:
    with torch.inference_mode():
        images = model.eval().encode_image(torch.stack([transform(photo) for photo in PHOTOS]))
        return unit(images), unit(model.encode_text(tokenize(TEXTS)))


def assert_same_pipeline(encoder: Any, name: str, **how: Any) -> None:
    """Images, texts and pixels as open_clip itself makes them."""
    model, _, transform = open_clip.create_model_and_transforms(name, **how)
    images, texts = their_vectors(model, transform, open_clip.get_tokenizer(name))
    assert (encoder.encode_images(PHOTOS) * images).sum(axis=1).min() >= 0.99999
    assert (encoder.encode_texts(TEXTS) * texts).sum(axis=1).min() >= 0.99999
    assert np.abs(images @ images.T).min() < 0.999  # else the above says little
    for photo in PHOTOS:
        np.testing.assert_allclose(
            encoder.prepare(photo), transform(photo).numpy(), rtol=0, atol=1e-6
        )


def write_model(folder: Path, config: dict[str, Any], preprocess: dict[str, Any]) -> Path:
    """A folder that `local-dir:` opens, with random weights."""
    folder.mkdir(exist_ok=True)
    stated = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(stated))
    seeded()
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights of a small model that open_clip knows by name."""
    seeded()
    path = tmp_path_factory.mktemp("open_clip") / "small.pt"
    state = open_clip.create_model("ViT-S-32-alt").state_dict()
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    yield path
    path.unlink()


def test_a_named_model_with_a_local_checkpoint_is_open_clips(
    checkpoint: Path, tmp_path: Path
) -> None:
    encoder = load_open_clip(
        "ViT-S-32-alt", models_dir=tmp_path, checkpoint=checkpoint, device="cpu"
    )
    assert (encoder.name, encoder.dim) == ("open-clip:ViT-S-32-alt", 256)
    assert_same_pipeline(encoder, "ViT-S-32-alt", pretrained=str(checkpoint))


def test_half_precision_stays_close(checkpoint: Path, tmp_path: Path) -> None:
    full, half = (
        load_open_clip(
            "ViT-S-32-alt",
            models_dir=tmp_path,
            checkpoint=checkpoint,
            device="cpu",
            precision=precision,
        )
        for precision in ("fp32", "bf16")
    )
    for ours, theirs in (
        (half.encode_images(PHOTOS), full.encode_images(PHOTOS)),
        (half.encode_texts(TEXTS), full.encode_texts(TEXTS)),
    ):
        assert (ours * theirs).sum(axis=1).min() >= 0.999
    assert half.model_key == full.model_key


def test_a_tag_beside_a_checkpoint_keeps_the_tags_preprocessing(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No published tag belongs to a model this small: this one is open_clip's table with a row more.
    tag = {"resize_mode": "squash", "mean": (0.5,) * 3, "std": (0.5,) * 3, "hf_hub": "x/y/"}
    table = open_clip.pretrained._PRETRAINED
    monkeypatch.setitem(table, "ViT-S-32-alt", {"squashed": tag})
    encoder = load_open_clip(
        "ViT-S-32-alt/squashed", models_dir=tmp_path, checkpoint=checkpoint, device="cpu"
    )
    assert encoder.preprocessing.fit == "squash"
    assert encoder.preprocessing.mean == (0.5, 0.5, 0.5)
    assert encoder.name == "open-clip:ViT-S-32-alt/squashed"


@pytest.mark.parametrize(
    "preprocess",
    [
        {"resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"},
        {"resize_mode": "shortest", "interpolation": "bilinear"},
    ],
)
def test_a_local_folder_states_its_preprocessing(
    tmp_path: Path, preprocess: dict[str, Any]
) -> None:
    name = f"local-dir:{write_model(tmp_path / 'model', SMALL, preprocess)}"
    encoder = load_open_clip(name, models_dir=tmp_path, device="cpu")
    assert encoder.dim == 48
    assert encoder.preprocessing.size == 64
    assert_same_pipeline(encoder, name)


def test_a_multilingual_text_tower_is_open_clips(tmp_path: Path) -> None:
    """The way of XLM-R models, whose text tower and tokenizer are transformers' own."""
    pytest.importorskip("transformers", reason="no transformers")
    name = write_multilingual(tmp_path / "model")
    assert_same_pipeline(load_open_clip(name, models_dir=tmp_path, device="cpu"), name)


def every_published_preprocessing() -> list[dict[str, Any]]:
    found = []
    for name, tag in open_clip.list_pretrained():
        size = open_clip.get_model_config(name)["vision_cfg"].get("image_size", 224)
        stated = merge_preprocess_dict(PreprocessCfg(), open_clip.get_pretrained_cfg(name, tag))
        found.append(stated | {"size": (size, size)})
    return [json.loads(text) for text in sorted({json.dumps(stated) for stated in found})]


def test_every_published_preprocessing_is_open_clips() -> None:
    published = every_published_preprocessing()
    assert len(published) > 10
    photos = [PHOTOS[0], PHOTOS[1], drawn(1, 500, 31), drawn(2, 31, 500)]
    for stated in published:
        ours = read_preprocessing(stated)
        theirs = image_transform_v2(PreprocessCfg(**stated), is_train=False)
        for photo in photos:
            np.testing.assert_allclose(
                ours(photo), theirs(photo).numpy(), rtol=0, atol=1e-5, err_msg=str(stated)
            )


@pytest.mark.parametrize(
    "odd", [{"resize_mode": "longest"}, {"interpolation": "nearest"}, {"size": (224, 336)}]
)
def test_an_unknown_preprocessing_is_an_error_that_names_it(odd: dict[str, Any]) -> None:
    stated = asdict(PreprocessCfg()) | odd
    ((_, value),) = odd.items()
    with pytest.raises(ModelFileError, match=str(value).strip("()")):
        read_preprocessing(stated)


def test_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="ViT-B-33") as caught:
        load_open_clip("ViT-B-33/openai", models_dir=tmp_path)
    assert "ViT-B-32" in str(caught.value.remedy)


def test_an_unknown_tag_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="nobody") as caught:
        load_open_clip("ViT-B-32/nobody", models_dir=tmp_path)
    assert "laion2b_s34b_b79k" in str(caught.value.remedy)
    with pytest.raises(UnknownModelError, match="哪份权重"):
        load_open_clip("ViT-B-32", models_dir=tmp_path)


def test_a_file_of_another_model_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="不能用于 ViT-S-32"):
        load_open_clip("ViT-S-32", models_dir=tmp_path, checkpoint=checkpoint, device="cpu")
    with pytest.raises(ModelFileError, match="不存在"):
        load_open_clip("ViT-S-32", models_dir=tmp_path, checkpoint=tmp_path / "no.pt")
    with pytest.raises(ModelFileError, match="没有 open_clip 的权重"):
        load_open_clip(f"local-dir:{tmp_path / 'nowhere'}", models_dir=tmp_path)


class Trap:
    """Unpickled by a careless loader, this makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {"trap": Trap(tmp_path / "sprung")}}, tmp_path / "trap.pt")
    with pytest.raises(ModelFileError, match="不能用于"):
        load_open_clip("ViT-S-32-alt", models_dir=tmp_path, checkpoint=tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host\nmore lines")

    monkeypatch.setattr("open_clip.pretrained.download_pretrained", fail)
    with pytest.raises(ModelDownloadError, match=r"no route to host$") as caught:
        load_open_clip("ViT-B-32/laion2b_s34b_b79k", models_dir=tmp_path)
    assert "HF_ENDPOINT" in str(caught.value.remedy)
    assert "checkpoint" in str(caught.value.remedy)


UNREACHABLE = """
import sys
from pathlib import Path
from app.encoders.catalog import open_encoder
from app.errors import ModelDownloadError
try:
    open_encoder(sys.argv[2], models_dir=Path(sys.argv[1]), device="cpu")
except ModelDownloadError as error:
    assert "checkpoint" in error.remedy, error.remedy
else:
    raise SystemExit(f"{sys.argv[2]} was opened")
"""


@pytest.mark.slow  # the hub's client takes most of a minute to give up
def test_an_unreachable_hub_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    name = "open-clip:ViT-B-32/laion2b_s34b_b79k"
    subprocess.run(
        [sys.executable, "-c", UNREACHABLE, str(tmp_path), name],
        cwd=ROOT,
        env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9"},
        check=True,
    )
