"""Our Chinese-CLIP against cn_clip's own, with random weights in the published format."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
clip = pytest.importorskip("cn_clip.clip", reason="needs the `clip` extra: no cn_clip")

from app.encoders.base import TokenBatch  # noqa: E402  after the skip
from app.encoders.chinese_clip import SHAPES, load_chinese_clip  # noqa: E402
from app.encoders.dual import DualEncoder  # noqa: E402
from app.errors import ModelFileError, SettingsError  # noqa: E402
from tests.fixtures.checkpoints import random_checkpoint, random_state  # noqa: E402
from tests.fixtures.photos import drawn, some_photos  # noqa: E402

pytestmark = pytest.mark.clip

CN_CLIP_NAMES = {"chinese-clip-rn50": "RN50", "chinese-clip-vit-b-16": "ViT-B-16"}
PHOTOS = some_photos(6)
TEXTS = [
    "狗",
    "一只柯基犬在草地上奔跑",
    "a red car, 红色的汽车",
    "这是一张关于城市夜景的照片" * 3,
    "长" * 300,
]


@dataclass
class Pair:
    """Ours and cn_clip's, over the same file."""

    path: Path
    ours: DualEncoder
    theirs: Any
    transform: Any

    @cached_property
    def their_images(self) -> NDArray[np.float32]:
        with torch.inference_mode():
            return unit(self.theirs.encode_image(torch.stack([self.transform(p) for p in PHOTOS])))

    @cached_property
    def their_texts(self) -> NDArray[np.float32]:
        with torch.inference_mode():
            return unit(self.theirs.encode_text(clip.tokenize(TEXTS)))


def unit(features: Any) -> NDArray[np.float32]:
    features = features.float()
    array: NDArray[np.float32] = (features / features.norm(dim=-1, keepdim=True)).numpy()
    return array


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((left * right).sum(axis=1))


def centred(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows without what all of them share: random weights give every photo a similar vector."""
    rest = rows - rows.mean(axis=0)
    return np.asarray(rest / np.linalg.norm(rest, axis=1, keepdims=True))


@pytest.fixture(scope="module", params=sorted(CN_CLIP_NAMES))
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    name = request.param
    theirs_name = CN_CLIP_NAMES[name]
    folder = tmp_path_factory.mktemp("checkpoints")
    # The file name that load_from_name looks for before it downloads.
    with random_checkpoint(name, folder / f"clip_cn_{theirs_name.lower()}.pt") as path:
        theirs, transform = clip.load_from_name(
            theirs_name, device="cpu", download_root=str(folder)
        )
        yield Pair(path, load_chinese_clip(name, path, device="cpu"), theirs.eval(), transform)
    shutil.rmtree(folder)


def test_images_are_embedded_as_cn_clip_does(pair: Pair) -> None:
    ours, theirs = pair.ours.encode_images(PHOTOS), pair.their_images
    assert cosines(ours, theirs).min() >= 0.99999
    assert cosines(centred(ours), centred(theirs)).min() >= 0.9995


def test_texts_are_embedded_as_cn_clip_does(pair: Pair) -> None:
    ours, theirs = pair.ours.encode_texts(TEXTS), pair.their_texts
    assert cosines(ours, theirs).min() >= 0.99999
    assert cosines(centred(ours), centred(theirs)).min() >= 0.9995


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close_to_cn_clip(pair: Pair, precision: str) -> None:
    half = load_chinese_clip(pair.ours.name, pair.path, device="cpu", precision=precision)
    some = 4 if precision == "bf16" else 1  # fp16 is slow on a CPU
    assert cosines(half.encode_images(PHOTOS[:some]), pair.their_images[:some]).min() >= 0.999
    assert cosines(half.encode_texts(TEXTS[:some]), pair.their_texts[:some]).min() >= 0.999
    assert half.model_key == pair.ours.model_key


def test_pixels_are_prepared_as_cn_clip_does(pair: Pair) -> None:
    for photo in [*PHOTOS, drawn(1, 1000, 30), drawn(2, 7, 300), drawn(3, 1, 1)]:
        np.testing.assert_array_equal(pair.ours.prepare(photo), pair.transform(photo).numpy())


def test_a_text_at_its_own_length_is_embedded_as_at_52_tokens(pair: Pair) -> None:
    short = pair.ours.tokenizer(TEXTS[:3])
    assert short.ids.shape[1] < 20
    rest = 52 - short.ids.shape[1]
    full = TokenBatch(*(np.pad(part, ((0, 0), (0, rest))) for part in (short.ids, short.mask)))
    at_own_length = unit(torch.tensor(pair.ours.text_tower(short)))
    at_52_tokens = unit(torch.tensor(pair.ours.text_tower(full)))
    assert np.abs(at_own_length - at_52_tokens).max() < 1e-5
    assert cosines(at_own_length, at_52_tokens).min() >= 0.999999


def test_loading_prints_nothing(pair: Pair, capfd: pytest.CaptureFixture[str]) -> None:
    load_chinese_clip(pair.ours.name, pair.path, device="cpu", precision="bf16")
    assert capfd.readouterr() == ("", "")


def test_the_key_names_the_model_its_weights_and_its_preprocessing(pair: Pair) -> None:
    again = load_chinese_clip(pair.ours.name, pair.path, device="cpu", precision="bf16")
    assert again.model_key == pair.ours.model_key
    assert again.model_key.startswith(f"{pair.ours.name}@")
    assert again.model_key.endswith(pair.ours.preprocessing.digest())


def test_a_file_of_another_size_is_refused_and_recognised(pair: Pair) -> None:
    other = next(name for name in CN_CLIP_NAMES if name != pair.ours.name)
    with pytest.raises(ModelFileError, match=f"与 {other} 的结构不符.*{pair.ours.name}"):
        load_chinese_clip(other, pair.path, device="cpu")


def test_a_truncated_file_is_refused(pair: Pair, tmp_path: Path) -> None:
    part = tmp_path / "part.pt"
    with pair.path.open("rb") as source:
        part.write_bytes(source.read(1 << 20))
    with pytest.raises(ModelFileError, match="没有下载完整"):
        load_chinese_clip(pair.ours.name, part, device="cpu")


class Trap:
    """Unpickled by a careless loader, this makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, legacy: bool) -> None:
    path, sprung = tmp_path / "trap.pt", tmp_path / "sprung"
    torch.save(
        {"state_dict": {"module.logit_scale": torch.ones(()), "module.trap": Trap(sprung)}},
        path,
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(ModelFileError, match="要求执行代码，已拒绝"):
        load_chinese_clip("chinese-clip-rn50", path, device="cpu")
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"weights": 1}, "没有 state_dict"),
        ({"state_dict": {}}, "没有 state_dict"),
        ({"state_dict": {"module.epoch": 3}}, "没有 state_dict"),
        ([1, 2], "没有 state_dict"),
        ({"state_dict": {"module.logit_scale": torch.ones(())}}, "缺少 .* 项"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ModelFileError, match=said):
        load_chinese_clip("chinese-clip-rn50", tmp_path / "other.pt", device="cpu")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", bytes(1000), b"\x80\x02}q\x00."])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.pt").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"no\.pt"):
        load_chinese_clip("chinese-clip-rn50", tmp_path / "no.pt", device="cpu")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"missing\.pt 不存在"):
        load_chinese_clip("chinese-clip-rn50", tmp_path / "missing.pt", device="cpu")


