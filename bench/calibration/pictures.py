"""The two pictures of docs/concepts/thresholds.md, from the 252 completely labelled photos.

Why: an operator believes a picture sooner than a formula. What is right: the same held-out
readings as the table's.

    python -m bench.calibration.pictures [--data ../shared/data] [--cache DIR] [--out DIR]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.scoring import score_model_of
from bench.calibration.arguments import parser_of
from bench.calibration.fit import ground
from bench.calibration.measures import Bools, Floats
from bench.calibration.table import Read, other_tags, with_labels
from bench.calibration.truth import complete

SHOWN = ("狗", "室外", "男人", "草地", "球", "雪", "自行车", "小孩")
BLUE, GREY, INK = "#2563eb", "#94a3b8", "#0f172a"
FONT = 'font-family="sans-serif" font-size="13"'


def svg(width: int, height: int, parts: Sequence[str]) -> str:
    """A picture on white, so that it can be read on a dark page too."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>'
        f'<rect width="{width}" height="{height}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    """Words at a place."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def bar(low: float, high: float, y: float, colour: str) -> str:
    """A thick line from one place to another."""
    return (
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"'
        ' stroke-width="7" stroke-linecap="round"/>'
    )


def panel(
    title: str, values: Floats, truth: Bools, names: Sequence[str], left: float, reach: float
) -> list[str]:
    """One bar for the photos without a tag and one for those with it: the middle 80 %."""
    low, high = float(np.quantile(values, 0.02)), float(np.quantile(values, 0.995))

    def across(value: float) -> float:
        return left + reach * (min(max(value, low), high) - low) / (high - low)

    parts = [text(left, 24, title)]
    for row, name in enumerate(names):
        y = 54 + 34 * row
        if left < 100:
            parts.append(text(left - 12, y + 6, name, "end"))
        for up, chosen, colour in ((-4, ~truth[:, row], GREY), (6, truth[:, row], BLUE)):
            ends = np.quantile(values[chosen, row], [0.1, 0.9])
            parts.append(bar(across(ends[0]), across(ends[1]), y + up, colour))
    for tick in np.linspace(low, high, 4):
        parts.append(text(across(tick), 54 + 34 * len(names) + 4, f"{tick:.2f}", "middle", GREY))
    return parts


def levels(cosines: Floats, confidences: Floats, truth: Bools, names: Sequence[str]) -> str:
    """Raw similarities beside confidences of the same photos and tags."""
    parts = panel("原始相似度", cosines, truth, names, 76, 280)
    parts += panel("置信度", confidences, truth, names, 400, 280)
    y = 54 + 34 * len(names) + 30
    parts += [bar(76, 100, y - 4, GREY), text(110, y, "没有这个标签的照片（中间 80%）")]
    parts += [bar(400, 424, y - 4, BLUE), text(434, y, "有这个标签的照片（中间 80%）")]
    return svg(700, y + 16, parts)


def reliability(cases: Sequence[tuple[str, str, Read]], truth: Bools, counted: Bools) -> str:
    """What was said against what was true, in ten bins of equal mass from 0.05 upwards."""
    parts = [
        '<line x1="60" y1="340" x2="360" y2="40" stroke="#94a3b8" stroke-dasharray="4 4"/>',
        *(text(60 + 300 * t, 360, f"{t:g}", "middle", GREY) for t in (0, 0.25, 0.5, 0.75, 1)),
        *(text(52, 344 - 300 * t, f"{t:g}", "end", GREY) for t in (0.25, 0.5, 0.75, 1)),
        text(210, 382, "说的：置信度", "middle"),
        text(60, 28, "实际：正确的比例"),
    ]
    for at, (name, colour, found) in enumerate(cases):
        shown = counted & (found.confidences >= 0.05)
        said, right = found.confidences[shown], truth[shown]
        for part in np.array_split(np.argsort(said, kind="stable"), 12):
            x, y = 60 + 300 * said[part].mean(), 340 - 300 * right[part].mean()
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        parts.append(f'<circle cx="392" cy="{70 + 26 * at}" r="5" fill="{colour}"/>')
        parts.append(text(404, 75 + 26 * at, name))
    return svg(640, 396, parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/concepts"))
    given = parser.parse_args(arguments)
    stand = ground(given.data, given.cache)
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    known = with_labels(stand, score_model_of(stand.encoder), truth)
    new = other_tags(stand, truth)
    names = [stand.names.tags[row].name for row in truth.rows]
    columns: NDArray[np.int64] = np.asarray([names.index(n) for n in SHOWN if n in names])
    cosines = truth.vectors @ stand.tags[truth.rows].T
    (given.out / "levels.svg").write_text(
        levels(
            cosines[:, columns],
            known.confidences[:, columns],
            truth.truth[:, columns],
            [names[column] for column in columns],
        ),
        encoding="utf-8",
    )
    cases = [("从未标注过的标签", BLUE, new), ("有标注的标签", "#059669", known)]
    (given.out / "reliability.svg").write_text(
        reliability(cases, truth.truth, truth.counted), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
