"""What every encoder must do, whatever its model and whatever runs its graph."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from app.encoders.base import Encoder, FloatArray
from app.encoders.builtin import BUILTIN_DIR, load_builtin
from tests.fixtures.photos import some_photos
from tests.fixtures.tiny import write_tiny_model

PHOTOS = some_photos(5)
TEXTS = ["狗", "一只柯基犬在草地上奔跑", "a red car", "城市夜景" * 20, "狗"]


def tiny(folder: Path) -> Encoder:
    return load_builtin(write_tiny_model(folder), device="cpu", threads=1)


def builtin(folder: Path) -> Encoder:
    if not (BUILTIN_DIR / "model.json").exists():
        pytest.skip("the built-in model has not been built yet")
    return load_builtin(device="cpu", threads=1)


def chinese_clip(folder: Path) -> Encoder:
    _require("torch", "cn_clip")
    from app.encoders.chinese_clip import load_chinese_clip
    from tests.fixtures.checkpoints import random_checkpoint

    name = "chinese-clip-rn50"
    with random_checkpoint(name, folder / "rn50.pt", "fp16") as path:
        return load_chinese_clip(name, path, device="cpu")


def open_clip(folder: Path) -> Encoder:
    _require("torch", "open_clip")
    import open_clip as library
    import torch

    from app.encoders.open_clip import load_open_clip
    from tests.fixtures.checkpoints import seeded

    seeded()
    path = folder / "small.pt"
    torch.save(library.create_model("ViT-S-32-alt").state_dict(), path)
    made = load_open_clip("ViT-S-32-alt", models_dir=folder, checkpoint=path, device="cpu")
    path.unlink()  # a quarter of a gigabyte
    return made


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs the `clip` extra: {package} is not installed")


ENCODERS: list[Callable[[Path], Encoder]] = [tiny, builtin, chinese_clip, open_clip]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(make, marks=[pytest.mark.clip] if make in (chinese_clip, open_clip) else [])
        for make in ENCODERS
    ],
    ids=lambda make: make.__name__,
)
def encoder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Encoder]:
    made: Encoder = request.param(tmp_path_factory.mktemp("encoder"))
    yield made
    made.close()
    made.close()  # a second time does nothing


def assert_same(left: FloatArray, right: FloatArray, cosine: float = 0.9999) -> None:
    assert (left * right).sum(axis=1).min() >= cosine


def test_it_is_an_encoder(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.name
    assert encoder.device == "cpu"
    assert encoder.dim > 0


def test_its_key_could_be_a_file_name(encoder: Encoder) -> None:
    assert encoder.model_key == Path(encoder.model_key).name
    assert set(encoder.model_key).isdisjoint('<>:"/\\|?* ')


def test_images_become_unit_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_images(PHOTOS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(PHOTOS), encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_become_unit_rows_of_the_same_space(encoder: Encoder) -> None:
    vectors = encoder.encode_texts(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_nothing_becomes_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_images([]).shape == (0, encoder.dim)
    assert encoder.encode_texts([]).shape == (0, encoder.dim)
    empty = np.zeros((0, *encoder.prepare(PHOTOS[0]).shape), dtype=np.float32)
    assert encoder.encode_pixels(empty).shape == (0, encoder.dim)


def test_preparing_and_encoding_is_encoding_the_image(encoder: Encoder) -> None:
    prepared = np.stack([encoder.prepare(photo) for photo in PHOTOS])
    assert prepared.dtype == np.float32
    assert prepared.shape[1] == 3
    assert_same(encoder.encode_pixels(prepared), encoder.encode_images(PHOTOS))


def test_preparing_leaves_the_image_as_it_was(encoder: Encoder) -> None:
    before = PHOTOS[0].tobytes()
    encoder.prepare(PHOTOS[0])
    assert PHOTOS[0].tobytes() == before


def test_an_image_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    together = encoder.encode_images(PHOTOS)
    alone = np.concatenate([encoder.encode_images([photo]) for photo in PHOTOS])
    assert_same(together, alone)


def test_a_text_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    together = encoder.encode_texts(TEXTS)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert_same(together, alone)
    np.testing.assert_allclose(together[0], together[-1], atol=1e-5)


def test_many_texts_keep_their_order(encoder: Encoder) -> None:
    texts = [f"{'狗' * (1 + number % 7)}{number}" for number in range(150)]
    vectors = encoder.encode_texts(texts)
    for number in (0, 1, 77, 149):
        assert_same(vectors[number : number + 1], encoder.encode_texts([texts[number]]))


def test_encoding_twice_gives_the_same(encoder: Encoder) -> None:
    np.testing.assert_allclose(
        encoder.encode_images(PHOTOS), encoder.encode_images(PHOTOS), atol=1e-6
    )
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), encoder.encode_texts(TEXTS), atol=1e-6)


def test_different_inputs_give_different_vectors(encoder: Encoder) -> None:
    images = encoder.encode_images(PHOTOS)
    texts = encoder.encode_texts(TEXTS[:4])
    for vectors in (images, texts):
        similarities = vectors @ vectors.T - np.eye(len(vectors))
        assert similarities.max() < 0.99999


def test_a_strange_text_is_still_a_row(encoder: Encoder) -> None:
    vectors = encoder.encode_texts(["", " \n", "\x00", "😀", "\ud800", "x" * 5000])
    assert vectors.shape == (6, encoder.dim)
    assert np.isfinite(vectors).all()


def test_several_threads_get_what_one_gets(encoder: Encoder) -> None:
    images, texts = encoder.encode_images(PHOTOS[:2]), encoder.encode_texts(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        many_images = [pool.submit(encoder.encode_images, PHOTOS[:2]) for _ in range(4)]
        many_texts = [pool.submit(encoder.encode_texts, TEXTS) for _ in range(8)]
        for work in many_images:
            assert_same(work.result(), images)
        for work in many_texts:
            assert_same(work.result(), texts)
