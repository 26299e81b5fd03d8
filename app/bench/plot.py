"""The measurements as a PNG, drawn with Pillow: no plotting library is in the base install."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.bench.samples import Measured

WIDTH, HEIGHT, MARGIN = 560, 380, 60
INK, FAINT = (40, 40, 40), (222, 222, 222)
COLOURS = ((28, 100, 190), (210, 90, 30), (40, 140, 70), (140, 60, 150), (120, 120, 20))


@dataclass(frozen=True)
class Line:
    """Points `(x, y)` under a name; x are shown as labels at equal distances."""

    name: str
    points: tuple[tuple[str, float], ...]


def write_plot(found: Sequence[Measured], path: Path) -> None:
    """Four panels: encode by batch, decode, search by tags, end to end by clients."""
    panels = (
        ("encode (images/s) by batch", _lines(found, "encode", "runtime", "batch")),
        ("decode (ms)", _lines(found, "decode", None, "mode")),
        ("search + calibrate 32 images (ms) by tags", _lines(found, "search", None, "tags")),
        ("end to end (images/s) by clients", _lines(found, "end_to_end", None, "clients")),
    )
    whole = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "white")
    for number, (title, lines) in enumerate(panels):
        place = (number % 2 * WIDTH, number // 2 * HEIGHT)
        whole.paste(_panel(title, lines), place)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path)


def _lines(found: Sequence[Measured], case: str, by: str | None, along: str) -> list[Line]:
    groups: dict[str, list[tuple[str, float]]] = {}
    for one in found:
        if one.case == case and one.samples:
            name = str(one.parameters[by]) if by else case
            groups.setdefault(name, []).append((str(one.parameters[along]), one.median))
    return [Line(name, tuple(points)) for name, points in groups.items()]


def _panel(title: str, lines: Sequence[Line]) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    draw.text((MARGIN, 14), title, fill=INK, font=font)
    if not lines:
        draw.text((MARGIN, HEIGHT // 2), "not measured", fill=INK, font=font)
        return image
    labels = list(dict.fromkeys(x for line in lines for x, _ in line.points))
    top = max(y for line in lines for _, y in line.points) or 1.0
    low, high = HEIGHT - MARGIN, MARGIN

    def place(x: str, y: float) -> tuple[float, float]:
        step = (WIDTH - 2 * MARGIN) / max(1, len(labels) - 1)
        return MARGIN + labels.index(x) * step, low - (low - high) * y / top

    for quarter in range(5):
        y = top * quarter / 4
        _, at = place(labels[0], y)
        draw.line((MARGIN, at, WIDTH - MARGIN, at), fill=FAINT)
        draw.text((8, at - 8), f"{y:.3g}", fill=INK, font=font)
    for label in labels:
        draw.text((place(label, 0)[0] - 10, low + 8), label, fill=INK, font=font)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(x, y) for x, y in line.points]
        draw.line(points, fill=colour, width=2)
        for x, y in points:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        draw.text((MARGIN + 6 + 110 * number, 34), line.name, fill=colour, font=font)
    return image
