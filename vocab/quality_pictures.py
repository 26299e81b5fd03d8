"""The pictures of a quality report as PNG files, for slides and chats that show no SVG.

Their labels are English: the font that comes with Pillow has no Chinese.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from vocab.comparison import Comparison
from vocab.evaluation import Reliability
from vocab.quality_report import QualityReport

WIDTH, HEIGHT = 840, 600
LEFT, RIGHT, TOP, BOTTOM = 96, 24, 48, 88
BLUE, RED, GREY, INK, RULE = "#2563eb", "#dc2626", "#94a3b8", "#0f172a", "#e2e8f0"
FONT_SIZE = 20


def quality_pictures(report: QualityReport) -> dict[str, bytes]:
    """PNG bytes by file name."""
    return {
        "reliability.png": _reliability(report.reliability),
        "coverage.png": _bars(
            "Tags per image",
            "tags",
            "images",
            [str(many) for many in range(len(report.coverage.histogram))],
            report.coverage.histogram,
        ),
        "ap.png": _average_precision([tag.ap for tag in report.tags]),
    }


def comparison_picture(found: Comparison) -> bytes:
    """F1 of every tag before, across, and after, upwards: above the diagonal it got better."""
    title = "F1 by tag: blue better, red worse, grey unclear"
    image, draw = _canvas(title, "before", "after")
    for step in (0.0, 0.25, 0.5, 0.75, 1.0):
        _label_up(draw, step, f"{step:g}")
        _label_across(draw, step, f"{step:g}")
    draw.line([_at(0, 0), _at(1, 1)], fill=GREY, width=2)
    colours = {"better": BLUE, "worse": RED, "unclear": GREY}
    for one in sorted(found.tags, key=lambda one: -one.adjusted):
        x, y = _at(one.before, one.after)
        draw.ellipse([x - 6, y - 6, x + 6, y + 6], fill=colours[one.verdict])
    return _png(image)


def _reliability(bins: Reliability) -> bytes:
    image, draw = _canvas("Reliability: confidence against precision", "confidence", "precision")
    for step in (0.0, 0.25, 0.5, 0.75, 1.0):
        _label_up(draw, step, f"{step:g}")
        _label_across(draw, step, f"{step:g}")
    draw.line([_at(0, 0), _at(1, 1)], fill=GREY, width=2)
    for said, kept in zip(bins.confidence, bins.precision, strict=True):
        x, y = _at(said, kept)
        draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill=BLUE)
    return _png(image)


def _average_precision(values: Sequence[float]) -> bytes:
    counts, _ = np.histogram([v for v in values if np.isfinite(v)], bins=10, range=(0, 1))
    names = [f"{place / 10:.1f}" for place in range(10)]
    return _bars("Average precision of tags", "AP", "tags", names, counts.tolist())


def _bars(title: str, across: str, up: str, names: Sequence[str], counts: Sequence[int]) -> bytes:
    image, draw = _canvas(title, across, up)
    top = max(max(counts, default=0), 1)
    _label_up(draw, 0.0, "0")
    _label_up(draw, 1.0, str(top))
    width = 1 / max(1, len(counts))
    every = max(1, len(counts) // 12)
    for place, (name, count) in enumerate(zip(names, counts, strict=True)):
        left, low = _at(place * width + 0.1 * width, 0)
        right, high = _at(place * width + 0.9 * width, count / top)
        draw.rectangle([left, high, right, low], fill=BLUE)
        if place % every == 0:
            _label_across(draw, (place + 0.5) * width, name)
    return _png(image)


def _canvas(title: str, across: str, up: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([*_at(0, 1), *_at(1, 0)], outline=RULE, width=2)
    draw.text((LEFT, 12), title, fill=INK, font_size=FONT_SIZE)
    draw.text((WIDTH / 2, HEIGHT - 32), across, fill=INK, font_size=FONT_SIZE, anchor="mm")
    draw.text((12, TOP - 8), up, fill=INK, font_size=FONT_SIZE, anchor="lb")
    return image, draw


def _label_up(draw: ImageDraw.ImageDraw, share: float, text: str) -> None:
    x, y = _at(0, share)
    draw.text((x - 10, y), text, fill=INK, font_size=FONT_SIZE, anchor="rm")


def _label_across(draw: ImageDraw.ImageDraw, share: float, text: str) -> None:
    x, y = _at(share, 0)
    draw.text((x, y + 10), text, fill=INK, font_size=FONT_SIZE, anchor="mt")


def _at(across: float, up: float) -> tuple[float, float]:
    """Shares of the plot's width and height, from its lower left corner, to pixels."""
    x = LEFT + (WIDTH - LEFT - RIGHT) * float(across)
    return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * float(up)


def _png(image: Image.Image) -> bytes:
    kept = io.BytesIO()
    image.save(kept, "PNG", optimize=True)
    return kept.getvalue()
