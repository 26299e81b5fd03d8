"""A change of models: stored images under the new one, beside those of the old."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Database
from app.encoders import catalog
from app.encoders.base import Encoder
from app.encoders.builtin import load_builtin
from app.main import assemble
from app.settings import Settings, load_settings
from index.carry import stored_models
from index.collection import ImageCollection
from tests.fixtures.commands import command_runner
from tests.fixtures.tiny import write_tiny_model
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[1] / "data"
NAMES = ("cat.jpg", "tiger.jpg", "coffee.jpg")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Copies that a test may move."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(PHOTOS / name, folder / name)
    return folder


@pytest.fixture
def run(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands over a data directory that holds the photos under the tiny model."""
    runner = command_runner(tmp_path, monkeypatch, [TagDraft("一切", "动物", threshold=-1.0)])
    assert runner.invoke(app, ["images", "add", str(photos)]).exit_code == 0
    return runner


@pytest.fixture
def other_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Encoder]:
    """Another model, with a key of its own: the tiny one under another version."""
    (tmp_path / "other").mkdir()
    return partial(load_builtin, write_tiny_model(tmp_path / "other", name="other"))


def change(monkeypatch: pytest.MonkeyPatch, model: Callable[..., Encoder]) -> None:
    """From now on `builtin` is that model."""
    monkeypatch.setattr(catalog, "load_builtin", model)


def stored(collection: ImageCollection) -> dict[str, tuple[object, ...]]:
    numbers = collection.store.load(collection.store.numbers().tolist())
    return {
        one.sha256: (one.ids, one.source, one.metadata, one.created_at) for one in numbers.values()
    }


def opened(stack: ExitStack) -> ImageCollection:
    return assemble(load_settings(), stack).collection


def test_every_image_is_moved_with_its_names_and_times_and_found_again(
    run: CliRunner,
    photos: Path,
    other_model: Callable[..., Encoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as stack:
        old = opened(stack)
        image = old.store.load(old.store.numbers().tolist()[:1]).popitem()[1]
        assert old.get(image.id).source == str(photos / "cat.jpg")
        before = stored(old)
    change(monkeypatch, other_model)
    moved = run.invoke(app, ["reindex"])  # the sources are paths that can be read
    assert moved.exit_code == 0, moved.output
    assert "搬过来 3 张，0 张搬不过去" in moved.output
    with ExitStack() as stack:
        new = opened(stack)
        assert new.model_key != old.model_key
        assert stored(new) == before
        assert all(one.tags for one in new.store.load(new.store.numbers().tolist()).values())
        (first, *_) = new.search(new.vector_of(image.id), 3)
        assert first.image.id == image.id
    again = run.invoke(app, ["reindex"])
    assert "搬过来 0 张，0 张搬不过去" in again.output


def test_what_cannot_be_moved_is_listed_with_its_reason_and_can_be_moved_later(
    run: CliRunner,
    photos: Path,
    tmp_path: Path,
    other_model: Callable[..., Encoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    (photos / "cat.jpg").rename(aside / "renamed.jpg")
    (photos / "tiger.jpg").write_bytes((PHOTOS / "pavilion.jpg").read_bytes())
    change(monkeypatch, other_model)
    first = run.invoke(app, ["reindex"])
    assert first.exit_code == 1
    assert "搬过来 1 张，2 张搬不过去" in first.output
    assert "找不到原图" in first.output
    assert "已不是入库时的内容" in first.output
    status = run.invoke(app, ["reindex", "--status"])
    assert status.exit_code == 0, status.output
    second = run.invoke(app, ["reindex", "--images", str(aside), "--images", str(PHOTOS)])
    assert second.exit_code == 0, second.output
    assert "搬过来 2 张，0 张搬不过去" in second.output


def test_a_deleted_image_is_gone_under_every_model(
    run: CliRunner, other_model: Callable[..., Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.invoke(app, ["reindex"]).exit_code == 0
    with ExitStack() as stack:
        deleted = next(iter(stored(opened(stack))))
    change(monkeypatch, other_model)
    assert run.invoke(app, ["reindex"]).exit_code == 0
    assert run.invoke(app, ["images", "delete", deleted]).exit_code == 0
    assert "搬过来 0 张" in run.invoke(app, ["reindex"]).output
    database = Database(Settings().database)
    assert set(stored_models(database).values()) == {2}
    database.close()


def test_a_model_that_is_done_with_can_be_forgotten(
    run: CliRunner, other_model: Callable[..., Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch, other_model)
    assert run.invoke(app, ["reindex"]).exit_code == 0
    with ExitStack() as stack:
        kept = opened(stack).model_key
    database = Database(Settings().database)
    (old,) = set(stored_models(database)) - {kept}
    assert "3 张图片" in run.invoke(app, ["reindex", "--forget", old]).output
    assert stored_models(database) == {kept: 3}
    database.close()
    assert run.invoke(app, ["reindex", "--forget", old]).exit_code != 0


def test_a_start_says_that_the_images_are_another_models(
    run: CliRunner,
    other_model: Callable[..., Encoder],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    change(monkeypatch, other_model)
    with caplog.at_level(logging.WARNING), ExitStack() as stack:
        opened(stack)
    assert "under other models" in caplog.text
    assert "tuqian reindex" in caplog.text
