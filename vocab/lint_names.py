"""Rules that look at names and parents alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vocab.lint_types import Finding, Limits, Material
from vocab.names import name_key
from vocab.tags import Tag

BRACKETS = re.compile(r"[()（）\[\]【】〔〕{}<>〈〉]")
# 或 and 以及 join wherever they stand between words; 和, 与 and 及 are parts of words too (和服,
# 参与者, 普及版), so they must have two characters on either side.
SEPARATORS = re.compile(
    r"[、，,;；/／|｜]|(?<=[\u4e00-\u9fff])(?:或者?|以及)(?=[\u4e00-\u9fff])"
    r"|(?<=[\u4e00-\u9fff]{2})[和与及](?=[\u4e00-\u9fff]{2})"
)


def bracket_names(material: Material, limits: Limits) -> Iterator[Finding]:
    """Names with brackets, which no caption has: 乳头（瓶）."""
    for tag in material.tags:
        if BRACKETS.search(tag.name):
            yield Finding(
                "bracket_name",
                (tag,),
                f"“{tag.name}”带括号，图片描述里没有人这样写",
                "括号里的内容移到说明或类别，名称写成人们会说的词。",
            )


def list_names(material: Material, limits: Limits) -> Iterator[Finding]:
    """Names that are several names."""
    for tag in material.tags:
        if SEPARATORS.search(tag.name):
            yield Finding(
                "list_name",
                (tag,),
                f"“{tag.name}”像是几个名称写在一起",
                "拆成几个标签，或一个作名称、其余作别名。",
            )


def unknown_pieces(material: Material, limits: Limits) -> Iterator[Finding]:
    """Names of which the model reads a part as 'something unknown'."""
    if material.unknown is None:
        return
    for tag in material.tags:
        if unknown := material.unknown(tag.name):
            yield Finding(
                "unknown_pieces",
                (tag,),
                f"“{tag.name}”里模型不认识：{'、'.join(unknown)}",
                "换一个常用的写法，或添加示例图。",
            )


def paused_parents(material: Material, limits: Limits) -> Iterator[Finding]:
    """Tags below a parent that takes no part."""
    for tag in material.tags:
        for parent in tag.parents:
            if parent not in material.rows:
                known = material.by_id.get(parent)
                name = known.name if known else parent
                yield Finding(
                    "paused_parent",
                    (tag, *((known,) if known else ())),
                    f"“{tag.name}”的上级“{name}”已停用，不会出现在结果里",
                    "启用上级，或换一个上级。",
                )


def missing_parents(material: Material, limits: Limits) -> Iterator[Finding]:
    """Names that end with another tag's name and are not below it: 柴犬 and 犬.

    In Chinese the head of a noun stands last. Only what is a parent already, and of the tag's own
    category, counts as a head: 弹吉他 is no 吉他.
    """
    heads = {name_key(t.name): t for t in material.tags if t.id in material.with_children}
    for tag in material.tags:
        key = name_key(tag.name)
        head = next((heads[key[at:]] for at in range(1, len(key)) if key[at:] in heads), None)
        if head is None or head.category != tag.category:
            continue
        if not _related(material, tag, head):
            yield Finding(
                "missing_parent",
                (tag, head),
                f"“{tag.name}”看起来是一种“{head.name}”，但没有归在它下面",
                f"若确实如此，把“{head.name}”设为上级。",
            )


def orphans(material: Material, limits: Limits) -> Iterator[Finding]:
    """Tags that hang together with nothing: no category, no parent, no child."""
    for tag in material.tags:
        if not tag.category and not tag.parents and tag.id not in material.with_children:
            yield Finding(
                "orphan",
                (tag,),
                f"“{tag.name}”没有类别，也没有上下级",
                "给它一个类别或上级，方便筛选。",
            )


def _related(material: Material, tag: Tag, head: Tag) -> bool:
    return head.id in material.ancestors(tag) or tag.id in material.ancestors(head)
