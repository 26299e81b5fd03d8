"""The documentation of the interface in a real browser."""

from typing import Any

import pytest

from tests.fixtures.browser import Watch

sync = pytest.importorskip("playwright.sync_api", reason="no playwright")
pytestmark = pytest.mark.browser


def test_the_documentation_lists_every_address_and_asks_nobody_else(
    page: Any, address: str, watch: Watch
) -> None:
    page.goto("/docs")
    page.locator(".opblock-summary-path", has_text="/v1/tag").first.wait_for()
    shown = {
        one.strip().replace("\u200b", "")
        for one in page.locator(".opblock-summary-path").all_text_contents()
    }
    documented = page.request.get(f"{address}/openapi.json").json()["paths"]
    assert shown == set(documented)


def test_a_request_can_be_tried_from_the_documentation(page: Any) -> None:
    page.goto("/docs")
    block = page.locator(".opblock", has_text="/readyz").first
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response .response-col_description")
    sync.expect(answer).to_contain_text('"vocabulary_revision"')
