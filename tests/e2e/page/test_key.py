"""A service that wants a key: the page asks for it, and sends it with everything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.database import Database
from app.settings import Settings
from tests.fixtures.browser import ROOT, Watch, serious_violations, serving
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def guarded(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service that wants a key, and a key."""
    folder = tmp_path_factory.mktemp("guarded")
    database = Database(Settings(data_dir=folder).database)
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all([TagDraft("老虎", "动物"), TagDraft("咖啡", "饮品")])
    database.close()
    made = subprocess.run(
        [sys.executable, "-m", "app", "keys", "create", "前台", "--role", "edit"],
        cwd=ROOT,
        env=os.environ | {"TUQIAN_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    key = re.search(r"tq_\S+", made.stdout + made.stderr)
    assert key, made.stdout
    with serving(folder) as address:
        yield address, key[0]


def test_the_page_asks_for_a_key_and_keeps_it_until_the_tab_is_closed(
    browser: Any, guarded: tuple[str, str], photo: Callable[[str], str]
) -> None:
    address, key = guarded
    watch = Watch(address)
    watch.expect(r"401")
    context = browser.new_context(base_url=address, reduced_motion="reduce")
    page = context.new_page()
    watch.over(page)
    page.goto("/")
    sheet = page.get_by_role("dialog", name="需要访问密钥")
    expect(sheet).to_be_visible()
    assert serious_violations(page) == []
    sheet.get_by_label("访问密钥").fill("tq_wrong")
    sheet.get_by_role("button", name="使用这个密钥").click()
    expect(page.get_by_role("dialog", name="需要访问密钥")).to_be_visible()
    sheet.get_by_label("访问密钥").fill(key)
    sheet.get_by_role("button", name="使用这个密钥").click()
    expect(page.get_by_role("heading", name="把照片拖到这里")).to_be_visible()
    page.goto("/#/search")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="图片入库").click()
    chooser.value.set_files(photo("tiger"))
    expect(page.locator(".toast").last).to_contain_text("入库 1 张", timeout=30_000)
    page.reload()  # the photo itself is forgotten, and the service's picture needs the key
    page.get_by_role("button", name="一只猫").click()
    picture = page.locator(".tile img")
    expect(picture).to_have_js_property("naturalWidth", 256)
    assert key not in json.dumps(context.storage_state())  # nothing outlives the tab
    context.close()
    assert watch.wrongs == []
