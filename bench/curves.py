"""A drawing of two curves over one threshold, as SVG: what is found, and what is found wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 56, 34, 44
GREEN, RED, GREY = "#15803d", "#b91c1c", "#64748b"
TICKS = 5


@dataclass(frozen=True)
class Curve:
    """One line: its name, its values over the thresholds, and the value at the top."""

    name: str
    values: Sequence[float]
    top: float
    form: str = "{:.0f}"


def drawing(
    title: str, across: str, xs: Sequence[float], good: Curve, bad: Curve, chosen: float
) -> str:
    """An SVG file: `good` on the left axis, `bad` on the right, a line at the `chosen` x."""
    low, high = xs[0], xs[-1]

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float, top: float) -> float:
        return HEIGHT - BOTTOM - min(1.0, value / top) * (HEIGHT - TOP - BOTTOM)

    def line(curve: Curve, colour: str) -> str:
        pairs = zip(xs, curve.values, strict=True)
        points = " ".join(f"{x(one):.1f},{y(value, curve.top):.1f}" for one, value in pairs)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'

    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 18, title, "middle", "#0f172a"),
        _text(WIDTH / 2, HEIGHT - 8, across, "middle", GREY),
    ]
    for step in range(TICKS + 1):
        part = step / TICKS
        height = y(part, 1.0)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" '
            'stroke="#e2e8f0"/>'
        )
        parts.append(_text(LEFT - 6, height + 4, good.form.format(part * good.top), "end", GREEN))
        right = bad.form.format(part * bad.top)
        parts.append(_text(WIDTH - RIGHT + 6, height + 4, right, "start", RED))
        at = low + part * (high - low)
        parts.append(_text(x(at), HEIGHT - BOTTOM + 16, f"{at:.4g}", "middle", GREY))
    parts += [line(good, GREEN), line(bad, RED)]
    parts.append(
        f'<line x1="{x(chosen):.1f}" x2="{x(chosen):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
        'stroke="#0f172a" stroke-dasharray="4 3"/>'
    )
    parts.append(_text(x(chosen) + 4, TOP + 10, f"{chosen:g}", "start", "#0f172a"))
    parts.append(_text(LEFT + 4, TOP - 4, good.name, "start", GREEN))
    parts.append(_text(WIDTH - RIGHT - 4, TOP - 4, bad.name, "end", RED))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11" role="img" aria-label="{escape(title)}">\n'
        f"{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )
