"""`ETag` and `If-Match` (RFC 9110): a revision's number between quotation marks."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A tag of a kind we never give out matches nothing; 0 is the revision of nothing at all.
NEVER = -1

_ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(revision: int) -> str:
    """The entity tag of what was last changed at a revision."""
    return f'"{revision}"'


_REVISION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class IfMatch:
    """The revisions a writer has read; one of them must be the current one."""

    revisions: frozenset[int]

    def against(self, current: int) -> int:
        """What to ask of the vocabulary, which compares it with `current` inside its lock."""
        return current if current in self.revisions else max(self.revisions, default=NEVER)


def read_if_match(header: str | None) -> IfMatch | None:
    """The header's meaning; `None` where it asks for nothing (absent or `*`).

    A weak tag and one that is no revision never match, as the RFC wants.
    """
    if header is None or header.strip() == "*":
        return None
    strong = [value for weak, value in _ENTITY_TAG.findall(header) if not weak]
    return IfMatch(
        frozenset(int(v) for v in strong if v.isascii() and v.isdecimal() and len(v) < 10)
    )
