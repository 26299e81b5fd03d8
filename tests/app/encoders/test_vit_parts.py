"""Patches of a vision transformer in the published format, with random weights.

What random weights cannot tell is whether the patches' tags are right; that the parts are computed
as described is told against numpy, and that the image's own vector is untouched against cn_clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
pytest.importorskip("cn_clip.clip", reason="needs the `clip` extra: no cn_clip")

from app.encoders.base import FloatArray  # noqa: E402  after the skip
from app.encoders.chinese_clip import SHAPES, Shape, TextShape, load_chinese_clip  # noqa: E402
from app.encoders.dual import DualEncoder  # noqa: E402
from app.encoders.vit_parts import affinity, value_only  # noqa: E402
from app.errors import EncoderError  # noqa: E402
from tests.fixtures.checkpoints import random_checkpoint  # noqa: E402
from tests.fixtures.photos import some_photos  # noqa: E402

pytestmark = pytest.mark.clip

# The published graph at a size that loads in milliseconds: 6 blocks, 16 patches, 4 heads.
SMALL = Shape(32, 64, 6, 64, TextShape(32, 1, 2), patch=16, head_width=16)
PATCHES = 16


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DualEncoder]]:
    path = tmp_path_factory.mktemp("small") / "small.pt"
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(SHAPES, "small", SMALL)
        with random_checkpoint("small", path):
            yield {
                precision: load_chinese_clip("small", path, device="cpu", precision=precision)
                for precision in ("fp32", "bf16")
            }


@pytest.fixture(scope="module")
def encoder(loaded: dict[str, DualEncoder]) -> DualEncoder:
    return loaded["fp32"]


@pytest.fixture(scope="module")
def visual(encoder: DualEncoder) -> Any:
    return encoder.part_tower.graph.args[0]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def pixels(encoder: DualEncoder) -> FloatArray:
    return np.stack([encoder.prepare(photo) for photo in some_photos(3)]).astype(np.float32)


def test_an_image_has_a_unit_vector_for_itself_and_each_of_its_patches(
    encoder: DualEncoder, pixels: FloatArray
) -> None:
    assert encoder.gives_parts
    found = encoder.encode_parts(pixels)
    assert found.shape == (3, 1 + PATCHES, encoder.dim)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)


def test_the_image_itself_is_embedded_as_without_its_patches(
    encoder: DualEncoder, pixels: FloatArray
) -> None:
    found = encoder.encode_parts(pixels)[:, 0]
    np.testing.assert_allclose(found, encoder.encode_pixels(pixels), atol=1e-5)


def test_patches_do_not_depend_on_the_batch_and_differ(
    encoder: DualEncoder, pixels: FloatArray
) -> None:
    found = encoder.encode_parts(pixels)
    np.testing.assert_allclose(encoder.encode_parts(pixels[1:2])[0], found[1], atol=1e-5)
    assert np.abs(found[0, 1] - found[0, 2]).max() > 1e-3


def test_the_last_block_keeps_each_token_to_itself_as_numpy_says(visual: Any) -> None:
    block = visual.transformer.resblocks[-1]
    tokens = torch.randn(5, 2, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = value_only(block, tokens).numpy()
    np.testing.assert_allclose(found, by_hand(block, tokens.numpy()), rtol=1e-4, atol=1e-4)


def by_hand(block: Any, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
    """ln_1, the last third of the input projection, the output projection, residual, MLP."""
    weights = {name: value.numpy() for name, value in block.state_dict().items()}

    def norm(rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    def linear(rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    value = norm(tokens, "ln_1") @ weights["attn.in_proj_weight"][128:].T
    attended = linear(value + weights["attn.in_proj_bias"][128:], "attn.out_proj")
    tokens = tokens + attended
    hidden = linear(norm(tokens, "ln_2"), "mlp.c_fc")
    return np.asarray(tokens + linear(hidden / (1 + np.exp(-1.702 * hidden)), "mlp.c_proj"))


def test_patches_speak_for_those_that_enough_blocks_join_them_with() -> None:
    rows = torch.tensor([[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]])
    lone = torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    # Five blocks: the pair of 0 and 1 is above the mean in one of them, which is too few.
    found = affinity([lone[None], rows[None], rows[None], rows[None], rows[None]])[0]
    np.testing.assert_allclose(found.sum(dim=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.6, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(found[2], [0, 0, 1], atol=1e-6)


def test_a_patch_that_is_left_alone_says_what_it_says_itself() -> None:
    only_first = torch.tensor([[[1.0, 0.0], [0.2, 0.1]]])
    np.testing.assert_allclose(affinity([only_first] * 3)[0], np.eye(2), atol=1e-6)


def test_half_precision_stays_close(loaded: dict[str, DualEncoder], pixels: FloatArray) -> None:
    full, half = (loaded[precision].encode_parts(pixels) for precision in ("fp32", "bf16"))
    assert np.median((full * half).sum(axis=2)) > 0.98


def test_a_model_without_patches_says_so(encoder: DualEncoder, pixels: FloatArray) -> None:
    from dataclasses import replace

    plain = replace(encoder, part_tower=None)
    assert not plain.gives_parts
    with pytest.raises(EncoderError, match="不能给出"):
        plain.encode_parts(pixels)
