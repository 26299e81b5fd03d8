"""Every example of the page runs against a real service and says what the page claims."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.browser import serving
from tests.fixtures.served import small_vocabulary

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```(\w+)\n(.*?)```\n<!-- 含：(.*?) -->", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)
RUNNERS = {
    "bash": ("bash", "-euo", "pipefail", "-c"),
    "python": (sys.executable, "-c"),
    "javascript": ("node", "--input-type=module", "--eval"),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("examples")
    small_vocabulary(folder)
    with serving(folder) as address:
        yield address


def test_every_block_of_code_is_an_example_that_is_run() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^```\w+$", PAGE, re.MULTILINE))
    assert {language for language, _, _ in EXAMPLES} == set(RUNNERS)


@pytest.mark.parametrize(
    ("language", "code", "said"), EXAMPLES, ids=[f"{n}-{e[0]}" for n, e in enumerate(EXAMPLES)]
)
def test_an_example_says_what_the_page_claims(
    language: str, code: str, said: str, address: str
) -> None:
    runner = RUNNERS[language]
    if shutil.which(runner[0]) is None:
        pytest.skip(f"no {runner[0]}")
    done = subprocess.run(
        [*runner, code.replace("http://127.0.0.1:8000", address)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
