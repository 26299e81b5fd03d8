"""A tokenizer from its file, against the Hugging Face class that wrote it."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from app.encoders.json_tokenizer import JsonTokenizer
from app.errors import ModelFileError

PADDING, UNKNOWN = "[PAD]", "[UNK]"
TEXTS = ["a dog in the snow", "  a   dog ", "cat " * 50, ""]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "a", "dog", "in", "the", "snow", "cat"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_texts_become_ids_of_a_fixed_length(path: Path) -> None:
    tokens = JsonTokenizer(path, 8)(TEXTS)
    assert tokens.ids.shape == (4, 8)
    assert tokens.ids.dtype == np.int64
    assert tokens.ids[0].tolist() == [1, 4, 5, 6, 7, 8, 2, 0]
    assert tokens.ids[1].tolist() == [1, 4, 5, 2, 0, 0, 0, 0]
    assert tokens.ids[2].tolist() == [1, 9, 9, 9, 9, 9, 9, 2]
    assert tokens.mask.sum(axis=1).tolist() == [7, 4, 8, 2]


def test_the_ids_are_those_of_transformers(path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the `clip` extra")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), pad_token=PADDING)
    expected = theirs(TEXTS, max_length=8, padding="max_length", truncation=True)["input_ids"]
    assert JsonTokenizer(path, 8)(TEXTS).ids.tolist() == expected


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFileError, match=r"tokenizer\.json"):
        JsonTokenizer(tmp_path / "tokenizer.json", 8)
