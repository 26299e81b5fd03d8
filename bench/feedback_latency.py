"""How soon a judgement is in the answers: a real service with its starter vocabulary and model.

Why: the promise is a second. What is right: the same photo's confidence for the judged tag has
fallen, and after DELETE it is to the last digit what it was. Time runs from the answer to
`POST /v1/feedback` to the first answer of `POST /v1/tag` that shows it, which includes that
answer's own time; how long an answer takes by itself is stated beside it.

    python -m bench.feedback_latency [--rounds 20] [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

PHOTO = Path(__file__).parents[1] / "tests" / "data" / "tiger.jpg"
RESULTS = Path(__file__).parent / "results" / "feedback_latency.json"
PATIENCE_S = 30.0


@contextmanager
def serving(folder: Path) -> Iterator[httpx.Client]:
    """A caller of a service in a process of its own."""
    log = folder / "service.log"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--port", "0"],
            env=os.environ | {"TUQIAN_DATA_DIR": str(folder / "data")},
            stderr=sink,
        )
    try:
        while not (found := re.search(r"图签已就绪：(\S+)", log.read_text(encoding="utf-8"))):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        with httpx.Client(base_url=found[1], timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def strongest(client: httpx.Client) -> tuple[str, dict[str, Any]]:
    """The photo's digest and its strongest tag."""
    (result,) = client.post("/v1/tag", files={"files": PHOTO.read_bytes()}).json()["results"]
    return result["sha256"], result["tags"][0]


def confidence_of(client: httpx.Client, tag: str) -> float:
    options = json.dumps({"min_confidence": 0, "distinct": False, "top_k": 100})
    answer = client.post(
        "/v1/tag", files={"files": PHOTO.read_bytes()}, data={"options": options}
    ).json()
    (found,) = [one for one in answer["results"][0]["tags"] if one["id"] == tag]
    return float(found["confidence"])


def until_other(client: httpx.Client, tag: str, than: float) -> float:
    """Seconds until the confidence is another one."""
    began = time.monotonic()
    while confidence_of(client, tag) == than:
        assert time.monotonic() - began < PATIENCE_S
    return time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results")
    given = parser.parse_args(arguments)
    told, taken_back, alone = [], [], []
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as client:
        digest, tag = strongest(client)
        first = confidence_of(client, tag["id"])
        for _ in range(given.rounds):
            began = time.monotonic()
            before = confidence_of(client, tag["id"])
            alone.append(time.monotonic() - began)
            assert before == first
            body = {"tag": tag["id"], "verdict": "wrong", "sha256": digest}
            (kept,) = client.post("/v1/feedback", json={"judgements": [body]}).json()["results"]
            told.append(until_other(client, tag["id"], before))
            moved = confidence_of(client, tag["id"])
            assert moved < before
            client.delete(f"/v1/feedback/{kept['id']}").raise_for_status()
            taken_back.append(until_other(client, tag["id"], moved))
    found = {
        "rounds": given.rounds,
        "judged_ms": {"median": 1000 * median(told), "worst": 1000 * max(told)},
        "taken_back_ms": {"median": 1000 * median(taken_back), "worst": 1000 * max(taken_back)},
        "one_answer_ms": {"median": 1000 * median(alone)},
    }
    print(json.dumps(found, indent=1))
    if given.write:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
