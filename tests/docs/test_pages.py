"""The pages hang together: links lead somewhere, and English pages follow their originals."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ENGLISH = sorted((DOCS / "en").rglob("*.md"))
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)|(?:src|href)=\"([^\"]+)\"")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"\s*(?:^|\s)#\s.*$", re.MULTILINE)


def prose_of(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {anchor(title) for title in titles}


def anchor(title: str) -> str:
    kept = (c for c in title.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def code_of(page: Path) -> list[tuple[str, str]]:
    """Its blocks of code without their comments, which are in the language of the page."""
    found = FENCED.findall(page.read_text(encoding="utf-8"))
    return [(language, COMMENT.sub("", code).strip()) for language, code in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    lost = []
    for match in LINK.finditer(prose_of(page)):
        link = unquote(match[1] or match[2])
        if re.match(r"\w+:", link):
            continue
        path, _, place = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (place and place not in anchors_of(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_an_english_page_has_an_original_with_the_same_code_and_as_many_parts(page: Path) -> None:
    original = DOCS / page.relative_to(DOCS / "en")
    assert code_of(page) == code_of(original)
    assert len(re.findall(r"^## ", prose_of(page), re.MULTILINE)) == len(
        re.findall(r"^## ", prose_of(original), re.MULTILINE)
    )


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_page_can_be_reached_from_the_index(page: Path) -> None:
    seen, found = set(), [ROOT / "README.md"]
    while found:
        at = found.pop()
        if at in seen or at.suffix != ".md":
            continue
        seen.add(at)
        for match in LINK.finditer(prose_of(at)):
            target = (at.parent / unquote(match[1] or match[2]).partition("#")[0]).resolve()
            if target.is_dir():
                found += sorted(target.glob("*.md"))
            elif target.is_file():
                found.append(target)
    assert page in seen


def test_every_room_is_on_the_map() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.relative_to(ROOT) for path in ROOT.glob("app/*/__init__.py")]
    rooms += [Path(name) for name in ("vocab", "index", "deploy", "bench", "tests", "docs")]
    assert [str(room) for room in rooms if f"| `{room}/` |" not in page] == []
