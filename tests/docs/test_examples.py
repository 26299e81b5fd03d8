"""The examples of the pages run against a real service and say what the pages claim."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.browser import serving
from tests.fixtures.served import small_vocabulary

ROOT = Path(__file__).parents[2]
# The English twins show the same code (test_pages.py), so they need not run again. The quick start
# comes first: it counts revisions from a vocabulary that nobody has edited.
PAGES = ("quickstart.md", "howto/api.md")
EXAMPLE = re.compile(r"```(\w+)\n((?:(?!```).)*)```\n<!-- 含：(.*?) -->", re.DOTALL)
NOT_RUN = re.compile(r"<!-- 不运行：.+? -->\n```")
RUNNERS = {
    "bash": ("bash", "-euo", "pipefail", "-c"),
    "python": (sys.executable, "-c"),
    "javascript": ("node", "--input-type=module", "--eval"),
}


@dataclass(frozen=True)
class Example:
    """A block of code of a page, and what its output holds."""

    page: str
    number: int
    language: str
    code: str
    says: str


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


EXAMPLES = [
    Example(page, number, *found)
    for page in PAGES
    for number, found in enumerate(EXAMPLE.findall(text_of(page)))
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    small_vocabulary(made)
    return made


@pytest.fixture(scope="module")
def address(data_dir: Path) -> Iterator[str]:
    with serving(data_dir) as address:
        yield address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Looks like the root of the project to the examples, and takes what they write."""
    made = tmp_path_factory.mktemp("root")
    (made / "tests").symlink_to(ROOT / "tests")
    installed = made / ".venv" / "bin"
    installed.mkdir(parents=True)
    for name, command in (("python", ""), ("tuqian", " -m app")):
        script = installed / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return made


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_code_is_an_example_that_is_run(page: str) -> None:
    text = text_of(page)
    run, excused = EXAMPLE.findall(text), NOT_RUN.findall(text)
    assert len(run) + len(excused) == len(re.findall(r"^```\w+$", text, re.MULTILINE))
    assert {language for language, _, _ in run} <= set(RUNNERS)


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.page}-{one.number}")
def test_an_example_says_what_the_page_claims(
    one: Example, address: str, folder: Path, data_dir: Path
) -> None:
    runner = RUNNERS[one.language]
    if shutil.which(runner[0]) is None:
        pytest.skip(f"no {runner[0]}")
    done = subprocess.run(
        [*runner, one.code.replace("http://127.0.0.1:8000", address)],
        cwd=folder,
        # Wide, so that no table breaks a line in two.
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "200",
            "TUQIAN_DATA_DIR": str(data_dir),
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert one.says in done.stdout, done.stdout
