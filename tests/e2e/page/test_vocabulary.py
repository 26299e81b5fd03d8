"""词表: a person finds, edits, adds, imports, looks back and cleans up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.browser import Watch, on_both, serious_violations

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser

TAGS = "/v1/vocabulary/tags"


def tag_named(service: httpx.Client, name: str) -> dict[str, Any]:
    items = service.get(TAGS, params={"query": name}).json()["items"]
    return next(dict(one) for one in items if one["name"] == name)


def item_of(page: Any, name: str) -> Any:
    return page.locator(".item", has=page.locator(".item-name", has_text=name)).first


def opened(page: Any, name: str) -> Any:
    """The open form of a tag, found as one would find it."""
    page.goto("/#/vocabulary")
    page.get_by_label("搜索名称、别名或拼音").fill(name)
    item = item_of(page, name)
    item.locator(".item-line").click()
    expect(item.locator(".preview .facts")).to_be_visible()
    return item


@on_both
def test_a_tag_is_found_by_pinyin_edited_in_place_and_live_at_once(
    page: Any, service: httpx.Client, view: str
) -> None:
    page.goto("/#/vocabulary")
    expect(page.locator(".head")).to_contain_text("个启用的标签")
    page.get_by_label("搜索名称、别名或拼音").fill("gangqin")
    expect(page.locator(".item-name")).to_have_text(["钢琴"])
    item = item_of(page, "钢琴")
    item.locator(".item-line").click()
    item.get_by_label("别名").fill(f"三角钢琴、琴{view}")
    expect(item.locator(".preview")).to_contain_text("命中背景图片的比例")
    assert serious_violations(page) == []
    item.get_by_role("button", name="保存").click()
    expect(page.locator(".toast").last).to_contain_text("“钢琴”已保存")
    assert tag_named(service, "钢琴")["aliases"] == ["三角钢琴", f"琴{view}"]
    expect(item.get_by_role("button", name="保存")).to_be_disabled()


def test_an_edit_that_came_too_late_says_so_and_can_be_kept(
    page: Any, service: httpx.Client, watch: Watch
) -> None:
    watch.expect(r"412.*/v1/vocabulary/tags/")
    item = opened(page, "吉他")
    item.get_by_label("别名").fill("六弦琴")
    tag = tag_named(service, "吉他")
    service.patch(f"{TAGS}/{tag['id']}", json={"category": "弦乐器"})
    item.get_by_role("button", name="保存").click()
    expect(item.get_by_role("alert")).to_contain_text("修改")
    item.get_by_role("button", name="保留我的修改").click()
    item.get_by_role("button", name="保存").click()
    expect(page.locator(".toast").last).to_contain_text("已保存")
    assert tag_named(service, "吉他")["aliases"] == ["六弦琴"]


@on_both
def test_a_new_tag_is_tried_out_added_deleted_and_brought_back(
    page: Any, service: httpx.Client, view: str
) -> None:
    name = {"desktop": "龙舟", "phone": "风筝"}[view]
    page.goto("/#/vocabulary")
    page.get_by_role("button", name="新标签").click()
    form = page.get_by_role("region", name="新标签")
    form.get_by_label("名称").fill("猫咪")
    expect(form.locator(".preview .notice")).to_contain_text("猫")  # the name is taken
    form.get_by_label("名称").fill(name)
    expect(form.locator(".preview .notice")).to_have_count(0)
    expect(form.locator(".preview .big").first).to_contain_text("0.")
    assert serious_violations(page) == []
    form.get_by_label("类别").fill("玩具")
    form.get_by_role("button", name="添加").click()
    expect(page.locator(".toast").last).to_contain_text(f"“{name}”已添加")
    added = tag_named(service, name)
    assert added["category"] == "玩具"
    item = opened(page, name)
    item.get_by_role("button", name="删除").click()
    page.get_by_role("dialog").get_by_role("button", name="删除", exact=True).click()
    expect(page.locator(".toast").last).to_contain_text(f"“{name}”已删除")
    assert service.get(f"{TAGS}/{added['id']}").status_code == 404
    page.locator(".toast").last.get_by_role("button", name="撤销").click()
    expect(item_of(page, name)).to_be_visible()
    assert service.get(f"{TAGS}/{added['id']}").status_code == 200


def test_a_mistake_in_a_form_is_shown_where_it_is(page: Any, watch: Watch) -> None:
    watch.expect(r"(409|422).*/v1/vocabulary/")
    page.goto("/#/vocabulary")
    page.get_by_role("button", name="新标签").click()
    form = page.get_by_role("region", name="新标签")
    form.get_by_label("名称").fill("老虎")
    form.get_by_role("button", name="添加").click()
    expect(form.get_by_role("alert")).to_contain_text("老虎")
    expect(form.get_by_label("名称")).to_have_attribute("aria-invalid", "true")


def test_an_example_image_can_be_added_and_taken_away(
    page: Any, service: httpx.Client, photo: Any
) -> None:
    item = opened(page, "宇航员")
    with page.expect_file_chooser() as chooser:
        item.get_by_role("button", name="添加示例图").click()
    chooser.value.set_files(photo("astronaut"))
    expect(item.locator(".examples-list li")).to_have_count(1)
    assert len(tag_named(service, "宇航员")["examples"]) == 1
    item.get_by_role("button", name="去掉这张示例图").click()
    expect(item.locator(".examples-list li")).to_have_count(0)


@on_both
def test_a_file_shows_what_it_would_change_before_it_does(
    page: Any, service: httpx.Client, tmp_path: Path, view: str
) -> None:
    page.goto("/#/vocabulary/files")
    file = tmp_path / "新词.csv"
    added = {"desktop": "糖葫芦", "phone": "豆腐脑"}[view]
    file.write_text(f"name,category\n{added},食物\n啤酒,酒{view}\n", encoding="utf-8")
    before = service.get("/v1/vocabulary").json()["vocabulary_revision"]
    page.set_input_files("input[type=file]", str(file))
    expect(page.locator(".change.added")).to_contain_text(added)
    expect(page.locator(".change.changed ins")).to_have_text(f"酒{view}")
    assert service.get("/v1/vocabulary").json()["vocabulary_revision"] == before
    assert serious_violations(page) == []
    page.get_by_role("button", name="确认导入").click()
    expect(page.locator(".toast").last).to_contain_text("2 个标签有变化")
    assert tag_named(service, added)["category"] == "食物"
    page.locator(".toast").last.get_by_role("button", name="撤销").click()
    expect(page.locator(".head .faint")).to_contain_text(f"版本 {before + 2}")
    assert service.get(TAGS, params={"query": added}).json()["items"] == []


def test_a_file_with_mistakes_names_their_lines(page: Any, tmp_path: Path, watch: Watch) -> None:
    watch.expect(r"(409|422).*/v1/vocabulary/import")
    page.goto("/#/vocabulary/files")
    file = tmp_path / "坏.csv"
    file.write_text("name,parents\n好词,\n坏词,没有这个上级\n", encoding="utf-8")
    page.set_input_files("input[type=file]", str(file))
    expect(page.get_by_role("alert")).to_contain_text("第 3 行")


def test_the_vocabulary_is_taken_home_as_a_file(page: Any) -> None:
    page.goto("/#/vocabulary/files")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename.startswith("tuqian-vocabulary-")
    assert "老虎" in Path(download.value.path()).read_text(encoding="utf-8-sig")


@on_both
def test_the_history_shows_each_edit_and_leads_back(page: Any, service: httpx.Client) -> None:
    tag = tag_named(service, "键盘")
    service.patch(f"{TAGS}/{tag['id']}", params={"reason": "试一试"}, json={"gloss": "keyboard"})
    page.goto("/#/vocabulary/history")
    latest = page.locator(".item").first
    expect(latest).to_contain_text("试一试")
    latest.locator(".item-line").click()
    expect(latest.locator("ins")).to_have_text("keyboard")
    assert serious_violations(page) == []
    page.locator(".item").nth(1).get_by_role("button", name="回到这个版本").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator("del")).to_have_text("keyboard")
    sheet.get_by_role("button", name="回到这个版本").click()
    expect(page.locator(".toast").last).to_contain_text("已回到版本")
    assert tag_named(service, "键盘")["gloss"] == ""


def test_a_finding_of_the_lint_leads_to_its_tag(page: Any) -> None:
    page.goto("/#/vocabulary/lint")
    finding = page.locator(".findings li", has_text="扳手").first
    expect(finding).to_be_visible(timeout=30_000)
    assert serious_violations(page) == []
    finding.get_by_role("button", name="扳手").click()
    expect(page.get_by_label("名称", exact=True)).to_have_value("扳手(工具)")
