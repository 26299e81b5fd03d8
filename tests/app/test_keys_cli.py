"""`tuqian keys` from the shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.access.keys import read_token
from app.cli import app
from app.errors import KeyExistsError, KeyNotFoundError, SettingsError


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("TUQIAN_DATA_DIR", str(tmp_path / "data"))
    return CliRunner()


def test_a_key_is_made_shown_once_listed_and_revoked(runner: CliRunner) -> None:
    made = runner.invoke(app, ["keys", "create", "cms", "--role", "edit", "--daily", "100"])
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert read_token(token) is not None
    listed = runner.invoke(app, ["keys", "list"]).stdout
    assert all(word in listed for word in ("cms", "edit", "100/天", "有效", "从未"))
    assert token.rsplit("_", 1)[1] not in listed
    assert runner.invoke(app, ["keys", "revoke", "cms"]).exit_code == 0
    assert "吊销" in runner.invoke(app, ["keys", "list"]).stdout


def test_mistakes_are_errors_of_ours(runner: CliRunner) -> None:
    runner.invoke(app, ["keys", "create", "cms"])
    for words, error in (
        (["create", "cms"], KeyExistsError),
        (["create", "a b"], SettingsError),
        (["create", "other", "--role", "root"], SettingsError),
        (["revoke", "nobody"], KeyNotFoundError),
    ):
        assert isinstance(runner.invoke(app, ["keys", *words]).exception, error)
