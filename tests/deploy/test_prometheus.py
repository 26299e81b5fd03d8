"""What we ship for Prometheus and Grafana asks for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.metrics.catalogue import CATALOGUE, PROCESS

DEPLOY = Path(__file__).parents[2] / "deploy"
SERIES = re.compile(r"\b(?:tuqian|process)_[a-z_]+\b")


def exported() -> set[str]:
    """Every series a query may name."""
    names = {name for name, _ in PROCESS}
    for one in CATALOGUE:
        suffixes = ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)
        names |= {one.name + suffix for suffix in suffixes}
    return names


def rules() -> list[dict[str, Any]]:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
    return list(board["panels"])


def unknown(query: str) -> set[str]:
    found = set(SERIES.findall(query))
    assert found, f"asks for no metric of ours: {query}"
    return found - exported()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == set()
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


def test_there_is_an_alert_for_each_thing_an_operator_must_hear_of() -> None:
    text = " ".join(rule["expr"] for rule in rules())
    for metric in (
        "tuqian_ready",
        "tuqian_requests_total",
        "tuqian_images_in_progress",
        "tuqian_drift_index",
        "tuqian_disk_free_bytes",
        "tuqian_database_up",
    ):
        assert metric in text


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        assert unknown(target["expr"]) == set()


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in panels()]
    assert len({panel["id"] for panel in panels()}) == len(places)
    cells = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(re.findall(r"by \(([a-z, ]+)\)", target["expr"]), id=target["expr"][:60])
        for panel in panels()
        for target in panel["targets"]
    ],
)
def test_a_query_groups_by_labels_that_exist(labels: list[str]) -> None:
    known = {"le", "instance"} | {label for one in CATALOGUE for label in one.labels}
    assert {name.strip() for some in labels for name in some.split(",")} <= known
