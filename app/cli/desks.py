"""Where `tuqian vocab` does its work: the database itself, or a service that runs.

Both answer with the JSON of `/v1/vocabulary`, so that the commands need not know which it is.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from app.api.editing import edit_out
from app.api.render import diff_out, lint_out, revision_out, stored_tag_out
from app.api.vocabulary import parent_names
from app.cli.remote import Json, Remote
from app.lint import examine
from app.main import assemble, open_store
from app.settings import Settings, load_settings
from vocab.edit import Edit
from vocab.errors import ExchangeError, TagNotFoundError
from vocab.exchange import export_csv, export_json
from vocab.imports import import_tags, read_tags
from vocab.rules import clean_fields
from vocab.tags import Tag, TagDraft


class Desk(Protocol):
    """What can be done with a vocabulary."""

    def page(self, **wanted: Any) -> Json:
        """One page of tags."""

    def get(self, tag_id: str) -> Json:
        """One tag."""

    def add(self, fields: Mapping[str, object]) -> Json:
        """Adds a tag."""

    def edit(self, tag_id: str, changes: Mapping[str, object]) -> Json:
        """Changes a tag."""

    def remove(self, tag_id: str) -> Json:
        """Removes a tag."""

    def import_file(self, data: bytes, *, replace: bool, dry_run: bool) -> Json:
        """Imports a file of tags."""

    def export(self, kind: str, revision: int | None) -> bytes:
        """The vocabulary as a file."""

    def revisions(self, limit: int) -> Json:
        """The newest revisions."""

    def diff(self, older: int, newer: int) -> Json:
        """What differs between two revisions."""

    def rollback(self, revision: int) -> Json:
        """Makes the vocabulary equal to an older one."""

    def lint(self) -> Json:
        """What may be wrong."""

    def close(self) -> None:
        """Gives back what the desk holds."""


class LocalDesk:
    """The database of the settings. A service that runs on it follows within a second."""

    def __init__(self, settings: Settings, author: str, reason: str):
        self._settings = settings
        self._author = author
        self._reason = reason
        self._stack = ExitStack()
        self._store = open_store(settings, self._stack)

    def page(self, **wanted: Any) -> Json:
        """One page of tags."""
        page = self._store.list(**wanted)
        names = parent_names(self._store, page.items)
        items = [stored_tag_out(stored, names).model_dump(mode="json") for stored in page.items]
        return {"items": items, "next": page.next, "vocabulary_revision": page.revision}

    def get(self, tag_id: str) -> Json:
        """One tag."""
        stored = self._store.stored(tag_id)
        names = parent_names(self._store, [stored])
        return stored_tag_out(stored, names).model_dump(mode="json")

    def add(self, fields: Mapping[str, object]) -> Json:
        """Adds a tag."""
        values: dict[str, Any] = clean_fields(fields)
        return self._change(lambda edit: [edit.create(TagDraft(**values))])

    def edit(self, tag_id: str, changes: Mapping[str, object]) -> Json:
        """Changes a tag."""
        return self._change(lambda edit: [edit.update(tag_id, changes)])

    def remove(self, tag_id: str) -> Json:
        """Removes a tag."""
        return self._change(lambda edit: edit.delete(tag_id))

    def import_file(self, data: bytes, *, replace: bool, dry_run: bool) -> Json:
        """Imports a file of tags."""
        file = read_tags(data)

        def change(edit: Edit) -> None:
            import_tags(edit, file, "replace" if replace else "merge")

        did = self._change(change, dry_run=dry_run)
        return did | {"rows": len(file.rows), "dry_run": dry_run}

    def export(self, kind: str, revision: int | None) -> bytes:
        """The vocabulary as a file."""
        vocabulary = self._store.load() if revision is None else self._store.at(revision)
        return export_csv(vocabulary) if kind == "csv" else export_json(vocabulary)

    def revisions(self, limit: int) -> Json:
        """The newest revisions."""
        found = self._store.revisions(limit=limit)
        return {"items": [revision_out(one).model_dump(mode="json") for one in found]}

    def diff(self, older: int, newer: int) -> Json:
        """What differs between two revisions."""
        return diff_out(self._store.diff(older, newer)).model_dump(mode="json")

    def rollback(self, revision: int) -> Json:
        """Makes the vocabulary equal to an older one."""
        return self._change(lambda edit: edit.rollback_to(revision))

    def lint(self) -> Json:
        """What may be wrong; loads the model, because most rules look at meanings."""
        with ExitStack() as stack:
            vocabulary, report = examine(assemble(self._settings, stack).editor)
        return lint_out(vocabulary.revision, report).model_dump(mode="json")

    def close(self) -> None:
        """Closes the database."""
        self._stack.close()

    def _change(self, change: Callable[[Edit], list[Tag] | None], *, dry_run: bool = False) -> Json:
        with self._store.editing(self._author, self._reason, dry_run=dry_run) as edit:
            tags = change(edit) or []
            return edit_out(edit, tags).model_dump(mode="json")


class RemoteDesk(Remote):
    """A service at an address."""

    def __init__(self, url: str, author: str, reason: str):
        super().__init__(url, "/v1/vocabulary", {"X-Author": quote(author)})
        self._reason = {"reason": reason} if reason else {}

    def page(self, **wanted: Any) -> Json:
        """One page of tags."""
        params = {name: value for name, value in wanted.items() if value not in (None, "")}
        return self.json("GET", "/tags", params=params)

    def get(self, tag_id: str) -> Json:
        """One tag."""
        return self.json("GET", f"/tags/{tag_id}")

    def add(self, fields: Mapping[str, object]) -> Json:
        """Adds a tag."""
        return self.json("POST", "/tags", json=fields, params=self._reason)

    def edit(self, tag_id: str, changes: Mapping[str, object]) -> Json:
        """Changes a tag."""
        return self.json("PATCH", f"/tags/{tag_id}", json=changes, params=self._reason)

    def remove(self, tag_id: str) -> Json:
        """Removes a tag."""
        return self.json("DELETE", f"/tags/{tag_id}", params=self._reason)

    def import_file(self, data: bytes, *, replace: bool, dry_run: bool) -> Json:
        """Imports a file of tags."""
        params = {"mode": "replace" if replace else "merge", "dry_run": dry_run, **self._reason}
        return self.json("POST", "/import", content=data, params=params)

    def export(self, kind: str, revision: int | None) -> bytes:
        """The vocabulary as a file."""
        params = {"format": kind} | ({} if revision is None else {"revision": str(revision)})
        return self.send("GET", "/export", params=params).content

    def revisions(self, limit: int) -> Json:
        """The newest revisions."""
        return self.json("GET", "/revisions", params={"limit": limit})

    def diff(self, older: int, newer: int) -> Json:
        """What differs between two revisions."""
        return self.json("GET", "/diff", params={"older": older, "newer": newer})

    def rollback(self, revision: int) -> Json:
        """Makes the vocabulary equal to an older one."""
        return self.json("POST", "/rollback", json={"revision": revision}, params=self._reason)

    def lint(self) -> Json:
        """What may be wrong."""
        return self.json("GET", "/lint")


@contextmanager
def desk_of(url: str | None, author: str | None = None, reason: str = "") -> Iterator[Desk]:
    """Where a command does its work: the service at `url`, else the database."""
    who = author or _user()
    desk: Desk = RemoteDesk(url, who, reason) if url else LocalDesk(load_settings(), who, reason)
    try:
        yield desk
    finally:
        desk.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user without a name
        return "anonymous"


def find_tag(desk: Desk, named: str) -> str:
    """The id of the tag that has this id, name or alias; raises `TagNotFoundError`."""
    for tag in desk.page(query=named[:64], limit=20)["items"]:
        if named in (tag["name"], tag["id"], *tag["aliases"]):
            return str(tag["id"])
    try:
        return str(desk.get(named)["id"])
    except Exception as error:
        raise TagNotFoundError(
            f"没有名称或 id 为“{named}”的标签", field="TAG", remedy="用 tuqian vocab list 查找。"
        ) from error


def read_input(file: Path) -> bytes:
    """A file's bytes, or those of the standard input for `-`."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ExchangeError(
            f"读不到文件 {file}：{error.strerror}", field="FILE", remedy="检查路径是否写对。"
        ) from error
