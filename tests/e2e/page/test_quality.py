"""质量 and 状态: a person judges, moves a threshold, reads a report, watches a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fixtures.browser import on_both, serious_violations
from vocab.quality_report import Measured, Subject, as_json, quality_report

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser


@pytest.fixture
def report(tmp_path: Path) -> str:
    """A report as `tuqian evaluate` writes it, over made-up answers."""
    rng = np.random.default_rng(0)
    truth = rng.random((120, 5)) < 0.3
    confidences = np.clip(truth * 0.5 + rng.random((120, 5)) * 0.5, 0.01, 0.99).astype(np.float32)
    passed = confidences >= 0.5
    measured = Measured(
        ids=tuple("abcde"),
        names=("老虎", "猫", "狗", "熊", "咖啡"),
        scores=confidences,
        confidences=confidences,
        passed=passed,
        served=passed,
        truth=truth,
        counted=np.ones_like(truth),
        tags_per_image=passed.sum(axis=1).astype(np.int64),
    )
    subject = Subject("样例", "builtin", "builtin@0", 1, {}, {})
    path = tmp_path / "report.json"
    path.write_text(json.dumps(as_json(quality_report(subject, measured, samples=20))))
    return str(path)


@on_both
def test_an_evaluation_is_read_with_the_worst_tags_first(page: Any, report: str) -> None:
    page.goto("/#/quality")
    expect(page.locator(".figures").first).to_contain_text("背景图片")
    page.set_input_files("input[type=file]", report)
    expect(page.locator(".evaluation-subject")).to_contain_text("样例")
    expect(page.locator("svg.chart")).to_have_count(3)
    table = page.get_by_role("region", name="逐个标签")

    def column(place: int) -> list[float]:
        cells = table.locator(f"tbody td:nth-child({place})").all_inner_texts()
        return [float(str(cell).strip("%")) for cell in cells]

    assert column(7) == sorted(column(7))
    table.get_by_role("button", name="AP").click()
    assert column(4) == sorted(column(4))
    table.get_by_role("button", name="AP").click()
    assert column(4) == sorted(column(4), reverse=True)
    assert serious_violations(page) == []


def test_a_file_that_is_no_report_is_refused_with_a_sentence(page: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[1, 2]")
    page.goto("/#/quality")
    page.set_input_files("input[type=file]", str(other))
    expect(page.locator(".toast").last).to_contain_text("不是评测报告")


@on_both
def test_a_threshold_is_dragged_over_the_background_and_given_back(
    page: Any, service: httpx.Client
) -> None:
    def stored() -> Any:
        items = service.get("/v1/vocabulary/tags", params={"query": "海边"}).json()["items"]
        return items[0]["threshold"]

    page.goto("/#/quality/threshold")
    page.get_by_label("标签名称").fill("海边")
    page.keyboard.press("Enter")
    chart = page.locator("svg.histogram")
    expect(chart).to_be_visible()
    rate = page.locator(".facts .big").nth(1)
    before = float(rate.inner_text().strip("≈% "))
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + 60, steps=4)
    page.mouse.up()
    assert float(rate.inner_text().strip("≈% ")) > max(before, 50)
    page.get_by_role("slider", name="阈值").press("ArrowRight")
    assert serious_violations(page) == []
    page.get_by_role("button", name="用作这个标签的阈值").click()
    expect(page.locator(".badge", has_text="手工设定")).to_be_visible()
    assert stored() == pytest.approx(
        float(page.locator(".facts .big").first.inner_text()), abs=1e-3
    )
    page.get_by_role("button", name="恢复自动").click()
    expect(page.locator(".badge", has_text="手工设定")).to_have_count(0)
    assert stored() is None


def test_what_teaches_most_is_judged_with_one_click(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    files = [("files", Path(photo(name)).read_bytes()) for name in ("tiger", "pavilion", "coffee")]
    service.post("/v1/images", files=files)
    before = {one["id"] for one in service.get("/v1/feedback").json()["items"]}
    page.goto("/#/quality/review")
    pairs = page.locator(".review")
    expect(pairs.first).to_be_visible()
    shown = pairs.count()
    assert serious_violations(page) == []
    pairs.first.get_by_role("button", name="不是").click()
    expect(page.locator(".toast").last).to_contain_text("已记下")
    expect(pairs).to_have_count(shown - 1)
    said = [one for one in service.get("/v1/feedback").json()["items"] if one["id"] not in before]
    assert [one["verdict"] for one in said] == ["wrong"]
    page.goto("/#/quality")
    expect(page.get_by_role("region", name="评判过的标签")).to_contain_text(said[0]["tag"]["name"])
    service.delete(f"/v1/feedback/{said[0]['id']}")


def test_a_job_is_watched_to_its_end_and_its_results_taken(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    added = service.post("/v1/images", files={"files": Path(photo("tiger")).read_bytes()}).json()
    image = added["results"][0]["id"]
    made = service.post("/v1/jobs", json={"images": [{"image_id": image}, {"image_id": image}]})
    job = made.json()["id"]
    page.goto("/#/quality/jobs")
    row = page.locator(".job", has_text=job)
    expect(row.locator(".badge")).to_have_text("已完成", timeout=30_000)
    expect(row).to_contain_text("2 / 2 张")
    assert serious_violations(page) == []
    with page.expect_download() as download:
        row.get_by_role("button", name="结果").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]
    row.get_by_role("button", name="删除").click()
    expect(row).to_have_count(0)


@on_both
def test_the_status_says_what_runs_and_where_the_time_went(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    page.set_input_files("input[type=file]", photo("tiger"))
    expect(page.locator(".card")).to_have_attribute("aria-busy", "false", timeout=30_000)
    page.goto("/#/status")
    facts = page.locator(".status-facts")
    expect(facts).to_contain_text("builtin")
    expect(facts).to_contain_text("就绪")
    expect(facts).to_contain_text(str(service.get("/readyz").json()["tags"]))
    expect(page.locator(".stage", has_text="编码")).to_contain_text("ms")
    expect(page.locator(".figure", has_text="编码器利用率")).to_contain_text("编码线程")
    expect(page.locator(".figure", has_text="打标用时")).to_contain_text("p95")
    page.get_by_label("搜索指标").fill("tuqian_requests")
    metrics = page.get_by_role("region", name="指标")
    expect(metrics.locator("tbody tr").first).to_contain_text("route=")
    assert serious_violations(page) == []
