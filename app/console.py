"""What the commands show on a terminal: steps with progress, tables, errors with a remedy."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from app.api.problems import problem_of
from app.doctor import Finding
from app.encoders.catalog import Model, missing_packages
from app.tagger import Problem, Tagged
from vocab.comparison import Comparison
from vocab.comparison_page import TITLES, verdict_on

# What a log gets of a long step.
SECONDS_BETWEEN_LINES = 60.0


class Steps:
    """A `Report` that shows each long step on a line, with a bar where it can be counted.

    On something other than a terminal a counted step has one line when it begins and one when
    it ends, so that a log stays short.
    """

    def __init__(self, console: Console):
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._said: set[str] = set()
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Leaves the bars as they are and draws no more; calling it twice does nothing."""
        self._progress.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Shows that `done` of `total` is done; 0 of 0 is a step nobody can count."""
        if total <= 0:
            self._say(step, "…")
            return
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(escape(step), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)
        if not self._console.is_terminal:
            self._say(step, f"（共 {total}）…")
            if done >= total:
                self._say(step, "：完成")

    def _say(self, step: str, more: str) -> None:
        """A line, once."""
        line = f"· {step}{more}"
        if line not in self._said:
            self._said.add(line)
            self._console.print(line, highlight=False, markup=False)


class Pace:
    """A bar with the rate and the time left, for one long step over images.

    On something other than a terminal it says how far it is once a minute.
    """

    def __init__(self, console: Console, step: str, done: int, total: int | None):
        """`done` were done before; without a `total` there is no telling how long it takes."""
        self._console = console
        self._total = total
        self._before, self._since = done, time.monotonic()
        self._said = self._since
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(escape(step), total=total, completed=done)

    def __enter__(self) -> Pace:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: int) -> None:
        """Shows that `done` are done."""
        self._progress.update(self._task, completed=done)
        now = time.monotonic()
        if self._console.is_terminal or now - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = now
        rate = (done - self._before) / (now - self._since)
        of = f" / {self._total}" if self._total else ""
        left = f"，约剩 {(self._total - done) / rate / 60:.0f} 分钟" if self._total and rate else ""
        self._console.print(f"· {done}{of} 张，{rate:.1f} 张/秒{left}", highlight=False)


class RateColumn(ProgressColumn):
    """Images a second, lately."""

    def render(self, task: Task) -> Text:
        """The rate of a task, once it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} 张/秒")


def show_error(console: Console, error: Exception) -> None:
    """An error as title, sentence and remedy."""
    problem = problem_of(error)
    console.print(
        f"[bold red]{problem['title']}[/]：{escape(problem['detail'])}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"  解决办法：{escape(problem['remedy'])}", highlight=False, soft_wrap=True)


def tag_table(results: list[tuple[str, Tagged | Problem]]) -> Table:
    """One row a photo: its tags with their confidences, or the nearest misses, or the error."""
    table = Table(show_lines=True)
    table.add_column("图片", overflow="fold")
    table.add_column("标签（置信度）")
    for name, result in results:
        table.add_row(escape(name), _cell(result))
    return table


def _cell(result: Tagged | Problem) -> str:
    if isinstance(result, Problem):
        problem = problem_of(result.error)
        return f"[red]{problem['title']}[/]：{escape(problem['detail'])}"
    if result.tags:
        return "  ".join(f"[bold]{escape(h.tag.name)}[/] {h.confidence:.2f}" for h in result.tags)
    near = "  ".join(f"{escape(h.tag.name)} {h.confidence:.2f}" for h in result.nearest_misses)
    return f"[dim]没有达到阈值的标签；最接近：{near}[/]"


def model_table(models: tuple[Model, ...], current: str) -> Table:
    """The catalogue, with what each model needs."""
    table = Table()
    table.add_column("模型", no_wrap=True)
    for column in ("说明", "许可", "状态"):
        table.add_column(column, overflow="fold")
    for model in models:
        ready = "可用" if not missing_packages(model) else "需要 make install-clip"
        mark = "（当前）" if model.name == current else ""
        table.add_row(f"[bold]{model.name}[/]{mark}", model.description, model.licence, ready)
    return table


def finding_table(findings: tuple[Finding, ...]) -> Table:
    """The facts, with a remedy under each that is wrong."""
    table = Table(show_header=False)
    for finding in findings:
        mark = "[red]✗[/]" if finding.remedy else "[green]✓[/]"
        remedy = f"\n[yellow]{escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(mark, finding.name, escape(finding.value) + remedy)
    return table


def comparison_table(found: Comparison) -> Table:
    """The figures of two runs side by side, and what can be said of the difference."""
    table = Table("指标", "之前", "之后", "差", "95% 区间", "结论")
    for one in found.figures:
        ends = f"{one.difference.low:+.4f} 至 {one.difference.high:+.4f}"
        table.add_row(
            TITLES[one.name],
            f"{one.before:.4f}",
            f"{one.after:.4f}",
            f"{one.difference.value:+.4f}",
            ends,
            verdict_on(one),
        )
    return table
