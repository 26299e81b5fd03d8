"""The page and its files, and the pictures it shows."""

import io
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import app

WEB = Path(app.__file__).parent / "web"
LONGEST_FILE = 300
OURS = sorted(
    path for path in WEB.rglob("*") if path.suffix in (".js", ".css") and "vendor" not in path.parts
)


def test_the_page_and_every_file_it_names_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(named) > 5
    for address in named:
        assert client.get(address).status_code == 200, address


def test_every_module_a_module_imports_is_served(client: TestClient) -> None:
    for path in OURS:
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8")):
            target = (path.parent / name).resolve().relative_to(WEB)
            found = client.get(f"/{target.as_posix()}")
            assert found.status_code == 200, f"{path.name} imports {name}"
            assert "javascript" in found.headers["content-type"]


def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else(client: TestClient) -> None:
    text = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)
    for path in [WEB / "index.html", *OURS]:
        said = re.sub(r"http://www\.w3\.org/\S+", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"https?://|@import|//cdn", said), path.name


def test_a_browser_asks_whether_a_file_has_changed(client: TestClient) -> None:
    first = client.get("/assets/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/assets/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("address", ["/assets/none.js", "/assets/../main.py", "/assets/%2e%2e/x"])
def test_what_is_no_file_of_the_page_is_a_problem(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(WEB).as_posix())
def test_no_file_of_the_page_is_longer_than_a_reader_can_hold(path: Path) -> None:
    if path.parent.name in ("words", "style"):  # lists, not code
        return
    assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE


def test_both_languages_have_the_same_words() -> None:
    def words(name: str) -> dict[str, str]:
        text = (WEB / "assets" / "words" / f"{name}.js").read_text(encoding="utf-8")
        return dict(re.findall(r'^  "([\w.-]+)":\s+"(.*)",$', text, re.M))

    chinese, english = words("zh"), words("en")
    assert len(chinese) > 100
    assert set(chinese) == set(english)
    for name, said in chinese.items():
        assert set(re.findall(r"\{\w+\}", said)) == set(re.findall(r"\{\w+\}", english[name])), name


def test_every_word_the_page_uses_exists() -> None:
    words = (WEB / "assets" / "words" / "zh.js").read_text(encoding="utf-8")
    for path in OURS:
        for name in re.findall(r'\bt\(\s*"([\w.-]+)"', path.read_text(encoding="utf-8")):
            assert f'"{name}":' in words, f"{path.name}: {name}"


def test_a_stored_image_has_a_small_picture(client: TestClient, cat: bytes) -> None:
    added = client.post("/v1/images", files={"files": cat}).json()["results"][0]
    picture = client.get(f"/v1/images/{added['id']}/thumbnail")
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(picture.content)) as opened:
        assert opened.mode == "L"
        assert max(opened.size) <= 256
    client.delete(f"/v1/images/{added['id']}")
    assert client.get(f"/v1/images/{added['id']}/thumbnail").status_code == 404
