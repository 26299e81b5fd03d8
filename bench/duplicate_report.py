"""The table of `bench.duplicates`: every method under every attack, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.attacks import ATTACKS, EASY, HARD
from bench.judged import Judged
from bench.ranking import Answers

PRECISION = 0.995
LESS = 0.9
VERDICT = "verdict"

# Method and attack to the answers of the even and of the odd photos, one a photo.
Measured = dict[str, dict[str, tuple[list[Answers], list[Answers]]]]


@dataclass(frozen=True)
class Calls:
    """Of the odd photos under one attack: how many were called near or exact, rightly or not."""

    right: int
    wrong: int
    asked: int


def summary(measured: Measured, calls: dict[str, Calls]) -> dict[str, Any]:
    """Thresholds from the even photos, figures from the odd ones, as JSON holds them.

    A single method's recall is that at `PRECISION`; the verdict's is what it calls near or exact.
    """
    made: dict[str, Any] = {}
    for method, by_attack in measured.items():
        even, odd = (
            Answers.joined([one for halves in by_attack.values() for one in halves[half]])
            for half in (0, 1)
        )
        cut, looser = even.threshold(PRECISION), even.threshold(LESS)
        made[method] = {
            "threshold": round(cut, 4),
            "recall": round(odd.recall(cut), 4),
            "precision": round(odd.precision(cut), 4),
            "micro_ap": round(odd.average_precision(), 4),
            "recall_at_90": round(odd.recall(looser), 4),
            "by_attack": {
                name: round(Answers.joined(halves[1]).recall(cut), 4)
                for name, halves in by_attack.items()
            },
        }
    verdict = made[VERDICT]
    asked, right, wrong = (
        sum(getattr(one, part) for one in calls.values()) for part in ("asked", "right", "wrong")
    )
    verdict["recall_at_995"] = verdict["recall"]
    verdict["recall"] = round(right / asked, 4)
    verdict["precision"] = round(right / max(1, right + wrong), 4)
    verdict["threshold"] = None
    verdict["by_attack"] = {name: round(one.right / one.asked, 4) for name, one in calls.items()}
    verdict["wrong"] = {name: one.wrong for name, one in calls.items()}
    for label, group in (("easy", EASY), ("hard", HARD)):
        verdict[label] = round(
            sum(calls[name].right for name in group) / sum(calls[name].asked for name in group), 4
        )
    return made


def verdict_calls(
    verdicts: dict[int, list[Judged]], beside: dict[int, NDArray[np.int64]]
) -> dict[str, Calls]:
    """What the verdicts on some photos say; of `beside` see `Bench.other`."""
    made = {}
    for at, name in enumerate(ATTACKS):
        right = wrong = asked = 0
        for place in verdicts:
            said = {one.place for one in verdicts[place][at].answers if one.tier != "similar"}
            right += place in said
            wrong += len(said - {place, int(beside[place][at])})
            asked += 1
        made[name] = Calls(right, wrong, asked)
    return made


def costs(judged: list[Judged], thumbnails: list[int], vector_bytes: int) -> dict[str, Any]:
    """What an image costs on disk, and a verdict in time."""
    spent = np.asarray([one.milliseconds for one in judged])
    checks = np.asarray([len(one.looks) for one in judged])
    return {
        "thumbnail_bytes": round(float(np.mean(thumbnails))),
        "copy_vector_bytes": vector_bytes,
        "hash_bytes": 32,
        "milliseconds_median": round(float(np.median(spent)), 1),
        "milliseconds_p95": round(float(np.percentile(spent, 95)), 1),
        "checks_mean": round(float(checks.mean()), 2),
        "checks_median": float(np.median(checks)),
    }


def table(made: dict[str, Any]) -> str:
    """The summary as a Markdown table."""
    names = list(made)
    lines = [
        "| attack | " + " | ".join([*names, "wrong"]) + " |",
        "| --- |" + " --- |" * (len(names) + 1),
    ]
    for attack in ATTACKS:
        row = [f"{made[name]['by_attack'][attack]:.3f}" for name in names]
        wrong = made[VERDICT]["wrong"][attack]
        lines.append(f"| {attack} | " + " | ".join([*row, str(wrong)]) + " |")
    all_wrong = sum(made[VERDICT]["wrong"].values())
    for label, part in (
        ("**all**", "recall"),
        ("precision", "precision"),
        ("micro-AP", "micro_ap"),
        ("recall at 90 %", "recall_at_90"),
    ):
        row = [f"{made[name][part]:.4f}" for name in names]
        last = str(all_wrong) if part == "recall" else ""
        lines.append(f"| {label} | " + " | ".join([*row, last]) + " |")
    return "\n".join(lines)
