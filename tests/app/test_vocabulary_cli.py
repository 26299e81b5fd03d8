"""`tuqian vocab`, over the database and over a running service."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app import cli
from app.database import Database
from app.encoders import catalog
from app.encoders.builtin import load_builtin
from app.main import create_app
from app.serving import listen
from app.settings import Settings
from tests.fixtures.tiny import write_tiny_model
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    database = Database(Settings(data_dir=folder).database)
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all(
            [TagDraft("动物", id="animal"), TagDraft("猫", aliases=("猫咪",), id="cat")]
        )
    database.close()
    return folder


@pytest.fixture(params=["database", "service"])
def run(
    request: pytest.FixtureRequest,
    template: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Runs `tuqian vocab` with arguments, against the one or the other."""
    tiny = write_tiny_model(tmp_path_factory.mktemp("tiny"))
    monkeypatch.setattr(catalog, "load_builtin", partial(load_builtin, tiny))
    monkeypatch.setenv("TUQIAN_DATA_DIR", str(tmp_path / "data"))
    shutil.copytree(template, tmp_path / "data")
    server = None
    more: list[str] = []
    if request.param == "service":
        listener = listen("127.0.0.1", 0)
        app = create_app(Settings(data_dir=tmp_path / "data"))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        more = ["--url", f"http://127.0.0.1:{listener.getsockname()[1]}"]

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["vocab", *arguments, *more])

    yield invoke
    if server is not None:
        server.should_exit = True
        thread.join()


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def names(run: Run) -> list[str]:
    return [tag["name"] for tag in json.loads(done(run("list", "--json")))["items"]]


def test_a_tag_is_added_changed_and_removed(run: Run) -> None:
    said = done(run("add", "汉服", "--category", "服饰", "--parent", "动物", "--alias", "华服"))
    assert "词表版本 2" in said
    assert "汉服" in done(run("list", "华服"))
    assert "词表版本 3" in done(run("edit", "华服", "--name", "汉服装", "--clear", "parents"))
    (tag,) = json.loads(done(run("list", "汉服装", "--json")))["items"]
    assert (tag["parents"], tag["aliases"], tag["category"]) == ([], ["华服"], "服饰")
    assert "没有变化" in done(run("edit", "汉服装", "--category", "服饰"))
    assert "删除 1" in done(run("remove", tag["id"]))
    assert names(run) == ["动物", "猫"]


def test_history_is_listed_compared_and_rolled_back(run: Run) -> None:
    done(run("add", "汉服", "--author", "小王", "--reason", "春季活动"))
    done(run("edit", "猫", "--threshold", "0.3"))
    said = done(run("revisions"))
    assert "小王" in said
    assert "春季活动" in said
    said = done(run("diff", "1", "3"))
    assert "+ 汉服" in said
    assert "threshold：None → 0.3" in said
    assert "词表版本 4" in done(run("rollback", "1"))
    assert names(run) == ["动物", "猫"]


def test_a_tag_is_given_a_target_of_its_own_and_loses_it(run: Run) -> None:
    done(run("add", "汉服", "--target", "false_positive_rate=0.01"))
    done(run("edit", "猫", "--target", "best_f1"))
    found = {one["name"]: one["target"] for one in json.loads(done(run("list", "--json")))["items"]}
    assert found == {"动物": "", "猫": "best_f1", "汉服": "false_positive_rate=0.01"}
    assert "target：best_f1 → " in done(
        run("edit", "猫", "--clear", "target") and run("diff", "3", "4")
    )
    refused = run("edit", "猫", "--target", "recall=0.9")
    assert refused.exit_code
    assert "target 不能是" in str(refused.exception)


def test_a_file_goes_out_and_comes_back(run: Run, tmp_path: Path) -> None:
    for kind in ("csv", "json"):
        file = tmp_path / f"tags.{kind}"
        done(run("export", str(file)))
        assert "没有变化" in done(run("import", str(file), "--replace"))
    (tmp_path / "new.csv").write_bytes("名称\n汉服\n".encode("gbk"))
    assert "新增 1" in done(run("import", str(tmp_path / "new.csv"), "--dry-run"))
    assert names(run) == ["动物", "猫"]
    assert "词表版本 2" in done(run("import", str(tmp_path / "new.csv")))
    assert names(run) == ["动物", "猫", "汉服"]


def test_a_refusal_is_told_with_its_lines(run: Run, tmp_path: Path) -> None:
    assert "猫" in str(run("add", "猫咪").exception)
    assert "没有名称或 id" in str(run("remove", "不存在").exception)
    (tmp_path / "bad.csv").write_text("name,threshold\n汉服,高\n", encoding="utf-8")
    assert "第 2 行" in str(run("import", str(tmp_path / "bad.csv")).exception)
    assert names(run) == ["动物", "猫"]


def test_the_lint_fails_where_it_finds_something(run: Run) -> None:
    done(run("add", "乳头（瓶）", "--category", "用品"))
    result = run("lint", "--json")
    assert result.exit_code == 1
    rules = {one["rule"] for one in json.loads(result.stdout)["findings"]}
    assert "bracket_name" in rules


def test_a_service_that_is_not_there_is_said_so() -> None:
    result = CliRunner().invoke(cli.app, ["vocab", "list", "--url", "http://127.0.0.1:9"])
    assert result.exit_code != 0
    assert "连不上服务" in str(result.exception)
