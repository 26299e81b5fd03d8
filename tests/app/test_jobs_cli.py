"""`tuqian jobs`, over the database and over a running service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from app import cli
from app.choice import Options
from app.database import Database
from app.jobs.job import Draft, ItemResult
from app.jobs.store import JobStore
from tests.fixtures.running import database_of, prepare, running
from vocab.tags import TagDraft

Run = Callable[..., Result]
TAGS = [TagDraft("猫", "动物")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that has done one job."""
    data_dir = tmp_path_factory.mktemp("service") / "data"
    prepare(data_dir, TAGS)
    with running(data_dir) as running_service:
        yield running_service.address


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database that commands without `--url` use."""
    prepare(tmp_path / "data", TAGS)
    monkeypatch.setenv("TUQIAN_DATA_DIR", str(tmp_path / "data"))
    database = database_of(tmp_path / "data")
    yield database
    database.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *words: CliRunner().invoke(cli.app, ["jobs", *words])


def test_a_job_in_the_database_is_listed_shown_read_and_cancelled(
    local: Database, run: Run
) -> None:
    store = JobStore(local, max_unfinished=9)
    hook = "https://example.com/hook"
    job = store.create(Draft((("image_id", "a"), ("image_id", "b")), Options(), hook))
    store.begin(job.number)
    store.record(job.number, [ItemResult(0, ok=True, line={"index": 0, "image_id": "a"})])
    listed = run("list").stdout
    assert job.id in listed
    assert "1/2" in listed
    assert json.loads(run("list", "--json").stdout)["items"][0]["id"] == job.id
    shown = run("show", job.id).stdout
    assert "进行中：1/2 张，0 张失败" in shown
    assert "通知：未送达，0 次" in shown
    lines = run("results", job.id).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"index": 0, "image_id": "a"}]
    assert "已取消" in run("cancel", job.id).stdout
    assert store.get(job.id).state == "cancelled"


def test_a_job_of_a_service_is_listed_shown_read_and_not_cancelled_when_done(
    service: str, run: Run
) -> None:
    body = {"images": [{"image_id": "没有"}, {"image_id": "也没有"}]}
    job = httpx.post(f"{service}/v1/jobs", json=body, timeout=60).json()["id"]
    for _ in range(1000):
        shown = run("show", job, "--json", "--url", service)
        if json.loads(shown.stdout)["state"] == "done":
            break
    assert "完成：2/2 张，2 张失败" in run("show", job, "--url", service).stdout
    assert job in run("list", "--url", service).stdout
    lines = run("results", job, "--url", service).stdout.splitlines()
    assert [json.loads(line)["image_id"] for line in lines] == ["没有", "也没有"]
    refused = run("cancel", job, "--url", service)
    assert refused.exit_code != 0
    assert "已经结束" in str(refused.exception)


@pytest.mark.parametrize("command", ["show", "results", "cancel"])
def test_a_job_that_is_not_there_is_said_to_be_missing(
    local: Database, service: str, run: Run, command: str
) -> None:
    for where in ([], ["--url", service]):
        failed = run(command, "0" * 32, *where)
        assert failed.exit_code != 0
        assert "没有 id 为" in str(failed.exception)
