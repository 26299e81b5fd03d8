"""Who holds which name while an edit is under way: the database, under the edit's changes."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from vocab.rules import names_by_key
from vocab.tables import batches, tag_names
from vocab.tags import Tag


class NameBook:
    """Names by `name_key`. Only active tags own theirs; those of paused ones can be looked up."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._active: dict[str, str] = {}
        self._paused: dict[str, str] = {}
        # Of the tags this edit has rewritten: what the database says of them no longer holds.
        self._keys: dict[str, tuple[str, ...]] = {}

    def rewrite(self, tag_id: str, tag: Tag | None) -> None:
        """Takes the tag's former names away and notes its new ones, which must be free."""
        for key in self._keys.get(tag_id, ()):
            for held in (self._active, self._paused):
                if held.get(key) == tag_id:
                    del held[key]
        keys = tuple(names_by_key(tag)) if tag is not None else ()
        self._keys[tag_id] = keys
        held = self._active if tag is not None and tag.state == "active" else self._paused
        for key in keys:
            held[key] = tag_id

    def owners(self, keys: Iterable[str]) -> dict[str, str]:
        """The ids of the active tags that own these keys; free keys are left out."""
        return self._holders(keys, self._active, active=True)

    def paused(self, keys: Iterable[str]) -> dict[str, str]:
        """The ids of paused tags that would own these keys; of several, any one."""
        return self._holders(keys, self._paused, active=False)

    def _holders(
        self, keys: Iterable[str], held: dict[str, str], *, active: bool
    ) -> dict[str, str]:
        wanted = list(dict.fromkeys(keys))
        holders = {key: held[key] for key in wanted if key in held}
        for some in batches([key for key in wanted if key not in held]):
            rows = self._connection.execute(
                select(tag_names.c.key, tag_names.c.tag_id)
                .where(tag_names.c.key.in_(some), tag_names.c.active.is_(active))
                .order_by(tag_names.c.tag_id)
            )
            for key, tag_id in rows:
                if tag_id not in self._keys:
                    holders.setdefault(key, tag_id)
        return holders
