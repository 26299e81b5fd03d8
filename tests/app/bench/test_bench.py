"""`tuqian bench`: its arithmetic, its clients, and one real run over the tiny model."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from PIL import Image

from app import cli
from app.bench.advice import advise
from app.bench.load import closed_loop, open_loop, upload
from app.bench.parts import searching
from app.bench.plot import write_plot
from app.bench.samples import Measured, percentile, timed
from tests.fixtures.commands import command_runner
from tests.fixtures.running import prepare, running
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[2] / "data"
TAGS = (TagDraft("猫", "动物"), TagDraft("狗", "动物"))


def encoded(runtime: str, batch: int, rate: float) -> Measured:
    return Measured("encode", {"runtime": runtime, "batch": batch}, "images/s", (rate,))


def test_the_median_and_its_deviation_do_not_follow_an_outlier() -> None:
    one = Measured("x", {}, "ms", (1.0, 2.0, 3.0, 4.0, 1000.0))
    assert (one.median, one.spread) == (3.0, 1.0)
    assert math.isnan(Measured("x", {}, "ms", (), "broken").median)


def test_percentiles_are_samples() -> None:
    samples = list(range(1, 101))
    assert (percentile(samples, 0.5), percentile(samples, 0.99)) == (51, 100)
    assert math.isnan(percentile([], 0.5))


def test_work_is_warmed_up_and_run_often_enough() -> None:
    calls: list[int] = []
    assert len(timed(lambda: calls.append(1), seconds=0.0)) == 3
    assert len(calls) == 4


def test_the_advice_is_the_smallest_batch_that_is_nearly_as_fast_of_the_fastest_runtime() -> None:
    found = [
        encoded("torch", 16, 5.0),
        encoded("onnx", 1, 8.0),
        encoded("onnx", 8, 11.9),
        encoded("onnx", 32, 12.0),
        Measured("encode", {"runtime": "openvino"}, "images/s", (), "not installed"),
    ]
    advice = advise(found)
    assert advice["TUQIAN_RUNTIME"] == "onnx"
    assert advice["TUQIAN_MAX_BATCH"] == "8"
    assert int(advice["TUQIAN_MAX_QUEUE"]) >= 32
    assert advise([]) == {}


def test_a_search_is_checked_against_numpy_before_it_is_timed() -> None:
    (one,) = searching(16, sizes=(50,))
    assert not one.error
    assert one.parameters["tags"] == 50
    assert len(one.samples) >= 3


def test_the_picture_shows_what_was_measured_and_says_what_was_not(tmp_path: Path) -> None:
    write_plot([encoded("onnx", 1, 8.0), encoded("onnx", 8, 11.0)], tmp_path / "a" / "plot.png")
    with Image.open(tmp_path / "a" / "plot.png") as image:
        assert image.format == "PNG"
        assert len(set(image.convert("RGB").get_flattened_data())) > 10


def test_clients_measure_a_real_service(tmp_path: Path) -> None:
    prepare(tmp_path / "data", TAGS)
    photo = (PHOTOS / "cat.jpg").read_bytes()
    with running(tmp_path / "data") as service:
        messages = [upload(service.address, photo)]
        closed = asyncio.run(closed_loop(service.address, messages, 4, 0.5))
        steady = asyncio.run(open_loop(service.address, messages, rate=20, seconds=0.5))
        refused = asyncio.run(
            closed_loop(service.address, [upload(service.address, photo, "/nowhere")], 1, 0.1)
        )
    assert {reply.status for reply in closed} == {200}
    assert len(closed) >= 4
    assert {"decode", "encode", "render"} <= set(closed[0].stages_ms)
    assert len(steady) == 10
    assert {reply.status for reply in steady} == {200}
    assert {reply.status for reply in refused} == {404}
    gone = asyncio.run(open_loop(service.address, messages, rate=10, seconds=0.2))
    assert {reply.status for reply in gone} == {0}


def test_the_command_prints_writes_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import bench

    runner = command_runner(tmp_path, monkeypatch, TAGS)
    monkeypatch.setattr(bench, "QUICK_TAGS", (20,))
    monkeypatch.setattr(bench, "QUICK_CLIENTS", (1,))
    monkeypatch.setattr("app.bench.parts.BATCHES", (1, 2))
    # The process that is started has the real model; what it costs is not what is tested.
    prepare(tmp_path / "served", TAGS)
    with running(tmp_path / "served") as service:

        class Served:
            def __enter__(self) -> tuple[str, int]:
                return service.address, service.process.pid

            def __exit__(self, *_: object) -> None:
                """Stopped elsewhere."""

        monkeypatch.setattr(bench, "running", lambda settings: Served())
        arguments = ["bench", "--quick", "--seconds", "1", "--out", str(tmp_path / "out")]
        result = runner.invoke(cli.app, [*arguments, "--images", str(PHOTOS)])
    assert result.exit_code == 0, result.output
    assert "TUQIAN_MAX_BATCH" in result.stdout
    rows = [json.loads(line) for line in (tmp_path / "out" / "bench.jsonl").open(encoding="utf-8")]
    assert {row["case"] for row in rows} == {"encode", "decode", "search", "end_to_end"}
    for row in rows:
        assert row["n"] >= 1
        assert row["median"] > 0
        assert {"date", "machine", "versions", "parameters", "mad"} <= set(row)
    assert (tmp_path / "out" / "bench.png").is_file()