def test_missing_surplus_and_misshapen_weights_are_named(tmp_path: Path) -> None:
    state = random_state("chinese-clip-rn50", torch.float16)
    path = tmp_path / "bent.pt"
    for change, said in (
        ({"module.text_projection": None}, "缺少 1 项（text_projection）"),
        ({"module.visual.extra": torch.ones(1)}, "多出 1 项（visual.extra）"),
        ({"module.text_projection": torch.ones(2, 3)}, r"text_projection 的形状是 \(2, 3\)"),
    ):
        bent = {key: value for key, value in (state | change).items() if value is not None}
        torch.save({"state_dict": bent}, path)
        with pytest.raises(ModelFileError, match=said):
            load_chinese_clip("chinese-clip-rn50", path, device="cpu")
    path.unlink()


def test_a_device_or_precision_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="int3"):
        load_chinese_clip("chinese-clip-rn50", tmp_path / "x.pt", precision="int3")
    with pytest.raises(SettingsError, match="abacus"):
        load_chinese_clip("chinese-clip-rn50", tmp_path / "x.pt", device="abacus")


def test_a_closed_encoder_says_so(pair: Pair) -> None:
    encoder = load_chinese_clip(pair.ours.name, pair.path, device="cpu", precision="bf16")
    encoder.close()
    encoder.close()
    with pytest.raises(Exception, match="已经关闭"):
        encoder.encode_texts(["狗"])


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["auto", "fp16", "bf16"])
def test_a_gpu_gives_the_same_vectors(pair: Pair, precision: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    encoder = load_chinese_clip(pair.ours.name, pair.path, device="cuda", precision=precision)
    assert encoder.device == "cuda:0"
    assert cosines(encoder.encode_images(PHOTOS), pair.their_images).min() >= 0.999
    assert cosines(encoder.encode_texts(TEXTS), pair.their_texts).min() >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SHAPES if name not in CN_CLIP_NAMES])
def test_the_large_sizes_load_and_encode(tmp_path: Path, name: str) -> None:
    with random_checkpoint(name, tmp_path / "large.pt", "bf16") as path:
        encoder = load_chinese_clip(name, path, device="cpu", precision="bf16")
    images, texts = encoder.encode_images(PHOTOS[:1]), encoder.encode_texts(["狗"])
    assert images.shape == texts.shape == (1, SHAPES[name].dim)
    assert encoder.prepare(PHOTOS[0]).shape == (3, *[SHAPES[name].resolution] * 2)
    for vectors in (images, texts):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_size_has_the_layers_of_cn_clips_configuration(name: str) -> None:
    import json

    from cn_clip.clip.model import CLIP
    from cn_clip.clip.utils import _MODEL_INFO

    from app.encoders.chinese_clip import empty_model

    folder = Path(clip.__file__).parent / "model_configs"
    known = {key.lower(): info for key, info in _MODEL_INFO.items()}
    info = known[name.removeprefix("chinese-clip-")]
    vision, text = (
        json.loads((folder / f"{part}.json").read_text()) for part in info["struct"].split("@")
    )
    if isinstance(vision["vision_layers"], str):
        vision["vision_layers"] = json.loads(vision["vision_layers"])
    with torch.device("meta"):
        theirs = CLIP(**vision, **text)
    ours = empty_model(SHAPES[name], torch.float32)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    assert SHAPES[name].resolution == info["input_resolution"]
    assert vars(ours.bert_config) == vars(theirs.bert_config)
    if hasattr(theirs.visual, "transformer"):
        heads = [m.visual.transformer.resblocks[0].attn.num_heads for m in (ours, theirs)]
        assert heads[0] == heads[1]
    else:
        assert ours.visual.attnpool.num_heads == theirs.visual.attnpool.num_heads
