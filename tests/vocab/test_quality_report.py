"""The report adds up, and its page is whole, safe and quiet."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vocab.quality_page import quality_page
from vocab.quality_pictures import quality_pictures
from vocab.quality_report import Measured, QualityReport, Subject, as_json, quality_report

SUBJECT = Subject("photos.jsonl", "tiny", "tiny-1", 3, {"没有": 2}, {"bad.jpg": "图片为空"})


def measured(seed: int, images: int = 30, tags: int = 5) -> Measured:
    rng = np.random.default_rng(seed)
    truth = rng.random((images, tags)) < 0.25
    scores = (rng.normal(size=(images, tags)) + 1.5 * truth).astype(np.float32)
    passed = scores > 1
    return Measured(
        ids=tuple(f"t{tag}" for tag in range(tags)),
        names=tuple(f"标签{tag}" for tag in range(tags)),
        scores=scores,
        confidences=1 / (1 + np.exp(-scores)),
        passed=passed,
        served=passed & (rng.random((images, tags)) < 0.8),
        truth=truth,
        counted=rng.random((images, tags)) < 0.9,
        tags_per_image=passed.sum(axis=1),
    )


def report(seed: int = 0, **sizes: int) -> QualityReport:
    return quality_report(SUBJECT, measured(seed, **sizes), samples=50)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 4))
def test_every_report_is_json_and_a_page_however_little_there_is(
    seed: int, images: int, tags: int
) -> None:
    found = report(seed, images=images, tags=tags)
    assert json.loads(json.dumps(as_json(found), allow_nan=False))["images"] == images
    ElementTree.fromstring(quality_page(found).removeprefix("<!DOCTYPE html>"))  # noqa: S314


def test_the_oracle_is_never_worse_and_the_figures_agree_with_the_tags() -> None:
    found = report()
    assert found.oracle.macro_f1.value >= found.automatic.macro_f1.value
    assert all(tag.oracle_f1 >= tag.f1 for tag in found.tags)
    assert found.automatic.macro_f1.value == pytest.approx(np.mean([t.f1 for t in found.tags]))
    assert found.mean_ap.value == pytest.approx(np.mean([t.ap for t in found.tags]))
    assert found.true_pairs == sum(tag.positives for tag in found.tags)
    assert sum(found.coverage.histogram) == found.images


def test_each_figure_lies_in_its_interval() -> None:
    found = report()
    figures = [found.mean_ap, found.ece, found.coverage.mean, found.coverage.none]
    for marks in (found.automatic, found.oracle, found.served):
        figures.extend(vars(marks).values())
    assert all(0 <= one.low <= one.value <= one.high for one in figures)


def test_the_same_seed_gives_the_same_report() -> None:
    assert as_json(report()) == as_json(report())


def test_the_page_asks_no_other_machine_for_anything() -> None:
    page = quality_page(report())
    assert not re.search(r"https?:|//|url\(|<script|<link|<img|@import|src=", page)
    assert page.count("<svg") == 3


def test_names_are_text_on_the_page_whatever_is_in_them() -> None:
    evil = '<script>alert("x")</script>&'
    subject = replace(SUBJECT, dataset=evil, unknown={evil: 1}, failed={evil: evil})
    numbers = replace(measured(0), names=(evil,) * 5)
    page = quality_page(quality_report(subject, numbers, samples=10))
    assert "<script" not in page
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))  # noqa: S314


def test_what_was_left_out_is_named() -> None:
    page = quality_page(report())
    assert "没有" in page
    assert "bad.jpg" in page
    assert "图片为空" in page


def test_a_tag_that_is_right_nowhere_has_no_figures_but_a_row() -> None:
    numbers = measured(0)
    truth = numbers.truth.copy()
    truth[:, 0] = False
    found = quality_report(SUBJECT, replace(numbers, truth=truth), samples=10)
    assert as_json(found)["tags"][0]["ap"] is None
    assert "标签0" in quality_page(found)


def test_what_is_taken_for_what_is_on_the_page() -> None:
    numbers = measured(0)
    truth, served = np.zeros_like(numbers.truth), np.zeros_like(numbers.served)
    truth[:4, 1], served[:4, 0] = True, True
    found = quality_report(SUBJECT, replace(numbers, truth=truth, served=served), samples=10)
    (one,) = found.confusions
    assert (one.given, one.meant, one.images, one.wrong) == ("标签0", "标签1", 4, 4)
    assert "容易混淆的标签" in quality_page(found)


def test_the_pictures_are_png_files_and_the_same_each_time() -> None:
    pictures = quality_pictures(report())
    assert set(pictures) == {"reliability.png", "coverage.png", "ap.png"}
    for made in pictures.values():
        with Image.open(io.BytesIO(made)) as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 3
    assert quality_pictures(report()) == pictures
