"""What an edit proposes for each tag, checked against all the others before it is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from vocab.contents import Contents, Entry
from vocab.errors import CycleError, NameClashError, UnknownParentError, VocabularyError
from vocab.hierarchy import find_cycle
from vocab.name_book import NameBook
from vocab.names import name_key
from vocab.rules import names_by_key, without_repeated_aliases
from vocab.tables import batches, tag_versions
from vocab.tags import Tag

# Positions are the revision and the place within it, so that no counter has to be kept.
POSITION_BITS = 20


@dataclass(frozen=True)
class Proposal:
    """One tag as it should become; `tag` is `None` to delete it, its parents are names or ids.

    `item` is its place in the request; `asked_id` says that the id was given from outside.
    """

    item: int | None
    tag_id: str
    tag: Tag | None
    asked_id: bool = True


class Draftbook:
    """The vocabulary as it will be: what it was, under the changes taken so far."""

    def __init__(self, connection: Connection, base: Contents):
        self.names = NameBook(connection)
        self._connection = connection
        self._base = base
        self._pending: dict[str, Entry | None] = {}
        self._created = 0
        self._contents: Contents | None = None

    def entry(self, tag_id: str) -> Entry | None:
        """The tag with that id, if there is one."""
        if tag_id in self._pending:
            return self._pending[tag_id]
        return self._base.entries.get(tag_id)

    def entries(self) -> Iterator[Entry]:
        """Every tag, in no particular order."""
        for tag_id, entry in self._base.entries.items():
            if tag_id not in self._pending:
                yield entry
        yield from (entry for entry in self._pending.values() if entry is not None)

    def changes(self) -> dict[str, Entry | None]:
        """What differs from the base; a tag changed back to what it was does not."""
        base = self._base.entries
        return {
            tag_id: entry
            for tag_id, entry in self._pending.items()
            if (entry.tag if entry else None) != (base[tag_id].tag if tag_id in base else None)
        }

    def contents(self, revision: int) -> Contents:
        """Everything as it will be at `revision`, or the base where nothing differs."""
        if self._contents is None:
            changes = self.changes()
            self._contents = self._base.changed(revision, changes) if changes else self._base
        return self._contents

    def take(
        self, proposals: Sequence[Proposal], revision: int, *, check_only: bool = False
    ) -> list[VocabularyError]:
        """Takes all proposals, or none and returns what is wrong with them."""
        proposed = {
            p.tag_id: replace(p.tag, id=p.tag_id, aliases=without_repeated_aliases(p.tag))
            if p.tag
            else None
            for p in proposals
        }
        claims, problems = self._claims(proposals, proposed)
        problems += self._resolve_parents(proposals, proposed, claims)
        if not problems:
            problems = self._cycles(proposals, proposed)
        if not problems and not check_only:
            self._record(proposals, proposed, revision)
        return problems

    def _claims(
        self, proposals: Sequence[Proposal], proposed: Mapping[str, Tag | None]
    ) -> tuple[dict[str, str], list[VocabularyError]]:
        """Who would own the proposed names, and which of them are another tag's already."""
        written = {i: names_by_key(tag) for i, tag in proposed.items() if tag is not None}
        owners = self.names.owners(key for keys in written.values() for key in keys)
        claims: dict[str, str] = {}
        problems: list[VocabularyError] = []
        for proposal in proposals:
            tag = proposed[proposal.tag_id]
            if tag is None or tag.state != "active":
                continue
            for key, name in written[proposal.tag_id].items():
                owner = claims.get(key)
                if owner is None and owners.get(key) not in proposed:
                    owner = owners.get(key)
                if owner is None:
                    claims[key] = proposal.tag_id
                elif owner != proposal.tag_id:
                    other = proposed.get(owner) or self._tag(owner)
                    problems.append(_clash(proposal.item, tag, name, key, other))
        return claims, problems

    def _resolve_parents(
        self,
        proposals: Sequence[Proposal],
        proposed: dict[str, Tag | None],
        claims: Mapping[str, str],
    ) -> list[VocabularyError]:
        """Turns parents given by name into ids within `proposed`; returns those nobody knows."""
        named = {
            reference: name_key(reference)
            for tag in proposed.values()
            if tag is not None
            for reference in tag.parents
            if not self._will_exist(reference, proposed)
        }
        known = self._meant(set(named.values()), proposed, claims)
        problems: list[VocabularyError] = []
        for proposal in proposals:
            tag = proposed[proposal.tag_id]
            if tag is None or not tag.parents:
                continue
            parents: dict[str, None] = {}
            for reference in tag.parents:
                kept = known.get(named[reference]) if reference in named else reference
                if kept is None:
                    problems.append(_unknown_parent(proposal.item, tag, reference))
                else:
                    parents[kept] = None
            proposed[proposal.tag_id] = replace(tag, parents=tuple(parents))
        return problems

    def _meant(
        self, keys: Set[str], proposed: Mapping[str, Tag | None], claims: Mapping[str, str]
    ) -> dict[str, str]:
        """Whom each name means once `proposed` is taken: an active tag, or else a paused one."""
        pausing = {
            key: tag.id
            for tag in proposed.values()
            if keys and tag is not None and tag.state == "paused"
            for key in names_by_key(tag)
        }
        staying = [
            {key: tag_id for key, tag_id in held.items() if tag_id not in proposed}
            for held in (self.names.paused(keys), self.names.owners(keys))
        ]
        return {**staying[0], **pausing, **staying[1], **claims}

    def _cycles(
        self, proposals: Sequence[Proposal], proposed: Mapping[str, Tag | None]
    ) -> list[VocabularyError]:
        def tag_of(tag_id: str) -> Tag:
            return proposed.get(tag_id) or self._tag(tag_id)

        starts = [tag_id for tag_id, tag in proposed.items() if tag is not None and tag.parents]
        cycle = find_cycle(starts, lambda tag_id: tag_of(tag_id).parents)
        if cycle is None:
            return []
        path = tuple(tag_of(tag_id).name for tag_id in cycle)
        item = next((p.item for p in proposals if p.tag_id in cycle), None)
        return [CycleError(f"父标签成环：{' → '.join(path)}", path=path, item=item)]

    def _record(
        self, proposals: Sequence[Proposal], proposed: Mapping[str, Tag | None], revision: int
    ) -> None:
        asked = {p.tag_id for p in proposals if p.asked_id and p.tag is not None}
        places = self._former_places([i for i in asked if self.entry(i) is None])
        for tag_id, tag in proposed.items():
            self.names.rewrite(tag_id, tag)
            known = self.entry(tag_id)
            if tag is None:
                self._pending[tag_id] = None
            elif known is not None:
                self._pending[tag_id] = Entry(tag, revision, known.position)
            else:
                place = places.get(tag_id)
                if place is None:
                    place = revision << POSITION_BITS | self._created
                    self._created += 1
                self._pending[tag_id] = Entry(tag, revision, place)
        self._contents = None

    def _former_places(self, tag_ids: Sequence[str]) -> dict[str, int]:
        """Where tags that are gone once stood: an id that comes back stands there again."""
        columns = tag_versions.c
        places: dict[str, int] = {}
        for some in batches(tag_ids):
            query = select(columns.tag_id, func.min(columns.position)).group_by(columns.tag_id)
            for tag_id, place in self._connection.execute(query.where(columns.tag_id.in_(some))):
                places[tag_id] = place
        return places

    def _will_exist(self, tag_id: str, proposed: Mapping[str, Tag | None]) -> bool:
        if tag_id in proposed:
            return proposed[tag_id] is not None
        return self.entry(tag_id) is not None

    def _tag(self, tag_id: str) -> Tag:
        entry = self.entry(tag_id)
        if entry is None:
            raise AssertionError(f"{tag_id} is named by the database but unknown")
        return entry.tag


def _clash(item: int | None, tag: Tag, name: str, key: str, other: Tag) -> NameClashError:
    theirs = names_by_key(other)[key]
    kind = "名称" if name == tag.name else "别名"
    place = "名称" if theirs == other.name else f"别名“{theirs}”"
    return NameClashError(
        f"{kind}“{name}”已是标签“{other.name}”（{other.id}）的{place}",
        tag_id=other.id,
        tag_name=other.name,
        field="name" if name == tag.name else "aliases",
        item=item,
    )


def _unknown_parent(item: int | None, tag: Tag, reference: str) -> UnknownParentError:
    return UnknownParentError(
        f"标签“{tag.name}”的父标签“{reference}”不存在",
        field="parents",
        item=item,
        remedy="先添加父标签，或改用已有标签的名称或 id。",
    )
