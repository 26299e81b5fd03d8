"""Finding tags by what someone types: part of a name or alias, or pinyin."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from pypinyin import lazy_pinyin
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
)

from vocab.contents import head_of
from vocab.errors import VocabularyError
from vocab.names import name_key
from vocab.rules import names_by_key
from vocab.tables import tags
from vocab.tag_json import tag_from_json
from vocab.tags import StoredTag, Tag, TagPage

MAX_QUERY_LENGTH = 128
MAX_PAGE = 1_000

# More than the characters of any name's key.
_LONGEST = 1_000

_PINYIN = re.compile(r"[a-z0-9 ']+")


def names_text(tag: Tag) -> str:
    """The tag's normalised names, each between line breaks."""
    return "\n" + "".join(f"{key}\n" for key in names_by_key(tag))


def pinyin_text(tag: Tag) -> str:
    """The names' pinyin, by initials (`hf`) and in full (`hanfu`), each between line breaks."""
    terms: dict[str, None] = {}
    for key in names_by_key(tag):
        syllables = [s for s in lazy_pinyin(key) if s.isascii() and s.isalnum()]
        terms["".join(s[0] for s in syllables)] = None
        terms["".join(syllables)] = None
    return "\n" + "".join(f"{term}\n" for term in terms if term)


def find_tags(
    connection: Connection,
    *,
    query: str,
    category: str | None,
    state: str | None,
    cursor: str | None,
    limit: int,
) -> TagPage:
    """One page of the tags that match, the best first (see `_rank`); all of them in their order
    where nothing is asked for.

    Raises `VocabularyError` for a cursor or a limit that is none.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise VocabularyError(
            f"limit 不能是 {limit}", field="limit", remedy=f"请填 1 到 {MAX_PAGE}。"
        )
    key = name_key(query[:MAX_QUERY_LENGTH])
    rank = _rank(key)
    wanted = select(tags.c.id, tags.c.body, tags.c.revision, tags.c.position, rank.label("rank"))
    wanted = _filtered(wanted, key, category, state)
    if cursor is not None:
        after_rank, after_position = _read_cursor(cursor)
        later = and_(rank == after_rank, tags.c.position > after_position)
        wanted = wanted.where(or_(rank > after_rank, later))
    rows = connection.execute(wanted.order_by("rank", tags.c.position).limit(limit + 1)).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return TagPage(
        items=tuple(StoredTag(tag_from_json(row.id, row.body), row.revision) for row in shown),
        next=_write_cursor(shown[-1].rank, shown[-1].position) if more else None,
        revision=head_of(connection),
    )


def _filtered(
    wanted: Select[Any], key: str, category: str | None, state: str | None
) -> Select[Any]:
    if category is not None:
        wanted = wanted.where(tags.c.category == category)
    if state is not None:
        wanted = wanted.where(tags.c.state == state)
    if key:
        wanted = wanted.where(or_(_holds(key), _sounds(f"\n{_letters(key)}")))
    return wanted


def _rank(key: str) -> ColumnElement[int]:
    """Less is better: the name itself, a name or alias that is this or sounds so, one that begins
    so, one whose pinyin does, one that holds it; of equals the shorter name, `毛` before `毛衣`.
    """
    if not key:
        return literal(0)
    letters = _letters(key)
    kind = case(
        (tags.c.name_key == key, 0),
        (or_(_holds(f"\n{key}\n"), _sounds(f"\n{letters}\n")), 1),
        (_holds(f"\n{key}"), 2),
        (_sounds(f"\n{letters}"), 3),
        else_=4,
    )
    return kind * _LONGEST + func.length(tags.c.name_key)


def _letters(key: str) -> str:
    """The key as pinyin; empty where it cannot be any."""
    return key.replace(" ", "").replace("'", "") if _PINYIN.fullmatch(key) else ""


def _holds(text: str) -> ColumnElement[bool]:
    return tags.c.names_text.contains(text, autoescape=True)


def _sounds(text: str) -> ColumnElement[bool]:
    if not text.strip():
        return false()
    return tags.c.pinyin_text.contains(text, autoescape=True)


def _write_cursor(rank: int, position: int) -> str:
    return base64.urlsafe_b64encode(f"{rank}:{position}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, int]:
    try:
        text = base64.urlsafe_b64decode(cursor[:64] + "=" * (-len(cursor[:64]) % 4)).decode("ascii")
        rank, position = text.split(":")
        place = int(rank), int(position)
    except (binascii.Error, ValueError) as error:
        raise VocabularyError(
            "cursor 无法识别", field="cursor", remedy="请使用上一页返回的 next，或从头开始。"
        ) from error
    if not (0 <= place[0] < 5 * _LONGEST and 0 <= place[1] < 2**63):
        raise VocabularyError("cursor 超出范围", field="cursor", remedy="请从头开始。")
    return place
