"""An image that stops its decoder, under a running service."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from fastapi.testclient import TestClient

from app.intake.guarded import GuardedDecoder
from app.main import create_app
from app.settings import Settings

PHOTO = (Path(__file__).parents[2] / "data" / "cat.jpg").read_bytes()


def test_an_image_that_stops_its_decoder_is_a_problem_of_its_own(
    tiny_model: None, template: Path, tmp_path: Path
) -> None:
    shutil.copytree(template, tmp_path / "data")
    settings = Settings(
        data_dir=tmp_path / "data",
        decode_isolation="process",
        decode_threads=1,
        decode_timeout_s=2,
        cache_bytes=0,
    )
    with TestClient(create_app(settings)) as client:
        guarded = client.app.state.service.tagger.take_in.keywords["decode"]  # type: ignore[attr-defined]
        assert isinstance(guarded, GuardedDecoder)
        for _ in range(2):
            good = client.post("/v1/tag", files={"files": PHOTO})
            assert good.json()["results"][0]["status"] == "ok"
            (process,) = guarded.waiting
            os.kill(process, signal.SIGSTOP)
            files = [("files", PHOTO), ("files", PHOTO)]
            both = client.post("/v1/tag", files=files).json()["results"]
            assert sorted(one["status"] for one in both) == ["error", "ok"]
            (problem,) = [one["problem"] for one in both if one["status"] == "error"]
            assert problem["code"] == "image_decoding_stopped"
    assert not guarded.waiting
