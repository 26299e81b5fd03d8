"""The photos in the repository decode, stay small, and say whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.intake.decode import decode
from app.intake.limits import Limits

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "vocab/data/seed_images", ROOT / "tests/data"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_shipped_photo_is_small_and_its_source_is_written_down(folder: Path) -> None:
    photos = sorted(folder.glob("*.jpg"))
    named = {
        line.split("`")[1]
        for line in (folder / "SOURCES.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    }
    assert named == {photo.name for photo in photos}
    assert sum(photo.stat().st_size for photo in photos) < 2_500_000
    for photo in photos:
        decoded = decode(photo.read_bytes(), Limits())
        assert 150 <= min(decoded.width, decoded.height) <= 512
