"""Stored images as their JSON schemas."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.api.image_schemas import (
    AddedOut,
    FoundOut,
    GroupOut,
    ImageOut,
    MemberOut,
    RetagOut,
    StoredTagRef,
    TagChangeOut,
)
from app.api.problems import problem_of
from app.api.schemas import ProblemOut, ResultError, TagOut
from app.api.tag import hit_members, recalled_members
from app.retag import RetagReport
from app.snapshot import Snapshot
from app.tagger import Problem, Tagged
from index.collection import Found
from index.groups import Group
from index.images import StoredImage


def added_out(result: Tagged | Problem) -> AddedOut | ResultError:
    """What became of one image that was to be stored."""
    if isinstance(result, Problem):
        return ResultError(problem=ProblemOut.model_validate(problem_of(result.error)))
    return AddedOut(
        sha256=result.sha256,
        width=result.width,
        height=result.height,
        tags=[TagOut(**hit_members(hit)) for hit in result.tags],
        **recalled_members(result.recalled),
    )


def image_out(image: StoredImage, snapshot: Snapshot) -> ImageOut:
    """One stored image, its tags under their present names."""
    return ImageOut(**_members(image, snapshot))


def found_out(found: Found, snapshot: Snapshot) -> FoundOut:
    """One stored image of a search."""
    members = _members(found.image, snapshot)
    return FoundOut(**members, similarity=round(found.similarity, 4))


def group_out(group: Group, snapshot: Snapshot) -> GroupOut:
    """One group, the oldest member first."""
    first, *others = [image_out(image, snapshot) for image in group.members]
    members = [MemberOut(image=first)]
    for image, verdict in zip(others, group.verdicts, strict=True):
        tier: Any = verdict.tier
        similarity = round(verdict.similarity, 4)
        members.append(MemberOut(image=image, tier=tier, similarity=similarity))
    return GroupOut(keep=group.keeper.id, reason=group.reason, members=members)


def retag_out(report: RetagReport) -> RetagOut:
    """What a re-tag changed."""
    return RetagOut(
        vocabulary_revision=report.revision,
        images=report.images,
        changed=report.changed,
        tags=[TagChangeOut(**asdict(change)) for change in report.tags],
    )


def _members(image: StoredImage, snapshot: Snapshot) -> dict[str, Any]:
    """A tag that is in the vocabulary no more goes by its id."""
    tags = []
    for tag_id, confidence in image.tags:
        row = snapshot.positions.get(tag_id)
        name = tag_id if row is None else snapshot.tags[row].name
        tags.append(StoredTagRef(id=tag_id, name=name, confidence=round(confidence, 4)))
    members = asdict(image) | {"tags": tags}
    del members["number"]
    return members
