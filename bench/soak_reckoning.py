"""What a soak was answered, held against what the service says when all is over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from app.client import Client, ProblemError

# Tags of the soak: with a threshold of -1 they fire on every photo.
PREFIX, JUDGED = "浸泡", "老虎"
OPTIONS: dict[str, Any] = {"top_k": 100, "distinct": False}
SAME = 1e-4


@dataclass
class Soak:
    """What came of it; `wrong` holds a sentence a fault, `lost` one an acknowledged write."""

    seconds: float = 0.0
    rate_per_s: float = 0.0
    answers: int = 0
    busy: int = 0
    unanswered: int = 0
    edits: int = 0
    judgements: int = 0
    images_added: int = 0
    images_deleted: int = 0
    kills: int = 0
    memory_mib: list[list[float]] = field(default_factory=list)
    memory_growth: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Memory:
    """What was acknowledged, over both lives; filled by the writers and read at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: list[tuple[str, int, dict[str, float]]] = []
        self.extra: dict[int, set[str]] = {}
        self.live: dict[str, str] = {}
        self.deleted_tags: set[str] = set()
        self.judgements: set[int] = set()
        self.images: set[str] = set()
        self.deleting: set[str] = set()
        self.deleted_images: set[str] = set()
        self.number = 0

    def next(self) -> int:
        with self.lock:
            self.number += 1
            return self.number


def reckon(client: Client, photos: dict[str, bytes], heard: Memory, result: Soak) -> None:
    """Holds what was answered and acknowledged against what the store says now."""
    result.answers, result.edits = len(heard.answers), len(heard.extra)
    result.judgements, result.images_added = len(heard.judgements), len(heard.images)
    result.images_deleted = len(heard.deleted_images)
    names = {revision: extras(client, revision) for revision in {r for _, r, _ in heard.answers}}
    truth = {name: base(client.tag(photo, **OPTIONS).tags) for name, photo in photos.items()}
    for photo, revision, found in heard.answers:
        fired = {name for name in found if name.startswith(PREFIX)}
        if fired != names[revision]:
            result.wrong.append(f"{photo} at {revision}: {fired ^ names[revision]}")
        known = {name: s for name, s in found.items() if name not in fired and name != JUDGED}
        if known.keys() != truth[photo].keys() or any(
            abs(known[name] - truth[photo][name]) > SAME for name in known
        ):
            result.wrong.append(f"{photo} at {revision}: {known} is not {truth[photo]}")
    present = {one.name for one in client.tags(PREFIX, limit=1000).items}
    result.lost += [f"tag {name}" for name in heard.live.keys() - present]
    result.lost += [f"deletion of {name}" for name in heard.deleted_tags & present]
    result.lost += [f"judgement {one}" for one in heard.judgements - judged(client)]
    for name in heard.images:
        there = is_there(client, name)
        if name in heard.deleted_images and there:
            result.lost.append(f"deletion of {name}")
        if name not in heard.deleting and not there:
            result.lost.append(name)


def extras(client: Client, revision: int) -> set[str]:
    params = {"format": "json", "revision": revision}
    exported = client.json("GET", "/v1/vocabulary/export", params=params)
    return {tag["name"] for tag in exported["tags"] if tag["name"].startswith(PREFIX)}


def base(tags: list[Any]) -> dict[str, float]:
    kept = (one for one in tags if not one.name.startswith(PREFIX) and one.name != JUDGED)
    return {one.name: one.similarity for one in kept}


def judged(client: Client) -> set[int]:
    found, params = set[int](), {"limit": 1000}
    while True:
        page = client.json("GET", "/v1/feedback", params=params)
        found |= {one["id"] for one in page["items"]}
        if not page.get("next"):
            return found
        params["before"] = page["next"]


def is_there(client: Client, image_id: str) -> bool:
    try:
        return bool(client.image(image_id))
    except ProblemError:
        return False
