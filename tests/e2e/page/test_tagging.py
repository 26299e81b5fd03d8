"""打标: a person's way from the first photo to the answer in another program."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.browser import on_both, serious_violations, tab_to

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser

PICKER = "input[type=file]"


def card_of(page: Any, name: str) -> Any:
    """The card of a photo, when it is done."""
    card = page.locator(".card", has=page.get_by_role("heading", name=name, exact=True)).first
    expect(card).to_have_attribute("aria-busy", "false", timeout=30_000)
    return card


def tags_of(card: Any) -> list[str]:
    return [str(one) for one in card.locator("button .tag-name").all_inner_texts()]


@pytest.fixture(autouse=True)
def lenient(page: Any) -> None:
    """A low target, so that what is shown depends little on how the model is calibrated."""
    page.evaluate("localStorage.setItem('tuqian.cut', JSON.stringify({auto: false, target: 0.1}))")
    page.reload()


def slide_to(page: Any, value: int) -> None:
    page.locator("#target").evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


@on_both
def test_photos_become_cards_with_tags_and_a_broken_one_says_what_to_do(
    page: Any, photo: Callable[[str], str], tmp_path: Path
) -> None:
    expect(
        page.get_by_role("heading", name=re.compile("把照片拖到这里|给照片打标签"))
    ).to_be_visible()
    assert serious_violations(page) == []
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a photo at all")
    page.set_input_files(PICKER, [photo("tiger"), photo("cat"), str(broken)])
    assert "老虎" in tags_of(card_of(page, "tiger.jpg"))
    assert "猫" in tags_of(card_of(page, "cat.jpg"))
    failed = card_of(page, "broken.jpg").locator(".notice")
    expect(failed).to_contain_text("图片")
    expect(card_of(page, "broken.jpg").get_by_role("button", name="再试一次")).to_be_visible()
    expect(page.locator(".summary")).to_contain_text("1 张失败")
    assert serious_violations(page) == []


def test_a_sample_is_tagged_without_any_photo_at_hand(page: Any) -> None:
    page.get_by_role("button", name="示例：灰色的猫").click()
    assert "猫" in tags_of(card_of(page, "gray-cat.jpg"))


def test_why_shows_the_numbers_of_the_answer(page: Any, photo: Callable[[str], str]) -> None:
    with page.expect_response("**/v1/tag") as answered:
        page.set_input_files(PICKER, photo("tiger"))
    first = answered.value.json()["results"][0]["tags"][0]
    card = card_of(page, "tiger.jpg")
    card.locator(".tag-main").first.click()
    why = card.locator(".why")
    expect(why).to_contain_text(f"{first['similarity']:.4f}")
    expect(why).to_contain_text(f"{first['score']:.2f}")
    share = why.locator("div", has_text="超过的背景图片").locator("dd").first
    expect(share).to_contain_text("%")
    expect(card.locator(".tag-main").first).to_have_attribute("aria-expanded", "true")


def test_the_slider_shows_what_a_request_for_its_target_would_give_and_makes_none(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    names = ("tiger.jpg", "pavilion.jpg")
    page.set_input_files(PICKER, [photo("tiger"), photo("pavilion")])
    for name in names:
        card_of(page, name)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def expect_tags_of(**options: float) -> None:
        for name in names:
            data = {"options": json.dumps({"top_k": 100, **options})}
            file = Path(photo(name.removesuffix(".jpg"))).read_bytes()
            answer = service.post("/v1/tag", files={"files": file}, data=data).json()
            found = [tag["name"] for tag in answer["results"][0]["tags"]]
            expect(card_of(page, name).locator("button .tag-name")).to_have_text(found)
            if not found:
                expect(card_of(page, name).locator(".tag")).to_have_count(3)

    for target in (5, 37, 60, 95):
        slide_to(page, target)
        expect(page.locator("output[for=target]")).to_have_text(f"{target}%")
        expect_tags_of(precision_target=target / 100)
    page.get_by_role("button", name="自动").click()
    expect(page.locator("output[for=target]")).to_have_text("")
    expect_tags_of()
    assert [url for url in asked if "/v1/tag" in url] == []


@on_both
def test_a_verdict_reaches_the_service_and_can_be_taken_back(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    page.set_input_files(PICKER, photo("tiger"))
    card = card_of(page, "tiger.jpg")
    right = card.get_by_role("button", name="“老虎”打对了")
    right.click()
    expect(right).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".toast").last).to_contain_text("已记下")

    def said() -> list[str]:
        items = service.get("/v1/feedback", params={"tag": "老虎"}).json()["items"]
        return [one["verdict"] for one in items]

    assert said() == ["right"]
    right.click()
    expect(right).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".toast").last).to_contain_text("已撤回")
    assert said() == []


def test_a_tag_that_is_missing_can_be_named(
    page: Any, service: httpx.Client, photo: Callable[[str], str]
) -> None:
    page.set_input_files(PICKER, photo("coffee"))
    card = card_of(page, "coffee.jpg")
    card.get_by_role("button", name="少了标签").click()
    field = card.get_by_label("少了哪个标签")
    field.fill("没有这个标签")
    card.get_by_role("button", name="添加").click()
    expect(page.locator(".toast").last).to_contain_text("词表里没有")
    field.fill("茶")
    card.get_by_role("button", name="添加").click()
    expect(card.locator(".badge", has_text="+ 茶")).to_be_visible()
    items = service.get("/v1/feedback", params={"tag": "茶"}).json()["items"]
    assert [one["verdict"] for one in items] == ["missing"]
    service.delete(f"/v1/feedback/{items[0]['id']}")


@on_both
def test_a_copy_of_a_stored_photo_is_shown_beside_it(
    page: Any, service: httpx.Client, photo: Callable[[str], str], copy_of: Callable[..., str]
) -> None:
    page.set_input_files(PICKER, photo("astronaut"))
    card_of(page, "astronaut.jpg").get_by_role("button", name="入库", exact=True).click()
    expect(card_of(page, "astronaut.jpg").get_by_text("已入库")).to_be_visible(timeout=20_000)
    made = copy_of("astronaut")
    page.set_input_files(PICKER, made)
    badge = card_of(page, Path(made).name).get_by_role("button", name="同一张图")
    badge.click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator("img")).to_have_count(2)
    expect(sheet).to_contain_text("astronaut.jpg")
    assert serious_violations(page) == []
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(badge).to_be_focused()
    found = service.post("/v1/images/search", json={"text": "宇航员"}).json()["items"]
    for image in found:
        service.delete(f"/v1/images/{image['id']}")


def test_the_answer_is_copied_as_json_and_as_csv(page: Any, photo: Callable[[str], str]) -> None:
    page.set_input_files(PICKER, [photo("tiger"), photo("cat")])
    for name in ("tiger.jpg", "cat.jpg"):
        card_of(page, name)
    toolbar = page.locator(".toolbar")
    toolbar.get_by_role("button", name="JSON").click()
    expect(page.locator(".toast").last).to_contain_text("已复制")
    rows = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert [row["file"] for row in rows] == ["tiger.jpg", "cat.jpg"]
    assert "老虎" in [tag["name"] for tag in rows[0]["tags"]]
    toolbar.get_by_role("button", name="CSV").click()
    expect(page.locator(".toast")).to_have_count(2)
    lines = list(csv.DictReader(io.StringIO(page.evaluate("navigator.clipboard.readText()"))))
    assert {"tiger.jpg", "cat.jpg"} == {line["file"] for line in lines}
    assert all(0 <= float(line["confidence"]) <= 1 for line in lines)


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_photos_come_by_pasting_and_by_dropping(page: Any, way: str) -> None:
    page.evaluate(
        """async (way) => {
            const bytes = await (await fetch('/assets/samples/gray-cat.jpg')).blob();
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], way + '.jpg', {type: 'image/jpeg'}));
            const event = way === 'paste'
                ? new ClipboardEvent('paste', {clipboardData: carried, bubbles: true})
                : new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true});
            document.body.dispatchEvent(event);
        }""",
        way,
    )
    assert "猫" in tags_of(card_of(page, f"{way}.jpg"))


def test_a_photo_is_tagged_and_judged_by_keyboard_alone(page: Any, service: httpx.Client) -> None:
    tab_to(page, lambda focus: focus["classes"] == "skip")
    tab_to(page, lambda focus: "sample" in focus["classes"])
    page.keyboard.press("Enter")
    card = card_of(page, "gray-cat.jpg")
    tab_to(page, lambda focus: focus["id"] == "target")
    expect(page.locator("output[for=target]")).to_have_text("10%")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("output[for=target]")).to_have_text("9%")
    tab_to(page, lambda focus: focus["classes"] == "tag-main")
    page.keyboard.press("Enter")
    expect(card.locator(".why")).to_be_visible()
    focus = tab_to(page, lambda focus: "verdict right" in focus["classes"])
    page.keyboard.press("Space")
    expect(page.locator(".toast").last).to_contain_text("已记下")
    expect(page.locator(".verdict.right[aria-pressed=true]")).to_have_count(1)
    name = re.sub(r"[“”]|打对了", "", focus["name"])
    (judged,) = service.get("/v1/feedback", params={"tag": name}).json()["items"]
    assert judged["verdict"] == "right"
    page.keyboard.press("Space")
    expect(page.locator(".verdict.right[aria-pressed=true]")).to_have_count(0)
