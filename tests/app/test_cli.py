"""The commands, run as a user runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.settings import Settings
from tests.app.conftest import PHOTOS

runner = CliRunner()


@pytest.fixture(autouse=True)
def _over_the_small_vocabulary(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUQIAN_DATA_DIR", str(settings.data_dir))


def test_photos_are_tagged_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tag", "--min-confidence", "0", str(PHOTOS / "cat.jpg")]
    result = runner.invoke(cli.app, arguments)
    assert result.exit_code == 0
    shown = result.output + capsys.readouterr().out
    assert "cat.jpg" in shown
    assert "猫" in shown


def test_a_folder_is_tagged_as_json(tmp_path: Path) -> None:
    for name in ("cat", "tiger"):
        (tmp_path / f"{name}.jpg").write_bytes((PHOTOS / f"{name}.jpg").read_bytes())
    result = runner.invoke(cli.app, ["tag", "--json", "--top-k", "2", str(tmp_path)])
    assert result.exit_code == 0
    body = json.loads(result.stdout)
    assert body["model"] == "builtin"
    assert [Path(one["path"]).name for one in body["results"]] == ["cat.jpg", "tiger.jpg"]
    assert all(len(one["tags"]) <= 2 for one in body["results"])


def test_a_bad_file_is_named_and_the_command_fails(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"text")
    (tmp_path / "cat.jpg").write_bytes((PHOTOS / "cat.jpg").read_bytes())
    result = runner.invoke(cli.app, ["tag", "--json", str(tmp_path)])
    assert result.exit_code == 1
    assert "1 张图片失败" in result.stderr
    assert "bad.jpg" in result.stderr
    assert [one["status"] for one in json.loads(result.stdout)["results"]] == ["error", "ok"]


def test_a_folder_without_images_is_said_to_have_none(tmp_path: Path) -> None:
    result = runner.invoke(cli.app, ["tag", str(tmp_path)])
    assert result.exit_code == 2
    assert "没有找到图片" in result.stderr


def test_the_models_are_listed_with_what_they_need() -> None:
    result = runner.invoke(cli.app, ["models"])
    assert result.exit_code == 0
    assert "builtin" in result.output
    assert "chinese-clip-vit-b-16" in result.output


def test_the_doctor_shows_the_installation() -> None:
    result = runner.invoke(cli.app, ["doctor"])
    assert "向量检索" in result.output
    assert "faiss" in result.output


def test_an_error_of_ours_is_a_sentence_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tuqian", "tag", str(PHOTOS / "cat.jpg"), "--model", "x"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "没有这个模型" in said
    assert "解决办法" in said
    assert "Traceback" not in said
