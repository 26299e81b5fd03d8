"""What is wrong with a vocabulary, or may be: rules that look at names, meanings and parents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vocab import lint_meanings, lint_names
from vocab.lint_types import Finding, Limits, Material
from vocab.tags import Tag

FloatArray = NDArray[np.float32]
Rule = Callable[[Material, Limits], Iterable[Finding]]


@dataclass(frozen=True)
class Report:
    """What was found, by rule in the order of `RULES`, and why a rule was not followed."""

    findings: tuple[Finding, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)


# The order is that of certainty: what a rule at the top finds is hardly ever meant so.
RULES: dict[str, Rule] = {
    "bracket_name": lint_names.bracket_names,
    "list_name": lint_names.list_names,
    "unknown_pieces": lint_names.unknown_pieces,
    "paused_parent": lint_names.paused_parents,
    "missing_parent": lint_names.missing_parents,
    "orphan": lint_names.orphans,
    "near_synonym": lint_meanings.near_synonyms,
    "ambiguous": lint_meanings.ambiguous_names,
    "far_from_parent": lint_meanings.far_from_parents,
    "far_from_examples": lint_meanings.far_from_examples,
    "fires_often": lint_meanings.fires_often,
}


def lint(
    material: Material, limits: Limits | None = None, rules: Iterable[str] = tuple(RULES)
) -> Report:
    """Follows the rules; slow where tags are many. Raises `KeyError` for a rule that is none."""
    findings: list[Finding] = []
    skipped: dict[str, str] = {}
    for name in rules:
        why = _cannot(name, material)
        if why:
            skipped[name] = why
        else:
            findings.extend(RULES[name](material, limits or Limits()))
    return Report(tuple(findings), skipped)


def _cannot(rule: str, material: Material) -> str:
    """Why a rule cannot be followed here; empty where it can."""
    if rule == "unknown_pieces" and material.unknown is None:
        return "这个模型的分词器不说明哪些字它不认识"
    if rule == "fires_often" and material.rates is None:
        return "没有背景库"
    if rule in lint_meanings.COMPARING and len(material.tags) > lint_meanings.MOST_COMPARED:
        return f"标签多于 {lint_meanings.MOST_COMPARED} 个，逐对比较太慢"
    return ""


def about(report: Report, tag: Tag) -> tuple[Finding, ...]:
    """The findings that concern one tag."""
    return tuple(f for f in report.findings if any(t.id == tag.id for t in f.tags))
