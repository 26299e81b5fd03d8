"""A Hugging Face tokenizer from its `tokenizer.json`, without transformers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from app.encoders.base import TokenBatch
from app.errors import ModelFileError


class JsonTokenizer:
    """Ids padded to the fixed length that the model was trained with.

    Texts are cleaned as open_clip's `whitespace` does. Raises `ModelFileError` where the file
    cannot be read.
    """

    def __init__(self, path: Path, length: int):
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises plain Exception
            raise ModelFileError(f"分词器 {path} 无法读取：{error}") from error
        padding = self._tokenizer.padding or {}
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(
            length=length,
            pad_id=padding.get("pad_id", 0),
            pad_token=padding.get("pad_token", "[PAD]"),
        )
        self._one_at_a_time = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Ids and mask `(n, length) int64`."""
        with self._one_at_a_time:
            encoded = self._tokenizer.encode_batch([" ".join(text.split()) for text in texts])
        ids = np.asarray([one.ids for one in encoded], dtype=np.int64)
        return TokenBatch(ids, np.asarray([one.attention_mask for one in encoded], dtype=np.int64))
