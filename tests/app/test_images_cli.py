"""`tuqian images` and `tuqian retag`, over the tiny model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Database
from app.encoders import catalog
from app.encoders.builtin import load_builtin
from app.settings import Settings
from tests.fixtures.tiny import write_tiny_model
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[1] / "data"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "model").mkdir()
    folder = write_tiny_model(tmp_path / "model")
    monkeypatch.setattr(catalog, "load_builtin", partial(load_builtin, folder))
    monkeypatch.setenv("TUQIAN_DATA_DIR", str(tmp_path / "data"))
    database = Database(Settings().database)
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all([TagDraft("一切", "动物", threshold=-1.0)])
    database.close()
    return CliRunner()


def test_photos_are_stored_searched_tagged_again_and_deleted(
    run: CliRunner, tmp_path: Path
) -> None:
    photos = [str(PHOTOS / "cat.jpg"), str(PHOTOS / "tiger.jpg")]
    added = run.invoke(app, ["images", "add", *photos])
    assert added.exit_code == 0, added.output
    assert added.output.count("已入库") == 2
    again = run.invoke(app, ["images", "add", photos[0]])
    assert "已在库中" in again.output
    assert "完全相同" in again.output
    found = run.invoke(app, ["images", "search", "猫"])
    assert "cat.jpg" in found.output
    assert "tiger.jpg" in found.output
    tagged = run.invoke(app, ["retag"])
    assert tagged.exit_code == 0, tagged.output
    assert "2 张图片，0 张有变化" in tagged.output
    assert run.invoke(app, ["images", "duplicates"]).exit_code == 0


def test_a_photo_that_fails_makes_the_command_fail(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    assert run.invoke(app, ["images", "add", str(tmp_path / "bad.jpg")]).exit_code == 1


def test_a_command_has_no_limit_of_a_request(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUQIAN_REQUEST_TIMEOUT_S", "0.0001")
    added = run.invoke(app, ["images", "add", str(PHOTOS / "cat.jpg")])
    assert added.exit_code == 0, added.output
    assert run.invoke(app, ["tag", str(PHOTOS / "cat.jpg")]).exit_code == 0
