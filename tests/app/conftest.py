"""A running service with the built-in model and a vocabulary small enough to start at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.api.context import Service
from app.database import Database
from app.main import create_app
from app.settings import Settings
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[1] / "data"

VOCABULARY = (
    TagDraft("动物", "动物"),
    TagDraft("猫", "动物", parents=("动物",), aliases=("猫咪",)),
    TagDraft("狗", "动物", parents=("动物",)),
    TagDraft("老虎", "动物", parents=("动物",)),
    TagDraft("金鱼", "动物", parents=("动物",)),
    TagDraft("宇航员", "人物"),
    TagDraft("咖啡", "饮品"),
    TagDraft("啤酒", "饮品"),
    TagDraft("亭子", "建筑"),
    TagDraft("摩天大楼", "建筑"),
    TagDraft("汽车", "交通工具"),
    TagDraft("自行车", "交通工具"),
    TagDraft("吉他", "乐器"),
    TagDraft("足球", "运动"),
    TagDraft("键盘", "数码"),
    TagDraft("停用的标签", "动物", state="paused"),
)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over a data directory that holds the small vocabulary."""
    # Without a cache: a photo that a test sends again passes every stage again.
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), max_images_per_request=4, cache_bytes=0
    )
    database = Database(settings.database)
    database.migrate()
    with VocabularyStore(database).editing("test", "a small vocabulary") as edit:
        edit.create_all(VOCABULARY)
    database.close()
    return settings


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    """A caller of the running service; an unforeseen error is a response, as over a socket."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def service(client: TestClient) -> Service:
    """The parts behind the interface."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


@pytest.fixture(scope="session")
def cat() -> bytes:
    """A photo of a cat."""
    return (PHOTOS / "cat.jpg").read_bytes()
