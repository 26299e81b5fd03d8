"""The closing words of `tuqian run`."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.pipeline.summary import Summary

MOST_TAGS = 10


def show_summary(console: Console, summary: Summary, skipped: int) -> None:
    """Counts, the rate, the most frequent tags, and the failures by their reason."""
    facts = Table(show_header=False)
    facts.add_row("图片", f"{summary.images}（失败 {summary.failed}）")
    if summary.before:
        facts.add_row("其中上次已完成", str(summary.before))
    facts.add_row("用时", f"{summary.seconds:.1f} 秒，每秒 {summary.rate:.1f} 张")
    facts.add_row("没有标签的", str(summary.untagged))
    if summary.compared:
        facts.add_row("近重复", f"{summary.groups} 组，多余的 {summary.copies} 张")
    if skipped:
        facts.add_row("略过", f"{skipped} 个文件名不像图片的文件")
    tags = summary.tags.most_common(MOST_TAGS)
    facts.add_row("最常见的标签", "  ".join(f"{escape(name)} {count}" for name, count in tags))
    console.print(facts)
    if not summary.failures:
        return
    failures = Table("失败原因", "张数", "例子")
    for code, count in summary.failures.most_common():
        name, detail = summary.examples[code]
        failures.add_row(code, str(count), escape(f"{name}：{detail}"))
    console.print(failures)
