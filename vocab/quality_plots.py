"""The pictures of a quality report: small SVG texts, without a library and without a request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from vocab.evaluation import Reliability

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 14, 44
BLUE, GREY = "#2563eb", "#94a3b8"


def reliability_plot(bins: Reliability) -> str:
    """What a confidence promised against what it kept; on the diagonal a promise is kept."""
    largest = bins.count.max() if len(bins.count) else 1.0
    diagonal = f'<line {_ends(_x(0), _y(0), _x(1), _y(1))} stroke="{GREY}" stroke-dasharray="4 4"/>'
    dots = [
        f'<circle cx="{_x(said):.1f}" cy="{_y(kept):.1f}" r="{3 + 3 * count / largest:.1f}" '
        f'fill="{BLUE}" fill-opacity="0.8"><title>置信度 {said:.2f}，实际 {kept:.2f}，'
        f"{count:.0f} 对</title></circle>"
        for said, kept, count in zip(bins.confidence, bins.precision, bins.count, strict=True)
    ]
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    return _svg(
        "可靠性：置信度与实际正确率",
        _axes("平均置信度", "实际正确率", [(t, f"{t:g}") for t in ticks], ticks, 1.0),
        diagonal,
        *dots,
    )


def histogram(counts: Sequence[int], across: str, up: str) -> str:
    """One bar for 0, 1, 2, ... things: how many images have that many."""
    top = float(max(counts, default=0) or 1)
    width = 1 / max(1, len(counts))
    bars = [
        _bar(place * width, width * 0.85, count / top, f"{place}：{count}")
        for place, count in enumerate(counts)
    ]
    every = max(1, len(counts) // 10)
    labels = [((place + 0.425) * width, str(place)) for place in range(0, len(counts), every)]
    return _svg(f"{up}，按{across}", _axes(across, up, labels, _steps(top), top), *bars)


def spread(values: Sequence[float], across: str, up: str) -> str:
    """How values in [0, 1] lie: ten bars of equal width."""
    counts, _ = np.histogram([v for v in values if np.isfinite(v)], bins=10, range=(0, 1))
    top = float(counts.max() or 1)
    bars = [
        _bar(place / 10, 0.085, count / top, f"{place / 10:.1f}–{(place + 1) / 10:.1f}：{count}")
        for place, count in enumerate(counts)
    ]
    labels = [(t, f"{t:g}") for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    return _svg(f"{up}，按{across}", _axes(across, up, labels, _steps(top), top), *bars)


def _svg(title: str, *parts: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _axes(
    across: str,
    up: str,
    labels: Sequence[tuple[float, str]],
    steps: Sequence[float],
    top: float,
) -> str:
    """Both axes with their names; `labels` lie on [0, 1] across, `steps` on [0, top] upwards."""
    parts = [
        f'<line {_ends(LEFT, _y(step / top), WIDTH - RIGHT, _y(step / top))} stroke="#e2e8f0"/>'
        f'<text x="{LEFT - 6}" y="{_y(step / top) + 4:.1f}" text-anchor="end">{step:g}</text>'
        for step in steps
    ]
    parts += [
        f'<text x="{_x(place):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
        f"{escape(label)}</text>"
        for place, label in labels
    ]
    middle = (HEIGHT - BOTTOM + TOP) / 2
    parts.append(
        f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="12" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {middle:.1f})">{escape(up)}</text>'
    )
    return "".join(parts)


def _bar(start: float, width: float, height: float, said: str) -> str:
    """A bar over [start, start + width] of [0, 1] across, `height` of the whole height."""
    across = (WIDTH - LEFT - RIGHT) * width
    return (
        f'<rect x="{_x(start):.1f}" y="{_y(height):.1f}" width="{across:.1f}" '
        f'height="{_y(0) - _y(height):.1f}" fill="{BLUE}"><title>{escape(said)}</title></rect>'
    )


def _steps(top: float) -> list[float]:
    """A few round numbers from 0 to `top`."""
    step = 10.0 ** np.floor(np.log10(max(top, 1.0)))
    while top / step < 3 and step > 1:
        step /= 2 if top / step >= 1.5 else 5
    return [float(one) for one in np.arange(0, top + 1e-9, max(1.0, np.floor(step)))]


def _ends(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * float(share)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * float(share)
