"""What docs/howto/jobs.md shows does what it says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.jobs import router
from app.jobs.webhook import headers_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "jobs.md").read_text(encoding="utf-8")
SIGNED_WITH = "a long and random text"
BODY = b'{"event": "job.finished"}'


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    """The function on the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is our own page
    found: Callable[..., bool] = names["is_genuine"]
    return found


def test_the_check_on_the_page_accepts_what_the_service_signs(
    is_genuine: Callable[..., bool],
) -> None:
    headers = httpx.Headers(headers_of(SIGNED_WITH, int(time.time()), BODY))
    assert is_genuine(SIGNED_WITH, headers, BODY)


@pytest.mark.parametrize(
    ("secret", "age_s", "body", "removed"),
    [
        ("another", 0, BODY, None),
        (SIGNED_WITH, 0, BODY + b" ", None),
        (SIGNED_WITH, 3600, BODY, None),
        (SIGNED_WITH, -3600, BODY, None),
        (SIGNED_WITH, 0, BODY, "Tuqian-Timestamp"),
        (SIGNED_WITH, 0, BODY, "Tuqian-Signature"),
    ],
)
def test_the_check_on_the_page_refuses_whatever_is_not_ours_and_fresh(
    is_genuine: Callable[..., bool], secret: str, age_s: int, body: bytes, removed: str | None
) -> None:
    headers = httpx.Headers(headers_of(SIGNED_WITH, int(time.time()) - age_s, BODY))
    if removed:
        del headers[removed]
    assert not is_genuine(secret, headers, body)


def test_a_signature_moved_to_another_time_is_refused(is_genuine: Callable[..., bool]) -> None:
    now = int(time.time())
    headers = httpx.Headers(headers_of(SIGNED_WITH, now - 3600, BODY))
    headers["Tuqian-Timestamp"] = str(now)
    assert not is_genuine(SIGNED_WITH, headers, BODY)


def test_every_route_of_the_jobs_is_shown_on_the_page() -> None:
    for route in router.routes:
        path = str(route.path).replace("{job_id}", "ID")  # type: ignore[attr-defined]
        assert f"localhost:8000{path}" in PAGE
