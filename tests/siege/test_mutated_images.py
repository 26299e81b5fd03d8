"""Damaged and hostile images against a real service: none takes it down, each gets its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app.api.problem_table import TABLE
from app.settings import MIB
from tests.fixtures.browser import serving
from tests.fixtures.memory import family_peak
from tests.fixtures.mutants import CHANGES, Mutant, mutants, whole_files
from tests.fixtures.served import small_vocabulary

# The decoder may take as much as one image may cost (`Limits.max_decode_bytes`), in each of two
# decoders, beside the model; a leak or a bomb that is let through goes far beyond it.
MOST_BYTES = 3 * 1024 * MIB
LONGEST_S = 5.0
CODES = {row.code for row in TABLE.values() if row.status < 500}


@dataclass
class Outcome:
    """What came of the files."""

    answers: dict[str, int] = field(default_factory=dict)
    undocumented: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    peak_bytes: int = 0


def send_all(files: list[Mutant], data_dir: Path) -> Outcome:
    """Every file on its own to one service, which must be there at the end as it was before."""
    small_vocabulary(data_dir)
    outcome = Outcome()
    with serving(data_dir) as address, httpx.Client(base_url=address, timeout=60) as client:
        served_by = client.get("/readyz").json()
        for mutant in files:
            start = time.perf_counter()
            answer = client.post("/v1/tag", files={"files": (mutant.filename, mutant.data)})
            outcome.slowest = max(outcome.slowest, (time.perf_counter() - start, mutant.what))
            note(answer, mutant, outcome)
        assert client.get("/readyz").json() == served_by
        outcome.peak_bytes = family_peak(address)
    return outcome


def note(answer: httpx.Response, mutant: Mutant, outcome: Outcome) -> None:
    body = answer.json()
    result = body["results"][0] if answer.status_code == 200 else {"problem": body}
    code = "ok" if result.get("status") == "ok" else result["problem"]["code"]
    outcome.answers[code] = outcome.answers.get(code, 0) + 1
    if code != "ok" and code not in CODES:
        outcome.undocumented.append(f"{mutant.what}: {code}")


def test_every_good_file_is_tagged_whatever_it_is_called(tmp_path: Path) -> None:
    files = [Mutant(kind, data, "photo.txt") for kind, data in whole_files().items()]
    outcome = send_all(files, tmp_path / "data")
    assert outcome.answers == {"ok": len(files)}


def test_mutated_images_get_an_answer_each(tmp_path: Path) -> None:
    count = len(whole_files()) * len(CHANGES) + 47
    outcome = send_all(list(mutants(count, seed=7)), tmp_path / "data")
    assert outcome.undocumented == []
    assert sum(outcome.answers.values()) == count
    assert outcome.answers["ok"] > 0
    assert outcome.answers["image_corrupt"] > 0
    assert outcome.peak_bytes < MOST_BYTES


@pytest.mark.slow
def test_two_thousand_mutated_images_get_an_answer_each_within_five_seconds(
    tmp_path: Path,
) -> None:
    outcome = send_all(list(mutants(2_024, seed=1)), tmp_path / "data")
    print(outcome)  # noqa: T201 - the figures of a slow run
    assert outcome.undocumented == []
    assert sum(outcome.answers.values()) == 2_024
    assert outcome.slowest[0] < LONGEST_S, outcome.slowest
    assert outcome.peak_bytes < MOST_BYTES
