"""Takes the pictures of the page for the documents: `python -m tests.e2e.screenshots docs/images`.

Real answers of the built-in model over the starter vocabulary, on photos that may be shown.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tests.fixtures.browser import VIEWS, chromium, serving

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "tests" / "data"
SEEDS = ROOT / "vocab" / "data" / "seed_images"
SHOWN = [
    PHOTOS / "tiger.jpg",
    PHOTOS / "coffee.jpg",
    PHOTOS / "pavilion.jpg",
    SEEDS / "gray-cat.jpg",
    SEEDS / "autumn-mountain.jpg",
    SEEDS / "paint-brushes.jpg",
]
LARGEST_BYTES = 300_000


def main(folder: Path) -> None:
    """Writes every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="tuqian-shots-") as data,
        chromium() as browser,
        serving(Path(data)) as address,
    ):
        with window(browser, address, "desktop", color_scheme="dark") as page:
            tag(page, SHOWN)
            keep(page, folder / "page-dark.webp")
        with window(browser, address, "phone", device_scale_factor=2) as page:
            tag(page, SHOWN[3:4])
            page.evaluate("scrollTo(0, 140)")
            keep(page, folder / "page-phone.webp")
        with window(browser, address, "desktop") as page:
            tag(page, SHOWN)
            page.locator(".tag-main").first.click()
            keep(page, folder / "page-tagging.webp")
            stay(page, "/#/search", ".finder")
            store(page, sorted(SEEDS.glob("*.jpg")))
            page.get_by_label("用中文描述要找的图").fill("远处的山")
            page.keyboard.press("Enter")
            page.wait_for_selector(".tile")
            keep(page, folder / "page-search.webp")
            stay(page, "/#/vocabulary", ".item")
            page.get_by_role("button", name="新标签").click()
            page.get_by_role("region", name="新标签").get_by_label("名称").fill("蓝眼睛的猫")
            page.wait_for_selector(".preview .facts")
            keep(page, folder / "page-vocabulary.webp")
            stay(page, "/#/quality/threshold", ".threshold-pick")
            page.get_by_label("标签名称").fill("高山")
            page.keyboard.press("Enter")
            page.wait_for_selector(".histogram")
            keep(page, folder / "page-threshold.webp")


def store(page: Any, photos: list[Path]) -> None:
    """Photos to be found, stored from the page, so that it shows them in colour."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="图片入库").click()
    chooser.value.set_files([str(path) for path in photos])
    page.locator(".toast", has_text="入库").wait_for(timeout=120_000)
    page.locator(".toast").wait_for(state="detached")


@contextmanager
def window(browser: Any, address: str, view: str, **more: Any) -> Iterator[Any]:
    """The page in a window of that size."""
    context = browser.new_context(base_url=address, reduced_motion="reduce", **(VIEWS[view] | more))
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


def tag(page: Any, photos: list[Path]) -> None:
    """Gives the photos to the page and waits for the answers."""
    page.set_input_files("input[type=file]", [str(path) for path in photos])
    for place in range(len(photos)):
        page.locator(".card").nth(place).locator(".card-actions").wait_for(timeout=60_000)


def stay(page: Any, place: str, selector: str) -> None:
    """Goes to a part of the page and waits until it is there."""
    page.goto(place)
    page.wait_for_selector(selector)


def keep(page: Any, path: Path) -> None:
    """The window as a WebP file of at most `LARGEST_BYTES`."""
    page.wait_for_timeout(1500)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        for quality in (90, 82, 74, 66):
            shot.convert("RGB").save(path, "WEBP", quality=quality, method=6)
            if path.stat().st_size <= LARGEST_BYTES:
                return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
