"""A service over the tiny model, whose vocabulary a test may change as it likes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.database import Database
from app.encoders import catalog
from app.encoders.builtin import load_builtin
from app.main import create_app
from app.settings import Settings
from tests.fixtures.tiny import write_tiny_model
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

VOCABULARY = (
    TagDraft("动物", "动物", id="animal"),
    TagDraft("猫", "动物", parents=("动物",), aliases=("猫咪",), id="cat"),
    TagDraft("狗", "动物", parents=("动物",), id="dog"),
    TagDraft("停用", "动物", state="paused", id="paused"),
)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's files."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny_model(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `builtin` mean the tiny model."""
    monkeypatch.setattr(catalog, "load_builtin", partial(load_builtin, tiny_folder))


@pytest.fixture(scope="session")
def template(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a small vocabulary, its vectors computed."""
    folder = tmp_path_factory.mktemp("template")
    database = Database(Settings(data_dir=folder).database)
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all(VOCABULARY)
    database.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "load_builtin", partial(load_builtin, tiny_folder))
        with TestClient(create_app(Settings(data_dir=folder))):
            pass
    return folder


@pytest.fixture
def new_service(tiny_model: None, template: Path, tmp_path: Path) -> Callable[[str], TestClient]:
    """Makes a service over the data directory of that name, at first a copy of the template."""

    def make(name: str) -> TestClient:
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(template, folder)
        return TestClient(create_app(Settings(data_dir=folder)), raise_server_exceptions=False)

    return make


@pytest.fixture
def editable(new_service: Callable[[str], TestClient]) -> Iterator[TestClient]:
    """A caller of a service whose vocabulary is at revision 1."""
    with new_service("data") as client:
        yield client
