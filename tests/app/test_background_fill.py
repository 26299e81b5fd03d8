"""The operator's own bank, drawn from a folder of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.background_fill import reservoir
from app.cli import app
from app.encoders.builtin import load_builtin
from app.scoring import background_of
from tests.fixtures.commands import command_runner
from tests.fixtures.photos import drawn
from vocab.background import BackgroundBank
from vocab.tags import TagDraft

PHOTOS = 9


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    return command_runner(tmp_path, monkeypatch, [TagDraft("猫", "动物")])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(PHOTOS):
        drawn(seed, 60, 40).save(folder / f"{seed}.png")
    return folder


def bank(tmp_path: Path) -> BackgroundBank:
    return background_of(load_builtin(tmp_path / "model"), tmp_path / "data")


def test_the_bank_becomes_the_photos_and_the_command_says_what_changed(
    run: CliRunner, photos: Path, tmp_path: Path
) -> None:
    before = len(bank(tmp_path))
    done = run.invoke(app, ["calibrate", "--images", str(photos)])
    assert done.exit_code == 0, done.output
    assert f"原来 {before} 张（随模型附带的），现在 {PHOTOS} 张" in done.output
    assert "重启" in done.output
    encoder = load_builtin(tmp_path / "model")
    expected = encoder.encode_images([drawn(seed, 60, 40) for seed in range(PHOTOS)])
    found = bank(tmp_path)
    assert found.model_key == encoder.model_key
    assert np.allclose(found.vectors, expected, atol=2e-3)


def test_no_more_photos_are_taken_than_asked_for_and_the_same_ones_again(
    run: CliRunner, photos: Path, tmp_path: Path
) -> None:
    command = ["calibrate", "--images", str(photos), "--limit", "4", "--seed", "3"]
    assert "现在 4 张" in run.invoke(app, command).output
    first = bank(tmp_path).vectors
    again = run.invoke(app, command).output
    assert "原来 4 张（自己的），现在 4 张" in again
    assert np.array_equal(bank(tmp_path).vectors, first)
    run.invoke(app, [*command[:-1], "4"])
    assert not np.array_equal(bank(tmp_path).vectors, first)


def test_a_bad_file_is_named_and_a_copy_counts_once(
    run: CliRunner, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "copy.png").write_bytes((photos / "0.png").read_bytes())
    done = run.invoke(app, ["calibrate", "--images", str(photos)])
    assert done.exit_code == 0
    assert "1 张图片无法使用" in done.output
    assert "bad.jpg" in done.output
    assert f"现在 {PHOTOS} 张，另有 1 张是重复文件" in done.output


def test_a_folder_without_a_readable_photo_changes_nothing(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no image")
    done = run.invoke(app, ["calibrate", "--images", str(tmp_path / "photos")])
    assert done.exit_code != 0
    assert "背景库没有改变" in str(done.exception)
    assert [path.name for path in (tmp_path / "data" / "background").iterdir()] == [
        f"{load_builtin(tmp_path / 'model').model_key}.seed.npz"
    ]


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 1000))
def test_a_reservoir_holds_different_items_and_no_more_than_its_size(
    count: int, size: int, seed: int
) -> None:
    kept = reservoir(iter(range(count)), size, seed)
    assert len(kept) == len(set(kept)) == min(count, size)
    assert set(kept) <= set(range(count))
    assert kept == reservoir(iter(range(count)), size, seed)


def test_a_reservoir_takes_every_item_equally_often() -> None:
    drawn_ = [item for seed in range(4000) for item in reservoir(range(10), 3, seed)]
    shares = np.bincount(drawn_, minlength=10) / 4000
    assert np.abs(shares - 0.3).max() < 0.03
