"""Fifty editors and fifty taggers on one real service: nothing lost, nothing mixed, no 5xx."""

from __future__ import annotations

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.fixtures.running import database_of, prepare, running
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

EDITORS = 50
TAGGERS = 50
EDITS_EACH = 3
TAGGINGS_EACH = 3
SHARED = "shared"
PHOTO = (Path(__file__).parents[1] / "data" / "cat.jpg").read_bytes()
OPTIONS = {
    "options": json.dumps(
        {"min_confidence": 0, "top_k": 100, "include_parents": True, "distinct": False}
    )
}
TAGS = "/v1/vocabulary/tags"


@dataclass
class Seen:
    """What the callers were told."""

    edits: list[dict[str, Any]] = field(default_factory=list)
    taggings: list[dict[str, Any]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


async def one_editor(client: httpx.AsyncClient, number: int, seen: Seen) -> None:
    """Adds, renames and removes a tag of its own, and writes its mark on a shared one."""
    chance = random.Random(number)  # noqa: S311
    created = await client.post(TAGS, json={"name": f"编辑{number}"})
    assert created.status_code == 201, created.text
    seen.edits.append(created.json())
    own = f"{TAGS}/{created.json()['tags'][0]['id']}"
    for step in range(EDITS_EACH):
        if chance.random() < 0.5:
            response = await client.patch(own, json={"name": f"编辑{number}之{step}"})
        else:
            response = await mark_shared(client, f"{number}.{step}", seen)
        assert response.status_code == 200, response.text
        seen.edits.append(response.json())
    if number % 5 == 0:
        response = await client.delete(own)
        assert response.status_code == 200, response.text
        seen.edits.append(response.json())


async def mark_shared(client: httpx.AsyncClient, mark: str, seen: Seen) -> httpx.Response:
    """Appends to the notes that all write: read, change, write back if nobody was quicker."""
    while True:
        read = await client.get(f"{TAGS}/{SHARED}")
        notes = read.json()["notes"]
        response = await client.patch(
            f"{TAGS}/{SHARED}",
            json={"notes": f"{notes} {mark}"},
            headers={"If-Match": read.headers["etag"]},
        )
        if response.status_code != 412:
            return response
        seen.refused.append(412)


async def one_tagger(client: httpx.AsyncClient, seen: Seen) -> None:
    for _ in range(TAGGINGS_EACH):
        response = await client.post("/v1/tag", files={"files": PHOTO}, data=OPTIONS)
        assert response.status_code == 200, response.text
        seen.taggings.append(response.json())


async def everybody(address: str) -> Seen:
    seen = Seen()
    # The service closes a connection that idles for five seconds; the client must be quicker.
    limits = httpx.Limits(max_connections=EDITORS + TAGGERS, keepalive_expiry=1)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        editors = [one_editor(client, n, seen) for n in range(EDITORS)]
        taggers = [one_tagger(client, seen) for _ in range(TAGGERS)]
        await asyncio.gather(*editors, *taggers)
        last = await client.get("/readyz")
        assert last.json()["live_snapshots"] <= 2
        assert last.json()["vocabulary_revision"] == max(
            edit["vocabulary_revision"] for edit in seen.edits
        )
    return seen


def test_fifty_editors_and_fifty_taggers_lose_nothing_and_see_one_revision_each(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    prepare(data_dir, [TagDraft("共享", id=SHARED), TagDraft("猫"), TagDraft("狗")])
    # On a thread of its own: a browser driven by other tests keeps a loop running in this one.
    with running(data_dir) as service, ThreadPoolExecutor(1) as pool:
        seen = pool.submit(asyncio.run, everybody(service.address)).result()
    store = VocabularyStore(database_of(data_dir))
    log = {revision.number for revision in store.revisions(limit=1000)}
    told = [edit["vocabulary_revision"] for edit in seen.edits if edit["changed"]]
    # No lost update: each edit that was answered is one revision of its own, and no other is.
    assert len(told) == len(set(told))
    assert set(told) | {1} == log
    # Each write to the shared tag is there once.
    marks = store.get(SHARED).notes.split()
    assert len(marks) == len(set(marks))
    shared = [e for e in seen.edits if e["tags"] and e["tags"][0]["id"] == SHARED]
    assert len(marks) == len(shared)
    # Every response is what one revision says, whole.
    active: dict[int, set[tuple[str, str]]] = {}
    for answer in seen.taggings:
        revision = answer["vocabulary_revision"]
        if revision not in active:
            tags = store.at(revision).tags
            active[revision] = {(tag.id, tag.name) for tag in tags if tag.state == "active"}
        given = {(tag["id"], tag["name"]) for tag in answer["results"][0]["tags"]}
        assert given == active[revision]
    assert len(active) > 1, "the taggers should have seen the vocabulary change"
