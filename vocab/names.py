"""When two names are the same name, and what a name may be."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

from vocab.errors import InvalidTagError

MAX_NAME_LENGTH = 64

# A compatibility character can unfold into eighteen; PostgreSQL indexes keys up to 2,700 bytes.
MAX_KEY_LENGTH = 256

# Joins the parts of one emoji, so it is kept where a name is shown; a key goes without it.
ZERO_WIDTH_JOINER = "\u200d"

_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]")


@lru_cache(maxsize=1)
def _to_simplified() -> tuple[OpenCC, frozenset[str]]:
    """The converter, and the characters without which it changes nothing, so need not be asked.

    Its dictionaries are read at the first use.
    """
    converter = OpenCC("t2s")
    pairs = [pair for _, _, words in converter.dict_cache.values() for pair in words.items()]
    changing = {old for old, new in pairs if len(old) == 1 and new.split(" ")[0] != old}
    changing |= {old[0] for old, new in pairs if changing.isdisjoint(old) and new != old}
    return converter, frozenset(changing)


@lru_cache(maxsize=65_536)
def name_key(text: str) -> str:
    """What two names share exactly when they count as one name.

    Width and compatibility forms (NFKC), case, invisible characters, outer and repeated spaces
    and the difference of traditional and simplified characters do not count.
    """
    folded = unicodedata.normalize("NFKC", text)
    folded = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    folded = " ".join(_VARIATION_SELECTORS.sub("", folded).split())
    converter, traditional = _to_simplified()
    if not traditional.isdisjoint(folded):
        folded = converter.convert(folded)
    return unicodedata.normalize("NFKC", folded.casefold())


def clean_line(text: str, *, field: str, limit: int) -> str:
    """One line of text without outer space and invisible characters; may be empty.

    Raises `InvalidTagError` for control characters, lone surrogates and more than `limit`
    characters.
    """
    if len(text) > limit:
        raise InvalidTagError(
            f"{field} 有 {len(text)} 个字符，最多 {limit} 个",
            field=field,
            remedy=f"请缩短到 {limit} 个字符以内。",
        )
    cleaned = "".join(c for c in text.strip() if _is_kept(c)).strip()
    for character in cleaned:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise InvalidTagError(
                f"{field} 含有控制字符 U+{ord(character):04X}",
                field=field,
                remedy="请删除换行、制表符等不可见字符。",
            )
    return cleaned


def clean_text(text: str, *, field: str, limit: int) -> str:
    """Text of several lines without outer space. Raises like `clean_line`; line breaks are kept."""
    clean_line(re.sub(r"[\n\r\t]", " ", text), field=field, limit=limit)
    return text.strip()


def clean_name(text: str, *, field: str = "name") -> str:
    """A name or alias as it is shown. Raises `InvalidTagError` where it cannot be one."""
    cleaned = clean_line(text, field=field, limit=MAX_NAME_LENGTH)
    key = name_key(cleaned)
    if not key:
        raise InvalidTagError(f"{field} 是空的", field=field, remedy="请填写至少一个可见字符。")
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidTagError(
            f"{field} 展开兼容字符后有 {len(key)} 个字符，最多 {MAX_KEY_LENGTH} 个",
            field=field,
            remedy="请改用普通字符书写。",
        )
    return cleaned


def _is_kept(character: str) -> bool:
    return character == ZERO_WIDTH_JOINER or unicodedata.category(character) != "Cf"
