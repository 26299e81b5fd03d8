"""The vocabulary's domain types as JSON schemas."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.schemas import ParentOut
from app.api.vocabulary_schemas import (
    ChangeOut,
    DiffOut,
    FindingOut,
    LintOut,
    NamedTagOut,
    RevisionOut,
    StoredTagOut,
)
from vocab.lint import Report
from vocab.lint_types import Finding
from vocab.tag_json import fields_of
from vocab.tags import Revision, StoredTag, TagChange, VocabularyDiff


def stored_tag_out(stored: StoredTag, names: Mapping[str, str]) -> StoredTagOut:
    """A tag; `names` are those of its parents, by id."""
    tag = stored.tag
    return StoredTagOut(
        id=tag.id,
        revision=stored.revision,
        name=tag.name,
        category=tag.category,
        parents=[ParentOut(id=parent, name=names.get(parent, parent)) for parent in tag.parents],
        aliases=list(tag.aliases),
        gloss=tag.gloss,
        description=tag.description,
        prompt_templates=list(tag.prompt_templates),
        negative_prompts=list(tag.negative_prompts),
        state=tag.state,
        threshold=tag.threshold,
        target=tag.target,
        notes=tag.notes,
        exclusive_group=tag.exclusive_group,
        examples=list(tag.examples),
    )


def revision_out(revision: Revision) -> RevisionOut:
    """One revision."""
    return RevisionOut(
        revision=revision.number,
        created_at=revision.created_at,
        author=revision.author,
        reason=revision.reason,
        changed_tags=revision.changed_tags,
    )


def diff_out(diff: VocabularyDiff) -> DiffOut:
    """What differs; of a changed tag, only the fields that do."""
    return DiffOut(
        older=diff.older, newer=diff.newer, changes=[change_out(c) for c in diff.changes]
    )


def change_out(change: TagChange) -> ChangeOut:
    """One tag before and after; of a changed tag, only the fields that differ."""
    before, after = change.before, change.after
    tag = after or before
    assert tag is not None  # noqa: S101 - a change has at least one side
    if before is None or after is None:
        return ChangeOut(
            id=tag.id,
            kind="added" if before is None else "removed",
            name=tag.name,
            fields=[],
            before=None if before is None else fields_of(before),
            after=None if after is None else fields_of(after),
        )
    return ChangeOut(
        id=tag.id,
        kind="changed",
        name=after.name,
        fields=list(change.fields),
        before={field: getattr(before, field) for field in change.fields},
        after={field: getattr(after, field) for field in change.fields},
    )


def lint_out(revision: int, report: Report) -> LintOut:
    """What may be wrong with the vocabulary at a revision."""
    return LintOut(
        vocabulary_revision=revision,
        findings=[finding_out(finding) for finding in report.findings],
        skipped=dict(report.skipped),
    )


def finding_out(finding: Finding) -> FindingOut:
    """One thing that may be wrong."""
    return FindingOut(
        rule=finding.rule,
        message=finding.message,
        remedy=finding.remedy,
        tags=[NamedTagOut(id=tag.id, name=tag.name) for tag in finding.tags],
        value=None if finding.value is None else round(finding.value, 4),
    )
