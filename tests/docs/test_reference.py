"""The reference pages say what the code says."""

from pathlib import Path

import pytest

from app.api.problem_table import TABLE
from app.reference import PAGES
from app.settings import Settings, variable

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
LONGEST_FILE = 300


@pytest.mark.parametrize("page", PAGES)
def test_a_reference_page_is_what_the_code_would_write(page: str) -> None:
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `make docs`"


def test_every_setting_and_every_error_code_is_documented() -> None:
    settings = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    errors = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert all(f"`{variable(name)}`" in settings for name in Settings.model_fields)
    assert all(f"`{row.code}`" in errors for row in TABLE.values())


@pytest.mark.parametrize("room", ["app", "vocab", "index"])
def test_no_file_is_longer_than_a_reader_can_hold(room: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n")
        for path in (ROOT / room).rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_dependency_has_its_line() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = {w.split(";")[0].split(">")[0].split("[")[0].strip() for w in wanted}
    assert {name for name in names if f"`{name}`" not in page} == set()
