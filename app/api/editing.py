"""What every edit of the vocabulary shares: who edits and why, the thread, the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Header, Query, Request
from starlette.responses import Response

from app.api.context import Service, service_of
from app.api.preconditions import IfMatch, etag, read_if_match
from app.api.problems import problem_response
from app.api.render import stored_tag_out
from app.api.vocabulary_schemas import EditOut
from app.editor import Edited
from vocab.edit import Edit
from vocab.errors import StaleEditError, TagNotFoundError
from vocab.tags import StoredTag, Tag

Value = TypeVar("Value")


@dataclass(frozen=True)
class Intent:
    """Who edits, why, what was read before, and the key under which the answer is kept."""

    author: str
    reason: str
    if_match: IfMatch | None
    key: str | None


def intent_of(
    reason: Annotated[str, Query(description="修改的原因，记入版本。")] = "",
    author: Annotated[
        str, Header(alias="X-Author", description="修改人，记入版本；UTF-8 或百分号编码。")
    ] = "",
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="读到的 ETag；内容已被他人修改时回答 412。"),
    ] = None,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", description="重复发送同一请求时，得到第一次的回答（24 小时）。"
        ),
    ] = None,
) -> Intent:
    """What the headers of an edit say."""
    return Intent(
        header_text(author), reason, read_if_match(if_match), header_text(key) if key else None
    )


EditIntent = Annotated[Intent, Depends(intent_of)]


async def carry_out(
    service: Service,
    intent: Intent,
    change: Callable[[Edit], Value],
    *,
    of_vocabulary: bool = False,
    dry_run: bool = False,
) -> Edited[Value]:
    """Edits on one of the few threads for it; beyond the gate's capacity, refuses at once.

    `of_vocabulary` says that `If-Match` is about the vocabulary, and not about one tag.
    """

    def work() -> Edited[Value]:
        expected = None
        if of_vocabulary and intent.if_match is not None:
            expected = intent.if_match.against(service.editor.store.head())
        return service.editor.edit(
            intent.author, intent.reason, change, if_match=expected, dry_run=dry_run
        )

    with service.edit_gate.place(1):
        return await asyncio.get_running_loop().run_in_executor(service.editing, work)


def expected_version(intent: Intent, edit: Edit, tag_id: str) -> int | None:
    """The tag's revision that `If-Match` asks for, to be compared inside the lock."""
    return None if intent.if_match is None else intent.if_match.against(edit.version(tag_id))


def edit_out(edit: Edit, tags: Sequence[Tag]) -> EditOut:
    """What an edit did so far, and `tags` as it left them."""
    outcome = edit.outcome
    touched = {tag.id for tag in (*outcome.created, *outcome.updated)}
    names = {parent: edit.get(parent).name for tag in tags for parent in tag.parents}
    return EditOut(
        vocabulary_revision=outcome.revision,
        changed=outcome.changed,
        created=len(outcome.created),
        updated=len(outcome.updated),
        deleted=len(outcome.deleted),
        tags=[
            stored_tag_out(
                StoredTag(tag, edit.revision if tag.id in touched else edit.version(tag.id)), names
            )
            for tag in tags
        ],
    )


def edit_response(answer: EditOut, status: int = 200, **headers: str) -> Response:
    """The answer of an edit; its `ETag` is that of its only tag, else the vocabulary's."""
    only = answer.tags[0].revision if len(answer.tags) == 1 else answer.vocabulary_revision
    return Response(
        answer.model_dump_json(),
        status,
        media_type="application/json",
        headers={"ETag": etag(only), **headers},
    )


def add_stale_handler(app: FastAPI) -> None:
    """Makes a 412 say what is there now, so that the writer can merge without asking again."""

    async def stale(request: Request, error: Exception) -> Response:
        assert isinstance(error, StaleEditError)  # noqa: S101 - for the type checker
        service = service_of(request)
        current = await asyncio.to_thread(_current, service, error)
        headers = {"ETag": etag(error.current_revision)}
        return problem_response(error, {"current": current}, headers)

    app.add_exception_handler(StaleEditError, stale)


def _current(service: Service, error: StaleEditError) -> dict[str, Any] | None:
    store = service.editor.store
    if not error.tag_id:
        return {"vocabulary_revision": store.head()}
    try:
        stored = store.stored(error.tag_id)
    except TagNotFoundError:  # deleted in the meantime
        return None
    names = {tag.id: tag.name for tag in store.many(stored.tag.parents)}
    return stored_tag_out(stored, names).model_dump()


def header_text(header: str) -> str:
    """A header's text: HTTP knows bytes alone, and people write Chinese."""
    return unquote(header.encode("latin-1", "replace").decode("utf-8", "replace"))
