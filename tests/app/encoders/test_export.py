"""What is exported gives the vectors of the model it was exported from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
pytest.importorskip("open_clip", reason="needs the `clip` extra: no open_clip")
pytest.importorskip("onnxscript", reason="needs the `clip` extra: no onnxscript")
pytest.importorskip("transformers", reason="no transformers")

from app.encoders.base import unit_rows  # noqa: E402  after the skip
from app.encoders.dual import DualEncoder  # noqa: E402
from app.encoders.export import export_image, export_text, export_tokenizer  # noqa: E402
from app.encoders.json_tokenizer import JsonTokenizer  # noqa: E402
from app.encoders.open_clip import OpenClipTokenizer, load_open_clip  # noqa: E402
from app.encoders.runtimes.onnx import OnnxImageTower, OnnxTextTower  # noqa: E402
from app.errors import ModelError  # noqa: E402
from tests.fixtures.multilingual import write_multilingual  # noqa: E402
from tests.fixtures.photos import some_photos  # noqa: E402

pytestmark = pytest.mark.clip
TEXTS = ("a dog in the snow", "狗", "long " * 100)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    folder = tmp_path_factory.mktemp("open_clip")
    return load_open_clip(write_multilingual(folder / "model"), models_dir=folder, device="cpu")


def test_a_multilingual_open_clip_model_is_the_same_without_torch(
    original: DualEncoder, tmp_path: Path
) -> None:
    image, text, words = (tmp_path / name for name in ("image.onnx", "text.onnx", "words.json"))
    export_image(original, image)
    export_text(original, text)
    export_tokenizer(original, words)
    photos = some_photos(3)
    pixels = np.stack([original.prepare(photo) for photo in photos])
    vectors = unit_rows(OnnxImageTower(image)(pixels))
    np.testing.assert_allclose(vectors, original.encode_images(photos), atol=1e-4)
    tokens = JsonTokenizer(words, 77)(TEXTS)
    vectors = unit_rows(OnnxTextTower(text)(tokens))
    np.testing.assert_allclose(vectors, original.encode_texts(TEXTS), atol=1e-4)


def test_a_tokenizer_that_cannot_do_without_open_clip_is_refused(
    original: DualEncoder, tmp_path: Path
) -> None:
    import open_clip

    own = OpenClipTokenizer(open_clip.get_tokenizer("ViT-S-32-alt"))
    with pytest.raises(ModelError, match="分词器"):
        export_tokenizer(replace(original, tokenizer=own), tmp_path / "words.json")
