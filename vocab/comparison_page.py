"""A comparison of two evaluations as one page of HTML that asks nothing of any other machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from vocab.comparison import NEITHER, SIGNIFICANT, Change, Comparison, TagChange, Verdict
from vocab.quality_page import page, table

TITLES = {
    "mean_ap": "mAP",
    "macro_f1": "F1（macro，自动阈值）",
    "micro_precision": "精确率（micro，实际给出）",
    "micro_recall": "召回率（micro，实际给出）",
    "micro_f1": "F1（micro，实际给出）",
    "ece": "校准误差 ECE（越小越好）",
    "tags_per_image": "每张图的标签数",
    "without_tags": "没有标签的图片的比例",
}
SAID: dict[Verdict, str] = {"better": "变好", "worse": "变差", "unclear": "看不出差别"}
LISTED = 200


def comparison_page(found: Comparison, before: str, after: str) -> str:
    """The page; `before` and `after` say what was compared."""
    return page(
        "图签评测比较",
        _head(found, before, after),
        _figures(found.figures),
        _tags(found.tags),
        _left_out(found),
    )


def conclusion(found: Comparison) -> str:
    """One sentence: what can be said, and what cannot."""
    better, worse = _of(found.tags, "better"), _of(found.tags, "worse")
    overall = [
        f"{TITLES[one.name]}{SAID[one.verdict]}"
        for one in found.figures
        if one.verdict != "unclear"
    ]
    said = "、".join(overall) if overall else "总体指标看不出差别"
    return f"{said}；{len(better)} 个标签显著变好，{len(worse)} 个显著变差。"


def verdict_on(one: Change) -> str:
    """What is said of a figure; of how many tags there are, nothing."""
    return "—" if one.name in NEITHER else SAID[one.verdict]


def _head(found: Comparison, before: str, after: str) -> str:
    facts = (
        f"之前：{before}。之后：{after}。共同的图片 {found.images} 张，共同的标签 "
        f"{found.tags_compared} 个；有 {found.turned} 处只有一次给出。"
    )
    note = (
        f"两次评测对同样的图片一起做自助抽样（标签 {found.samples} 次，种子 {found.seed}），"
        f"p 小于 {SIGNIFICANT:g} 才算有差别。逐个标签的 p 已按 Holm 法校正多重比较；"
        "总体指标各自检验，没有校正。"
    )
    return (
        f"<h1>图签评测比较</h1><p>{escape(facts)}</p>"
        f"<p><b>{escape(conclusion(found))}</b></p>"
        f'<p class="note">{escape(note)}</p>'
    )


def _figures(figures: Sequence[Change]) -> str:
    rows = [
        [
            escape(TITLES[one.name]),
            _number(one.before),
            _number(one.after),
            _number(one.difference.value, signed=True),
            f"{_number(one.difference.low, signed=True)} 至 "
            f"{_number(one.difference.high, signed=True)}",
            f"{one.p:.4f}",
            verdict_on(one),
        ]
        for one in figures
    ]
    head = ("", "之前", "之后", "差", "95% 区间", "p", "结论")
    return "<h2>总体</h2>" + table(head, rows)


def _tags(tags: Sequence[TagChange]) -> str:
    rows = [
        [
            escape(one.name),
            str(one.positives),
            _number(one.before),
            _number(one.after),
            _number(one.difference.value, signed=True),
            f"{one.p:.4f}",
            f"{one.adjusted:.4f}",
            SAID[one.verdict],
        ]
        for one in tags[:LISTED]
        if one.before != one.after
    ]
    if not rows:
        return "<h2>逐个标签</h2><p>没有一个标签的 F1 有变化。</p>"
    head = ("标签", "正例", "F1 之前", "F1 之后", "差", "p", "校正后", "结论")
    return "<h2>逐个标签（自动阈值的 F1，变化最确定的在前）</h2>" + table(head, rows)


def _left_out(found: Comparison) -> str:
    """What the figures say nothing of."""
    parts = [
        f"<p>{title}：{escape('、'.join(names))}</p>"
        for title, names in (
            ("只有之前有的标签", found.only_before),
            ("只有之后有的标签", found.only_after),
        )
        if names
    ]
    if found.disagreeing:
        parts.append(f"<p>{found.disagreeing} 处两次的标注不一致，没有参与比较。</p>")
    return "<h2>没有比较的</h2>" + "".join(parts) if parts else ""


def _of(tags: Sequence[TagChange], verdict: Verdict) -> list[TagChange]:
    return [one for one in tags if one.verdict == verdict]


def _number(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "—"
    return f"{value:+.4f}" if signed else f"{value:.4f}"
