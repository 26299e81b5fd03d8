"""Bytes to text where nobody said in which encoding: UTF-8, GBK, Big5 or UTF-16."""

from __future__ import annotations

import codecs

from vocab.errors import ExchangeError

# Lead bytes of the characters each standard put first because they are the common ones.
_COMMON_LEADS = {"gb2312": range(0xB0, 0xD8), "big5": range(0xA4, 0xC7)}
_PUNCTUATION_LEADS = range(0xA1, 0xA4)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(data: bytes) -> str:
    """The text of a file. Raises `ExchangeError` where no supported encoding fits.

    A byte order mark decides; without one, bytes that are UTF-8 are UTF-8 (other encodings hardly
    ever are by chance), and of GBK and Big5, which fit each other's bytes, the one in which more
    characters are common ones.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            marked = _decoded(data, encoding)
            return _refuse() if marked is None else marked
    text = _decoded(data, "utf-8")
    if text is not None:
        return text
    simplified, traditional = _decoded(data, "gb18030"), _decoded(data, "big5")
    if simplified is None:
        return traditional if traditional is not None else _refuse()
    if traditional is None:
        return simplified
    is_simplified = _common_share(simplified, "gb2312") >= _common_share(traditional, "big5")
    return simplified if is_simplified else traditional


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _common_share(text: str, encoding: str) -> float:
    """The share, 0 to 1, of the non-ASCII characters that are common in the encoding."""
    foreign = [c for c in text[:100_000] if not c.isascii()]
    leads = [c.encode(encoding, "ignore")[:1] for c in foreign]
    common = _COMMON_LEADS[encoding]
    hits = sum(1 for b in leads if b and (b[0] in common or b[0] in _PUNCTUATION_LEADS))
    return hits / max(1, len(foreign))


def _refuse() -> str:
    raise ExchangeError(
        "文件的文字编码无法识别",
        field="file",
        remedy="请另存为 UTF-8（GBK、Big5、UTF-16 也可以）后重试。",
    )
