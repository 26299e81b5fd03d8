"""Rules that compare what names mean to the model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vocab.lint_types import Finding, Limits, Material
from vocab.names import name_key
from vocab.tags import Tag

FloatArray = NDArray[np.float32]

# Every tag with every other: beyond this it takes minutes.
MOST_COMPARED = 20_000
COMPARING = ("near_synonym", "far_from_examples")
ROWS_A_STEP = 1_024
# A rank says something only among enough others.
FEWEST_PARENTS = 8


def near_synonyms(material: Material, limits: Limits) -> Iterator[Finding]:
    """Pairs the model can hardly tell apart, each once; a tag and its ancestor may be close."""
    centred = material.centred
    for at in range(0, len(centred), ROWS_A_STEP):
        similarities = centred[at : at + ROWS_A_STEP] @ centred.T
        for i, j in np.argwhere(similarities >= limits.synonym):
            one, other = material.tags[at + i], material.tags[j]
            if j <= at + i or _related(material, one, other):
                continue
            yield Finding(
                "near_synonym",
                (one, other),
                f"“{one.name}”与“{other.name}”对模型来说几乎是一个意思",
                "合并成一个标签，另一个作别名；或改写其中一个的提示模板。",
                float(similarities[i, j]),
            )


def ambiguous_names(material: Material, limits: Limits) -> Iterator[Finding]:
    """One name for two things: held by a paused tag too, or with an alias that means another."""
    paused = {name_key(name): tag for tag in material.paused for name in (tag.name, *tag.aliases)}
    for row, tag in enumerate(material.tags):
        other = paused.get(name_key(tag.name))
        if other is not None:
            yield Finding(
                "ambiguous",
                (tag, other),
                f"“{tag.name}”也是停用标签“{other.name}”（{other.category or '无类别'}）的名称",
                "两者意思不同时，把名称写得更具体。",
            )
        if tag.id not in material.aliases:
            continue
        close = material.centre(material.aliases[tag.id]) @ material.centred[row]
        far = int(np.argmin(close))
        if close[far] < limits.alias:
            yield Finding(
                "ambiguous",
                (tag,),
                f"“{tag.name}”与它的别名“{tag.aliases[far]}”在模型看来是两回事",
                "拆成两个标签，或把名称写得更具体，例如“苹果（水果）”写成“红苹果”。",
                float(close[far]),
            )


def far_from_parents(material: Material, limits: Limits) -> Iterator[Finding]:
    """Tags to whose meaning many other parents are nearer than any of their own: 红太狼 and 狼."""
    parents = [row for row, tag in enumerate(material.tags) if tag.id in material.with_children]
    if len(parents) < FEWEST_PARENTS:
        return
    place = {row: at for at, row in enumerate(parents)}
    for row, tag in enumerate(material.tags):
        above = {material.rows[i] for i in material.ancestors(tag) if i in material.rows}
        own = [place[r] for r in above if r in place]
        if not own:
            continue
        close = material.centred[parents] @ material.centred[row]
        best = own[int(np.argmax(close[own]))]
        others = np.asarray([p not in own and parents[p] != row for p in range(len(parents))])
        share = float((close[others] > close[best]).sum() / max(1, others.sum()))
        if share > limits.parent_share:
            yield Finding(
                "far_from_parent",
                (tag, material.tags[parents[best]]),
                f"“{tag.name}”的意思离上级“{material.tags[parents[best]].name}”很远："
                f"{share:.0%} 的其他上级都比它近",
                "检查名称有没有写错，或者上级有没有设错。",
                share,
            )


def far_from_examples(material: Material, limits: Limits) -> Iterator[Finding]:
    """Tags whose example images look more like many other tags."""
    for tag_id, mean in material.examples.items():
        row = material.rows.get(tag_id)
        if row is None or len(material.tags) < 1 / limits.example_share:
            continue
        # Each tag is measured against what the probes would say of the image.
        close = material.vectors @ mean - material.probe_mean @ mean
        share = float((close > close[row]).sum() / (len(close) - 1))
        if share > limits.example_share:
            nearest = material.tags[int(np.argmax(close))]
            yield Finding(
                "far_from_examples",
                (material.tags[row], nearest),
                f"“{material.tags[row].name}”的示例图更像“{nearest.name}”等 {share:.0%} 的标签",
                "检查名称有没有写错，或者示例图有没有传错。",
                share,
            )


def fires_often(material: Material, limits: Limits) -> Iterator[Finding]:
    """Tags that fire on far more background images than they should."""
    if material.rates is None:
        return
    line = limits.target_rate * limits.rate_factor
    for row in np.flatnonzero(material.rates > line):
        tag, rate = material.tags[row], float(material.rates[row])
        yield Finding(
            "fires_often",
            (tag,),
            f"“{tag.name}”命中 {rate:.0%} 的背景图片，远多于应有的 {limits.target_rate:.0%}",
            "名称写得更具体，提高阈值，或添加示例图。",
            rate,
        )


def _related(material: Material, one: Tag, other: Tag) -> bool:
    return other.id in material.ancestors(one) or one.id in material.ancestors(other)
