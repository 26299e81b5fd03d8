from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.encoders.wordpiece import CONTEXT_LENGTH, WordPieceTokenizer, read_vocabulary
from app.errors import ModelFileError

ROOT = Path(__file__).parents[3]
STARTER = ROOT / "vocab" / "data" / "starter.csv"
CAPTIONS = ROOT.parent / "shared" / "data" / "flickr8kcn"

TOKENIZER = WordPieceTokenizer()
Reference = Callable[[Sequence[str]], np.ndarray]

AWKWARD = [
    "",
    " \t\n",
    "狗在雪地里奔跑",
    "一张iPhone15 Pro的照片，3.14%",
    "ΟΔΟΣ ΑΣ.",  # a sigma at the end of a word has its own small letter
    "İstanbul Über café",
    "한국어 日本語 ﾊﾝｶｸ ｶﾞ",
    "👩‍👩‍👧‍👦🏳️‍🌈😎",
    "狗\u2028猫\u0085鸟\u3000鱼\u200b虫",
    "\U0002b820\U0002b920\ufa19\U0002f81a",
    "[CLS] [PAD] ##a [MASK] ##",
    "a\x00b\ufffdc\x7fd\u00ade",
    "x" * 200,
    "x" * 201,
    "狗" * 500,
    "half a pair \ud83d of surrogates",
]
MIXED = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Cs", "Cn", "Co"]),
        st.sampled_from("aZß#ΣσİıéＡ１，。！😀\U0001f468\u200d\ufe0f\U00020000\U0002b8ff"),
    ),
    max_size=120,
)


@pytest.fixture(scope="module")
def reference() -> Reference:
    pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
    clip = pytest.importorskip("cn_clip.clip", reason="needs the `clip` extra: no cn_clip")
    return lambda texts: clip.tokenize(list(texts)).numpy()


def assert_equal(reference: Reference, texts: Sequence[str]) -> None:
    expected, batch = reference(texts), TOKENIZER(texts)
    length = batch.ids.shape[1]
    np.testing.assert_array_equal(batch.ids, expected[:, :length])
    assert not expected[:, length:].any()
    np.testing.assert_array_equal(batch.mask, batch.ids != 0)


def test_texts_are_padded_to_the_longest_and_no_further() -> None:
    batch = TOKENIZER(["狗", "柯基犬", ""])
    assert batch.ids.tolist() == [
        [101, 4318, 102, 0, 0],
        [101, 3392, 1825, 4305, 102],
        [101, 102, 0, 0, 0],
    ]
    assert batch.mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert batch.ids.dtype == batch.mask.dtype == np.int64


def test_no_texts_give_no_tokens() -> None:
    assert TOKENIZER([]).ids.shape == (0, 0)


def test_a_long_text_keeps_its_beginning_and_its_end_mark() -> None:
    (row,) = TOKENIZER(["狗" * 500]).ids
    assert len(row) == CONTEXT_LENGTH
    assert (row[0], row[-1]) == (101, 102)
    assert WordPieceTokenizer(max_tokens=8)(["狗" * 500]).ids.shape == (1, 8)


def test_the_vocabulary_is_the_one_of_bert_base_chinese() -> None:
    vocabulary = read_vocabulary(ROOT / "app/encoders/data/wordpiece_vocab.txt")
    assert len(vocabulary) == 21_128
    assert vocabulary["[UNK]"] == 100
    assert vocabulary["##😎"] == 21_127


def test_a_vocabulary_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"missing\.txt"):
        WordPieceTokenizer(tmp_path / "missing.txt")
    (tmp_path / "other.txt").write_text("the\ncat\n")
    with pytest.raises(ModelFileError, match=r"other\.txt 缺少 \[PAD\]"):
        WordPieceTokenizer(tmp_path / "other.txt")


@pytest.mark.clip
def test_the_vocabulary_file_is_cn_clips() -> None:
    pytest.importorskip("torch", reason="needs the `clip` extra: torch is not installed")
    clip = pytest.importorskip("cn_clip.clip", reason="needs the `clip` extra: no cn_clip")
    theirs = Path(clip.__file__).parent / "vocab.txt"
    assert (ROOT / "app/encoders/data/wordpiece_vocab.txt").read_bytes() == theirs.read_bytes()


@pytest.mark.clip
def test_awkward_strings_are_tokenized_as_cn_clip_does(reference: Reference) -> None:
    assert_equal(reference, AWKWARD)
    for text in AWKWARD:
        assert_equal(reference, [text])


@pytest.mark.clip
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(MIXED, min_size=1, max_size=4))
def test_any_string_is_tokenized_as_cn_clip_does(reference: Reference, texts: list[str]) -> None:
    assert_equal(reference, texts)


@pytest.mark.clip
def test_every_character_is_tokenized_as_cn_clip_does(reference: Reference) -> None:
    for start in range(0, 0x30000, 0x4000):
        assert_equal(reference, [f"a{chr(c)}b {chr(c)}Σ" for c in range(start, start + 0x4000)])


@pytest.mark.clip
def test_every_caption_is_tokenized_as_cn_clip_does(reference: Reference) -> None:
    files = [CAPTIONS / "train.jsonl", CAPTIONS / "val.jsonl"]
    if not all(path.exists() for path in files):
        pytest.skip("shared/data/flickr8kcn is not here")
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    captions = [caption for line in lines for caption in json.loads(line)["captions"]]
    assert len(captions) > 30_000
    for start in range(0, len(captions), 1000):
        assert_equal(reference, captions[start : start + 1000])


@pytest.mark.clip
def test_every_starter_tag_is_tokenized_as_cn_clip_does(reference: Reference) -> None:
    if not STARTER.exists():
        pytest.skip("vocab/data/starter.csv is not here")
    with STARTER.open(encoding="utf-8-sig", newline="") as source:
        cells = [cell for row in csv.reader(source) for cell in row if cell]
    assert_equal(reference, cells)
