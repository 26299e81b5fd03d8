"""What holds for every tab: language, night, size, and a tab that fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.browser import Watch, on_both, serious_violations, tab_to

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
expect = sync.expect
pytestmark = pytest.mark.browser

TABS = {
    "打标": "照片",
    "词表": "词表",
    "找图": "找图",
    "质量": "质量",
    "状态": "状态",
}


@on_both
def test_every_tab_opens_and_fits_the_window(page: Any) -> None:
    tabs = page.get_by_role("navigation", name="主要部分")
    for name, heading in TABS.items():
        tabs.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name=heading).first).to_be_visible()
        expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(page).to_have_title(f"{name} · 图签")
        page.wait_for_timeout(200)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wider) <= 0, f"{name} scrolls sideways"


def test_english_at_a_switch_is_remembered(page: Any) -> None:
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Drop photos here")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.reload()
    expect(page.get_by_role("heading", name="Drop photos here")).to_be_visible()
    for name in ("Vocabulary", "Find", "Quality", "Status"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="状态")).to_be_visible()


def test_night_has_enough_contrast_and_is_remembered(page: Any) -> None:
    day = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="切换到深色").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    night = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert day != night
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == night
    for tab in ("tag", "vocabulary", "search", "quality", "status"):
        page.goto(f"/#/{tab}")
        page.wait_for_timeout(200)
        assert serious_violations(page) == [], tab


def test_the_first_tab_key_offers_to_skip_to_the_content(page: Any) -> None:
    tab_to(page, lambda focus: focus["classes"] == "skip", most=1)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_service_that_has_gone_is_said_and_the_page_stays(page: Any, watch: Watch) -> None:
    watch.expect(r"ERR_FAILED")
    page.route("**/v1/**", lambda route: route.abort())
    page.get_by_role("link", name="质量").click()
    expect(page.get_by_role("alert")).to_contain_text("连接不上服务")
    page.unroute("**/v1/**")
    page.get_by_role("link", name="词表").click()
    expect(page.locator(".item").first).to_be_visible()
