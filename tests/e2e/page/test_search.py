"""找图: a person stores photos, finds them by words and by a picture, and clears up copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.browser import on_both, serious_violations

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def empty(service: httpx.Client) -> Iterator[None]:
    """No image is stored before a test, and none after it."""
    clear(service)
    yield
    clear(service)


def clear(service: httpx.Client) -> None:
    for image in stored(service):
        service.delete(f"/v1/images/{image['id']}")


def stored(service: httpx.Client) -> list[dict[str, Any]]:
    body = {"text": "照片", "limit": 100}
    return list(service.post("/v1/images/search", json=body).json()["items"])


def store(page: Any, paths: list[str]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="图片入库").click()
    chooser.value.set_files(paths)
    expect(page.locator(".toast").last).to_contain_text(f"入库 {len(paths)} 张", timeout=60_000)


@on_both
def test_photos_are_found_by_words_and_by_a_picture_and_deleted(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    page.goto("/#/search")
    expect(page.get_by_role("heading", name="用一句话找图")).to_be_visible()
    assert serious_violations(page) == []
    page.get_by_role("button", name="一只猫").click()
    expect(page.get_by_role("heading", name="图片库里还没有图片")).to_be_visible()
    store(page, [photo(name) for name in ("tiger", "cat", "coffee", "pavilion")])
    page.get_by_label("用中文描述要找的图").fill("一杯咖啡")
    page.keyboard.press("Enter")
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(4)
    expect(tiles.first).to_contain_text("coffee.jpg")
    assert serious_violations(page) == []
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="以图搜图").click()
    chooser.value.set_files(photo("tiger"))
    expect(tiles.first).to_contain_text("tiger.jpg")
    expect(tiles.first.locator(".badge")).to_contain_text("1.000")
    tiles.first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("791 × 512")
    assert serious_violations(page) == []
    sheet.get_by_role("button", name="找相像的图片").click()
    expect(page.locator(".sought")).to_contain_text("与它相像的图片")
    tiles.first.click()
    page.get_by_role("dialog").get_by_role("button", name="删除").click()
    sure = page.get_by_role("dialog", name="删除这张图片？")
    sure.get_by_role("button", name="删除", exact=True).click()
    expect(tiles).to_have_count(3)
    assert len(stored(service)) == 3


@on_both
def test_copies_are_grouped_and_all_but_the_best_leave_in_one_go(
    page: Any, service: httpx.Client, photo: Callable[[str], str], copy_of: Callable[..., str]
) -> None:
    page.goto("/#/search/duplicates")
    expect(page.get_by_role("heading", name="没有重复的图片")).to_be_visible()
    copies = [copy_of("tiger", 0.6), copy_of("tiger", 0.8, 70)]
    store(page, [photo("tiger"), photo("cat"), *copies])
    group = page.locator(".group")
    expect(group).to_have_count(1)
    expect(group.locator(".member")).to_have_count(3)
    kept = group.locator(".member", has=page.locator(".badge", has_text="保留"))
    expect(kept).to_contain_text("tiger.jpg")
    expect(kept.get_by_role("checkbox")).not_to_be_checked()
    assert serious_violations(page) == []
    page.get_by_role("button", name="删除选中的 2 张").click()
    page.get_by_role("dialog").get_by_role("button", name="删除", exact=True).click()
    expect(page.get_by_role("heading", name="没有重复的图片")).to_be_visible()
    assert {Path(one["source"]).name for one in stored(service)} == {"tiger.jpg", "cat.jpg"}


def test_a_picture_of_another_visit_is_the_grey_one_the_service_keeps(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    service.post("/v1/images", files={"files": Path(photo("cat")).read_bytes()})
    page.goto("/#/search")
    page.get_by_role("button", name="一只猫").click()
    picture = page.locator(".tile img")
    expect(picture).to_have_count(1)
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("e => e.naturalWidth") == 256
    page.locator(".tile").click()
    expect(page.get_by_role("dialog")).to_contain_text("灰度缩略图")
