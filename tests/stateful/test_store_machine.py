"""The store against a plain dict: whatever is done in whatever order, they agree."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from app.database import Database
from vocab.errors import (
    BulkEditError,
    CycleError,
    NameClashError,
    TagNotFoundError,
    UnknownParentError,
    VocabularyError,
)
from vocab.exchange import export_csv
from vocab.imports import import_tags, read_tags
from vocab.store import VocabularyStore
from vocab.tags import Tag, TagDraft, TagState

Model = dict[str, Tag]

# Few names, so that they clash, in spellings that are the same to the store.
SPELLINGS = {"猫": "猫", "貓": "猫", "狗": "狗", "T恤": "t恤", "t恤": "t恤", "鸟": "鸟", "鱼": "鱼"}
names = st.sampled_from(list(SPELLINGS))
states: st.SearchStrategy[TagState] = st.sampled_from(["active", "active", "active", "paused"])


def keys(tag: Tag) -> list[str]:
    return list(dict.fromkeys(SPELLINGS[name] for name in (tag.name, *tag.aliases)))


def clashes(model: Model) -> bool:
    owned = [key for tag in model.values() if tag.state == "active" for key in keys(tag)]
    return len(owned) != len(set(owned))


def has_cycle(model: Model) -> bool:
    def reaches(tag_id: str, goal: str, seen: frozenset[str]) -> bool:
        return any(
            parent == goal or (parent not in seen and reaches(parent, goal, seen | {parent}))
            for parent in model[tag_id].parents
        )

    return any(reaches(tag_id, tag_id, frozenset()) for tag_id in model)


def tidy(tag: Tag) -> Tag:
    seen = {SPELLINGS[tag.name]}
    aliases = []
    for alias in tag.aliases:
        if SPELLINGS[alias] not in seen:
            seen.add(SPELLINGS[alias])
            aliases.append(alias)
    return replace(tag, aliases=tuple(aliases), parents=tuple(dict.fromkeys(tag.parents)))


class StoreMachine(RuleBasedStateMachine):
    """`model` is the vocabulary as a dict; `past` holds it at every revision."""

    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tuqian-machine-"))
        self.database = Database(f"sqlite:///{self.folder / 'tuqian.db'}")
        self.database.migrate()
        self.store = VocabularyStore(self.database)
        # Makes every other edit, so that each store has to follow the other.
        self.second = VocabularyStore(self.database)
        self.model: Model = {}
        self.order: list[str] = []
        self.past: list[Model] = [{}]

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            shutil.rmtree(self.folder)

    def expect(self, wanted: Model, error: VocabularyError | None) -> None:
        """Checks that an edit was refused exactly where it had to be, and notes what it made."""
        if isinstance(error, BulkEditError):
            error = error.problems[0]
        if any(p not in wanted for tag in wanted.values() for p in tag.parents):
            assert isinstance(error, UnknownParentError | NameClashError), error
        elif clashes(wanted):
            assert isinstance(error, NameClashError), error
            assert error.tag_id in wanted
        elif has_cycle(wanted):
            assert isinstance(error, CycleError), error
            assert error.path[0] == error.path[-1]
        else:
            assert error is None, error
            if wanted != self.model:
                self.past.append(dict(wanted))
            self.model = dict(wanted)
            self.store, self.second = self.second, self.store

    @rule(
        target=ids,
        name=names,
        aliases=st.lists(names, max_size=2),
        parents=st.lists(ids, max_size=2),
        state=states,
    )
    def create(self, name: str, aliases: list[str], parents: list[str], state: TagState) -> object:
        number = len(self.order)
        draft = TagDraft(
            name, aliases=tuple(aliases), parents=tuple(parents), state=state, id=f"id{number}"
        )
        wanted = tidy(Tag(**vars(draft)))
        error: VocabularyError | None = None
        try:
            with self.store.editing("a", "create") as edit:
                assert edit.create(draft) == wanted
        except VocabularyError as raised:
            error = raised
        self.expect({**self.model, wanted.id: wanted}, error)
        if error is not None:
            return multiple()
        self.order.append(wanted.id)
        return wanted.id

    @rule(
        tag_id=ids,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "name": names,
                "aliases": st.lists(names, max_size=2).map(tuple),
                "state": states,
                "gloss": st.sampled_from(["", "x"]),
            },
        ),
        parents=st.none() | st.lists(ids, max_size=2),
    )
    def patch(self, tag_id: str, changes: dict[str, object], parents: list[str] | None) -> None:
        if parents is not None:
            changes = {**changes, "parents": tuple(parents)}
        error: VocabularyError | None = None
        try:
            with self.store.editing("a", "patch") as edit:
                edit.update(tag_id, changes)
        except VocabularyError as raised:
            error = raised
        if tag_id not in self.model:
            assert isinstance(error, TagNotFoundError)
            return
        wanted = tidy(replace(self.model[tag_id], **changes))  # type: ignore[arg-type]
        self.expect({**self.model, tag_id: wanted}, error)

    @rule(tag_id=ids)
    def delete(self, tag_id: str) -> None:
        if tag_id not in self.model:
            return
        with self.store.editing("a", "delete") as edit:
            edit.delete(tag_id)
        wanted = {
            other.id: replace(other, parents=tuple(p for p in other.parents if p != tag_id))
            for other in self.model.values()
            if other.id != tag_id
        }
        self.expect(wanted, None)

    @rule(tag_id=consumes(ids), data=st.data())
    def delete_and_leave_out_of_the_game(self, tag_id: str, data: st.DataObject) -> None:
        self.delete(tag_id)

    @rule(one=ids, other=ids)
    def swap_names(self, one: str, other: str) -> None:
        if one == other or not {one, other} <= self.model.keys():
            return
        first, second = self.model[one], self.model[other]
        error: VocabularyError | None = None
        try:
            with self.store.editing("a", "swap") as edit:
                edit.merge([{"id": one, "name": second.name}, {"id": other, "name": first.name}])
        except VocabularyError as raised:
            error = raised
        changed = {
            one: tidy(replace(first, name=second.name)),
            other: tidy(replace(second, name=first.name)),
        }
        self.expect({**self.model, **changed}, error)

    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        revision = data.draw(st.integers(0, len(self.past) - 1))
        with self.store.editing("a", "roll back") as edit:
            edit.rollback_to(revision)
        self.expect(self.past[revision], None)

    @rule(data=st.data())
    def import_an_older_export(self, data: st.DataObject) -> None:
        revision = data.draw(st.integers(0, len(self.past) - 1))
        file = read_tags(export_csv(self.store.at(revision)))
        with self.store.editing("a", "import") as edit:
            import_tags(edit, file, mode="replace")
        self.expect(self.past[revision], None)

    @invariant()
    def everything_agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        expected = tuple(self.model[i] for i in self.order if i in self.model)
        head = len(self.past) - 1
        assert self.store.head() == head
        assert self.store.load().tags == expected
        assert self.second.load() == self.store.load()
        assert VocabularyStore(self.database).load() == self.store.load()
        assert self.store.at(head).tags == expected
        assert [item.tag for item in self.store.list(limit=100).items] == list(expected)

    @invariant()
    def the_past_stays(self) -> None:
        if not hasattr(self, "model"):
            return
        head = len(self.past) - 1
        numbers = [revision.number for revision in self.store.revisions(limit=1_000)]
        assert numbers == list(range(head, 0, -1))
        middle = head // 2
        assert {tag.id: tag for tag in self.store.at(middle).tags} == self.past[middle]
        changes = self.store.diff(middle, head).changes
        patched = dict(self.past[middle])
        for change in changes:
            if change.after is None:
                assert change.before is not None
                del patched[change.before.id]
            else:
                patched[change.after.id] = change.after
        assert patched == self.past[head]


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
