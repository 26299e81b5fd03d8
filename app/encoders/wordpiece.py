"""The tokenizer of Chinese-CLIP and of the built-in model.

Equal to `cn_clip.clip.tokenize` up to its padding. The normalisation stays in Python because it
is defined by Python's own Unicode tables: the Rust BERT normaliser differs on final sigma, on some
CJK extensions, on unassigned characters. The search for word pieces, the slow part, is Rust's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from app.encoders.base import IntArray, TokenBatch
from app.errors import ModelFileError

VOCABULARY_FILE = Path(__file__).parent / "data" / "wordpiece_vocab.txt"
CONTEXT_LENGTH = 52
UNKNOWN = "[UNK]"
LONGEST_WORD = 200

# Blocks whose every character is a word of its own (google-research/bert, tokenization.py).
CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
ASCII_PUNCTUATION = ((33, 47), (58, 64), (91, 96), (123, 126))
# Half of a surrogate pair cannot cross into Rust; this private character is no less unknown.
UNKNOWN_CHARACTER = "\uf8ff"


class _CleanTable(dict[int, str]):
    """For `str.translate`: drops control characters, sets CJK characters apart."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if char in "\t\n\r" or category == "Zs":
            found = " "
        elif code in (0, 0xFFFD) or category in ("Cc", "Cf"):
            found = ""
        elif category == "Cs":
            found = UNKNOWN_CHARACTER
        else:
            found = f" {char} " if _within(code, CJK_BLOCKS) else char
        self[code] = found
        return found


class _SplitTable(dict[int, str]):
    """For `str.translate`, after NFD: drops accents, sets punctuation apart."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Mn":
            found = ""
        elif _within(code, ASCII_PUNCTUATION) or category.startswith("P"):
            found = f" {char} "
        else:
            found = char
        self[code] = found
        return found


class WordPieceTokenizer:
    """Lower-cased Chinese WordPiece; texts longer than `max_tokens` lose their end."""

    def __init__(self, path: Path = VOCABULARY_FILE, max_tokens: int = CONTEXT_LENGTH):
        vocabulary = read_vocabulary(path)
        self.max_tokens = max_tokens
        self._first, self._last = vocabulary["[CLS]"], vocabulary["[SEP]"]
        self._pad, self._unknown = vocabulary["[PAD]"], vocabulary[UNKNOWN]
        model = models.WordPiece(
            vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD
        )
        self._words = Tokenizer(model)
        self._words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        self._clean, self._split = _CleanTable(), _SplitTable()

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Ids and mask `(n, longest) int64`: [CLS], pieces, [SEP], then padding of 0."""
        encodings = self._words.encode_batch(
            [self.normalise(text) for text in texts], add_special_tokens=False
        )
        rows = [
            [self._first, *encoding.ids[: self.max_tokens - 2], self._last]
            for encoding in encodings
        ]
        return _padded(rows, self._pad)

    def unknown(self, text: str) -> tuple[str, ...]:
        """The words of a text that have no pieces and are read as 'something unknown'."""
        words = self.normalise(text).split()
        found = self._words.encode_batch(words, add_special_tokens=False)
        return tuple(w for w, one in zip(words, found, strict=True) if self._unknown in one.ids)

    def normalise(self, text: str) -> str:
        """The words of a text with one space between: lower case, no accents, no controls."""
        cleaned = text.translate(self._clean).lower()
        return " ".join(unicodedata.normalize("NFD", cleaned).translate(self._split).split())


def read_vocabulary(path: Path) -> dict[str, int]:
    """Word pieces with their ids; a line's number is the id.

    Raises `ModelFileError` where the file is missing or has no special tokens.
    """
    try:
        # Not `splitlines`: two entries are themselves line separators (U+2028).
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"词表文件 {path} 无法读取：{error}") from error
    if lines[-1] == "":
        lines.pop()
    vocabulary = {line.strip(): number for number, line in enumerate(lines)}
    missing = [token for token in ("[PAD]", UNKNOWN, "[CLS]", "[SEP]") if token not in vocabulary]
    if missing:
        raise ModelFileError(f"词表文件 {path} 缺少 {'、'.join(missing)}，不是 BERT 中文词表")
    return vocabulary


def _padded(rows: list[list[int]], pad: int) -> TokenBatch:
    length = max((len(row) for row in rows), default=0)
    ids: IntArray = np.full((len(rows), length), pad, dtype=np.int64)
    mask: IntArray = np.zeros((len(rows), length), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return TokenBatch(ids=ids, mask=mask)


def _within(code: int, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in blocks)
