"""A quality report as one page of HTML that asks nothing of any other machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from vocab.quality_plots import histogram, reliability_plot, spread
from vocab.quality_report import LEAST_SHOWN, Figure, Marks, QualityReport, TagReport

STYLE = """
body{font:15px/1.6 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;
color:#0f172a;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid #e2e8f0;text-align:right}
th:first-child,td:first-child{text-align:left}
small,.note{color:#64748b}.plots{display:flex;flex-wrap:wrap;gap:1rem}
figure{margin:0;flex:1 1 320px}svg{width:100%;font-size:11px;fill:#475569}
.big{display:flex;flex-wrap:wrap;gap:1rem}.big div{flex:1 1 150px;border:1px solid #e2e8f0;
border-radius:.5rem;padding:.6rem .9rem}.big b{display:block;font-size:1.5rem}
"""
MARKS = (
    ("micro_precision", "精确率（micro）"),
    ("micro_recall", "召回率（micro）"),
    ("micro_f1", "F1（micro）"),
    ("macro_precision", "精确率（macro）"),
    ("macro_recall", "召回率（macro）"),
    ("macro_f1", "F1（macro）"),
)


def quality_page(report: QualityReport) -> str:
    """The page; well-formed as XML too, so that a test can read it."""
    parts = (_head, _marks, _plots, _tags, _confusions, _left_out)
    return page("图签质量报告", *(part(report) for part in parts))


def page(title: str, *parts: str) -> str:
    """A page of its own: nothing on it asks another machine."""
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )


def _head(report: QualityReport) -> str:
    subject = report.subject
    facts = (
        f"数据集 {subject.dataset}：{report.images} 张图片，{len(report.tags)} 个标签，"
        f"{report.true_pairs} 处为真，{report.unsure_pairs} 处存疑不计。"
        f"模型 {subject.model}（{subject.model_key}），词表版本 {subject.vocabulary_revision}。"
    )
    cards = (
        ("mAP", _percent(report.mean_ap)),
        ("F1（macro，自动阈值）", _percent(report.automatic.macro_f1)),
        ("实际给出的标签的精确率", _percent(report.served.micro_precision)),
        ("校准误差 ECE", _figure(report.ece)),
        ("每张图的标签数", _figure(report.coverage.mean, 1)),
        ("没有标签的图片", _percent(report.coverage.none)),
    )
    shown = "".join(f"<div>{escape(name)}<b>{value}</b></div>" for name, value in cards)
    return (
        f'<h1>图签质量报告</h1><p>{escape(facts)}</p><div class="big">{shown}</div>'
        f'<p class="note">括号里是 95% 区间：对图片做 {report.samples} 次自助抽样'
        f"（种子 {report.seed}）。</p>"
    )


def _marks(report: QualityReport) -> str:
    columns: tuple[Marks, ...] = (report.automatic, report.oracle, report.served)
    rows = [
        [escape(title), *(_percent(getattr(marks, name)) for marks in columns)]
        for name, title in MARKS
    ]
    return (
        "<h2>自动阈值与最优阈值</h2>"
        + table(("", "自动阈值", "最优阈值", "实际给出"), rows)
        + '<p class="note">“最优阈值”事先知道答案，为每个标签取 F1 最高的阈值，'
        "是自动阈值能达到的上限。"
        "“实际给出”在自动阈值之上再去掉重复与同义的标签，每张图最多 10 个。"
        "micro 把所有标签合在一起算，macro 先逐个标签算再平均；"
        "一次也没有给出的标签精确率记为 0。</p>" + _miss_cuts(report)
    )


def _miss_cuts(report: QualityReport) -> str:
    """What to ask for so that few true tags are missed."""
    rows = [
        [f"{float(share):.0%}", "图片太少，无法承诺" if cut is None else f"{cut:.3f}"]
        for share, cut in report.miss_cuts.items()
    ]
    return (
        "<h2>不想漏掉</h2>"
        + table(("平均最多漏掉的正确标签", "min_confidence"), rows)
        + '<p class="note">共形风险控制（arXiv 2208.02814）：流量与这批图片相似时，'
        "按这个 min_confidence 请求，平均每张图漏掉的正确标签不超过左边的比例。</p>"
    )


def _plots(report: QualityReport) -> str:
    figures = (
        (
            reliability_plot(report.reliability),
            f"可靠性：点在虚线上，置信度就说话算话。只看会展示的（置信度不低于 {LEAST_SHOWN:g}"
            "，或实际给出的），每个点的数量相同。",
        ),
        (
            histogram(report.coverage.histogram, "每张图的标签数", "图片数"),
            f"覆盖：整个词表里实际给出的标签；中位数 {report.coverage.median:g} 个。",
        ),
        (
            spread([tag.ap for tag in report.tags], "AP", "标签数"),
            "各标签的 AP：排序好不好，与阈值无关。",
        ),
    )
    shown = "".join(
        f"<figure>{plot}<figcaption><small>{escape(said)}</small></figcaption></figure>"
        for plot, said in figures
    )
    return f'<h2>图</h2><div class="plots">{shown}</div>'


def _tags(report: QualityReport) -> str:
    head = ("标签", "正例", "给出", "AP", "精确率", "召回率", "F1", "最优 F1")
    ranked = sorted(report.tags, key=lambda tag: (math.isnan(tag.ap), -tag.ap))
    return "<h2>逐个标签</h2>" + table(head, [_tag(tag) for tag in ranked])


def _tag(tag: TagReport) -> list[str]:
    numbers = (tag.ap, tag.precision, tag.recall, tag.f1, tag.oracle_f1)
    shown = ("—" if math.isnan(one) else f"{100 * one:.1f}" for one in numbers)
    return [escape(tag.name), str(tag.positives), str(tag.emitted), *shown]


def _confusions(report: QualityReport) -> str:
    """What was taken for what."""
    if not report.confusions:
        return ""
    rows = [
        [escape(one.given), escape(one.meant), str(one.images), str(one.wrong)]
        for one in report.confusions
    ]
    return "<h2>容易混淆的标签</h2><p>同一张图上，前者给错了，而后者该有却没有给出。</p>" + table(
        ("给错的", "该有的", "图片数", "前者给错的总数"), rows
    )


def _left_out(report: QualityReport) -> str:
    """What the figures say nothing of."""
    parts = []
    if report.subject.unknown:
        rows = [[escape(name), str(n)] for name, n in report.subject.unknown.items()]
        parts.append(
            "<h2>词表里没有的标签</h2><p>这些标签没有参与评测（词表里没有，或已停用）。</p>"
            + table(("标签", "出现次数"), rows)
        )
    if report.subject.failed:
        failed = [[escape(name), escape(why)] for name, why in report.subject.failed.items()]
        parts.append("<h2>无法使用的图片</h2>" + table(("文件", "原因"), failed))
    return "".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are HTML already."""
    top = "".join(f"<th>{one}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td>{one}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _percent(figure: Figure) -> str:
    scaled = Figure(100 * figure.value, 100 * figure.low, 100 * figure.high)
    return _figure(scaled, 1, "%")


def _figure(figure: Figure, digits: int = 3, unit: str = "") -> str:
    if math.isnan(figure.value):
        return "—"
    if math.isnan(figure.low):
        return f"{figure.value:.{digits}f}{unit}"
    ends = f"{figure.low:.{digits}f}–{figure.high:.{digits}f}"
    return f"{figure.value:.{digits}f}{unit} <small>（{ends}）</small>"
