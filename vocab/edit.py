"""One edit of the vocabulary: checked in the writer's transaction, written when it is over."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from vocab.contents import Contents, Entry, read_at
from vocab.errors import (
    BulkEditError,
    InvalidTagError,
    RevisionNotFoundError,
    StaleEditError,
    TagExistsError,
    TagNotFoundError,
    VocabularyError,
)
from vocab.history import change_of
from vocab.idempotency import recall, remember
from vocab.journal import write_edit
from vocab.names import name_key
from vocab.proposals import Draftbook, Proposal
from vocab.rules import clean_fields, fields_of_draft, whole
from vocab.tags import Outcome, Revision, Tag, TagChange, TagDraft, Vocabulary

Result = TypeVar("Result")


def new_tag_id() -> str:
    """An id no tag has: `t` and twelve hexadecimal digits."""
    return f"t{secrets.token_hex(6)}"


class Edit:
    """Changes to the vocabulary that become one revision, or none where nothing changes.

    Every method checks names, parents and `if_match` at once and changes nothing when it raises.
    Methods for many tags raise `BulkEditError` with every tag at fault.
    """

    def __init__(
        self,
        connection: Connection,
        base: Contents,
        *,
        author: str,
        reason: str,
        now: datetime,
        new_id: Callable[[], str] = new_tag_id,
    ):
        self.author = author
        self.revision = base.revision + 1
        self._connection = connection
        self._base = base
        self._reason = reason
        self._now = now
        self._new_id = new_id
        self._draft = Draftbook(connection, base)
        self._answers: list[tuple[str, str, str]] = []

    @property
    def outcome(self) -> Outcome:
        """What the edit has done so far, or, after its end, what it did."""
        changes = self._draft.changes()
        before = self._base.entries
        return Outcome(
            revision=self.revision if changes else self._base.revision,
            changed=bool(changes),
            created=tuple(e.tag for i, e in changes.items() if e and i not in before),
            updated=tuple(e.tag for i, e in changes.items() if e and i in before),
            deleted=tuple(before[i].tag for i, e in changes.items() if e is None),
        )

    @property
    def changes(self) -> tuple[TagChange, ...]:
        """Every tag that the edit has changed so far, before and after."""
        base = self._base.entries
        return tuple(
            change_of(base[tag_id].tag if tag_id in base else None, entry and entry.tag)
            for tag_id, entry in self._draft.changes().items()
        )

    def vocabulary(self) -> Vocabulary:
        """The vocabulary as it will be after the commit."""
        return self.contents().vocabulary

    def get(self, tag_id: str) -> Tag:
        """The tag as the edit has it so far. Raises `TagNotFoundError`."""
        return self._existing(tag_id).tag

    def version(self, tag_id: str) -> int:
        """The revision that last changed the tag before this edit. Raises `TagNotFoundError`."""
        entry = self._base.entries.get(tag_id)
        return entry.revision if entry is not None else self._existing(tag_id).revision

    def create(self, draft: TagDraft) -> Tag:
        """Adds a tag and returns it with its id."""
        return _one(lambda: self.create_all([draft])[0])

    def create_all(self, drafts: Sequence[TagDraft]) -> tuple[Tag, ...]:
        """Adds tags, which may be each other's parents in any order, all or none."""
        problems: list[VocabularyError] = []
        proposals: list[Proposal] = []
        taken: set[str] = set()
        for item, draft in enumerate(drafts):
            try:
                proposal = self._proposal(item, fields_of_draft(draft))
                if proposal.tag_id in taken or self._draft.entry(proposal.tag_id) is not None:
                    raise TagExistsError(
                        f"id {proposal.tag_id} 已有标签", field="id", remedy="换一个 id 或留空。"
                    )
            except VocabularyError as error:
                error.item = item
                problems.append(error)
                continue
            taken.add(proposal.tag_id)
            proposals.append(proposal)
        self._take(proposals, problems)
        return tuple(self.get(proposal.tag_id) for proposal in proposals)

    def update(
        self, tag_id: str, changes: Mapping[str, object], if_match: int | None = None
    ) -> Tag:
        """Changes the named fields of a tag. `if_match` is the tag's revision its writer read."""
        entry = self._existing(tag_id)
        self._check_match(tag_id, if_match)
        if "id" in changes and changes["id"] != tag_id:
            raise InvalidTagError("id 不能修改", field="id", remedy="删除后以新 id 重新创建。")
        values: dict[str, Any] = clean_fields(changes)
        proposal = Proposal(None, tag_id, whole(replace(entry.tag, **values)))
        _one(lambda: self._take([proposal], []))
        return self.get(tag_id)

    def delete(self, tag_id: str, if_match: int | None = None) -> None:
        """Removes a tag. Its children lose it as a parent, which changes them in this edit."""
        self._existing(tag_id)
        self._check_match(tag_id, if_match)
        self.delete_all([tag_id])

    def delete_all(self, tag_ids: Collection[str]) -> None:
        """Removes tags as `delete` does, all or none. Raises `TagNotFoundError`."""
        gone = dict.fromkeys(self._existing(tag_id).tag.id for tag_id in tag_ids)
        orphans = [
            Proposal(None, e.tag.id, replace(e.tag, parents=kept))
            for e in self._draft.entries()
            if e.tag.parents and e.tag.id not in gone
            for kept in [tuple(parent for parent in e.tag.parents if parent not in gone)]
            if kept != e.tag.parents
        ]
        self._take([*(Proposal(None, tag_id, None) for tag_id in gone), *orphans], [])

    def merge(self, rows: Sequence[Mapping[str, object]]) -> tuple[Tag, ...]:
        """Adds or changes one tag for each row of fields, all or none.

        A row is that tag's which has its `id`, or else its name; fields it lacks stay as they are.
        """
        problems: list[VocabularyError] = []
        proposals = self._targeted(rows, problems)
        self._take(proposals, problems)
        return tuple(self.get(proposal.tag_id) for proposal in proposals)

    def replace_all(self, drafts: Sequence[TagDraft]) -> tuple[Tag, ...]:
        """Makes the vocabulary hold these tags and no others; same id or same name, same tag."""
        problems: list[VocabularyError] = []
        proposals = self._targeted([fields_of_draft(draft) for draft in drafts], problems)
        kept = {proposal.tag_id for proposal in proposals}
        gone = [e.tag.id for e in self._draft.entries() if e.tag.id not in kept]
        self._take([*(Proposal(None, i, None) for i in gone), *proposals], problems)
        return tuple(self.get(proposal.tag_id) for proposal in proposals)

    def rollback_to(self, revision: int) -> None:
        """Makes the vocabulary equal to what it was at `revision` (0: empty)."""
        if not 0 <= revision <= self._base.revision:
            raise RevisionNotFoundError(
                f"没有版本 {revision}，最新是 {self._base.revision}",
                field="revision",
                remedy="请从版本列表里选一个。",
            )
        then = read_at(self._connection, revision).entries
        now = {entry.tag.id: entry.tag for entry in self._draft.entries()}
        gone = [Proposal(None, tag_id, None) for tag_id in now if tag_id not in then]
        other = [
            Proposal(None, tag_id, entry.tag)
            for tag_id, entry in then.items()
            if now.get(tag_id) != entry.tag
        ]
        self._take([*gone, *other], [])

    def recall(self, key: str, request_digest: str) -> str | None:
        """The answer noted for this author's idempotency key. Raises `IdempotencyError`."""
        return recall(self._connection, self.author, key, request_digest)

    def remember(self, key: str, request_digest: str, answer: str) -> None:
        """Notes the answer to a request under the author's idempotency key, with this edit."""
        self._answers.append((key, request_digest, answer))

    def contents(self) -> Contents:
        """The vocabulary as it will be, with the revision of each tag."""
        return self._draft.contents(self.revision)

    def write(self) -> None:
        """Writes what changed into the transaction; the store calls it when the body is over."""
        changes = self._draft.changes()
        if changes:
            revision = Revision(self.revision, self._now, self.author, self._reason, len(changes))
            write_edit(self._connection, revision, self._base.entries, changes)
        for key, digest, answer in self._answers:
            remember(self._connection, self.author, key, digest, answer, self._now)

    def _existing(self, tag_id: str) -> Entry:
        entry = self._draft.entry(tag_id)
        if entry is None:
            raise TagNotFoundError(
                f"没有 id 为 {tag_id[:64]} 的标签", field="id", remedy="请先查询标签列表。"
            )
        return entry

    def _check_match(self, tag_id: str, if_match: int | None) -> None:
        entry = self._base.entries.get(tag_id)
        if if_match is not None and entry is not None and entry.revision != if_match:
            raise StaleEditError(
                f"标签“{entry.tag.name}”已在版本 {entry.revision} 被修改，"
                f"提交所依据的是版本 {if_match}",
                current_revision=entry.revision,
                tag_id=tag_id,
            )

    def _proposal(self, item: int, fields: Mapping[str, object], tag_id: str = "") -> Proposal:
        """A proposal from fields; a tag that exists keeps those that are not given."""
        given = {k: v for k, v in fields.items() if not (k == "id" and v == "")}
        values: dict[str, Any] = clean_fields(given)
        asked = str(values.pop("id", ""))
        entry = self._draft.entry(tag_id) if tag_id else None
        if entry is not None:
            return Proposal(item, tag_id, whole(replace(entry.tag, **values)))
        if "name" not in values:
            raise InvalidTagError("缺少 name", field="name", remedy="新标签必须有名称。")
        tag = whole(Tag(id=asked or "-", **values))
        return Proposal(item, asked or self._new_id(), tag, bool(asked))

    def _targeted(
        self, rows: Sequence[Mapping[str, object]], problems: list[VocabularyError]
    ) -> list[Proposal]:
        """A proposal for each row, for the tag it is about; rows at fault join `problems`."""
        keys = [_key_of(row) for row in rows]
        names = self._draft.names
        named = {**names.paused(filter(None, keys)), **names.owners(filter(None, keys))}
        proposals: dict[str, Proposal] = {}
        for item, (row, key) in enumerate(zip(rows, keys, strict=True)):
            tag_id = str(row.get("id") or "")
            if not tag_id and key in named:
                # An alias is not enough: the row would rename the tag it is an alias of.
                holder = self._draft.entry(named[key])
                tag_id = named[key] if holder and name_key(holder.tag.name) == key else ""
            try:
                proposal = self._proposal(item, row, tag_id)
                if proposal.tag_id in proposals:
                    first = proposals[proposal.tag_id].item or 0
                    raise TagExistsError(
                        f"与第 {first + 1} 个标签重复", field="name", remedy="请只保留一个。"
                    )
                proposals[proposal.tag_id] = proposal
            except VocabularyError as error:
                error.item = item
                problems.append(error)
        return list(proposals.values())

    def _take(self, proposals: Iterable[Proposal], problems: list[VocabularyError]) -> None:
        taken = self._draft.take(list(proposals), self.revision, check_only=bool(problems))
        found = [*problems, *taken]
        if found:
            raise BulkEditError(sorted(found, key=lambda p: -1 if p.item is None else p.item))


def _one(change: Callable[[], Result]) -> Result:
    """Runs a change of a single tag; the first problem is raised as it is."""
    try:
        return change()
    except BulkEditError as error:
        error.problems[0].item = None
        raise error.problems[0] from None


def _key_of(row: Mapping[str, object]) -> str:
    name = row.get("name")
    return name_key(name[:256]) if isinstance(name, str) else ""
