"""One service and one browser for all tests of the page; a fresh window for each."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.database import Database
from app.settings import Settings
from tests.fixtures.browser import VIEWS, Watch, chromium, serving
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[2] / "data"
VOCABULARY = (
    TagDraft("动物", "动物"),
    TagDraft("猫", "动物", parents=("动物",), aliases=("猫咪",)),
    TagDraft("狗", "动物", parents=("动物",), aliases=("犬",)),
    TagDraft("老虎", "动物", parents=("动物",)),
    TagDraft("熊", "动物", parents=("动物",)),
    TagDraft("咖啡", "饮品"),
    TagDraft("啤酒", "饮品"),
    TagDraft("茶", "饮品"),
    TagDraft("雪", "天气"),
    TagDraft("夜景", "自然风景"),
    TagDraft("高山", "自然风景"),
    TagDraft("海边", "自然风景"),
    TagDraft("草地", "自然风景"),
    TagDraft("宫殿", "建筑"),
    TagDraft("亭子", "建筑"),
    TagDraft("摩天大楼", "建筑"),
    TagDraft("宇航员", "职业"),
    TagDraft("厨师", "职业"),
    TagDraft("汽车", "交通工具"),
    TagDraft("自行车", "交通工具"),
    TagDraft("吉他", "乐器"),
    TagDraft("钢琴", "乐器"),
    TagDraft("足球", "运动"),
    TagDraft("键盘", "数码"),
    TagDraft("画笔", "工具"),
    TagDraft("扳手(工具)", "工具"),
)


@pytest.fixture(scope="session")
def address(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running service with the built-in model and a vocabulary small enough to start at once."""
    folder = tmp_path_factory.mktemp("page")
    database = Database(Settings(data_dir=folder).database)
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all(VOCABULARY)
    database.close()
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, or a reason to skip."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def service(address: str) -> Iterator[httpx.Client]:
    """What the tests ask the service themselves, beside the page."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def view(request: pytest.FixtureRequest) -> str:
    """The size of the window: `desktop`, unless a test asks for another with `on_both`."""
    return str(getattr(request, "param", "desktop"))


@pytest.fixture
def watch(address: str) -> Iterator[Watch]:
    """Nothing may go wrong unseen: no error in the console, no request to another machine."""
    watch = Watch(address)
    yield watch
    assert watch.wrongs == []


@pytest.fixture
def page(browser: Any, address: str, view: str, watch: Watch) -> Iterator[Any]:
    """The page in a window of its own."""
    # Without motion: a fade that is half over looks like too little contrast.
    context = browser.new_context(
        base_url=address,
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce",
        **VIEWS[view],
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    watch.over(page)
    page.goto("/")
    yield page
    context.close()


@pytest.fixture
def photo() -> Callable[[str], str]:
    """The path of a photo of `tests/data`, by its name."""
    return lambda name: str(PHOTOS / f"{name}.jpg")


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[..., str]:
    """A photo made smaller and saved again under another name: a near duplicate."""

    def make(name: str, share: float = 0.7, quality: int = 60) -> str:
        with Image.open(PHOTOS / f"{name}.jpg") as opened:
            small = opened.resize((round(opened.width * share), round(opened.height * share)))
        kept = io.BytesIO()
        small.save(kept, "JPEG", quality=quality)
        path = tmp_path / f"{name}-copy-{share}-{quality}.jpg"
        path.write_bytes(kept.getvalue())
        return str(path)

    return make
