"""What an operator asks of the tags: a confidence, a precision, few false alarms, the best F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vocab.errors import InvalidTagError

Kind = Literal["confidence", "precision", "false_positive_rate", "best_f1", "background_share"]


@dataclass(frozen=True)
class Target:
    """One aim and its number in (0, 1); `best_f1` takes none.

    `confidence` cuts every tag at one probability. `precision` cuts each tag where its emissions
    in the traffic are expected to be right that often on average. `false_positive_rate` lets a
    tag fire on at most that share of the background. `best_f1` cuts each tag at half of the best
    F1 it is expected to reach. `background_share` gives a tag to the images that stand out: to
    at most that share of the background, right or wrong.
    """

    kind: Kind
    value: float = 0.0


# `(n,) object`: the target of each tag, None where it has none of its own.
Aims = NDArray[np.object_]

# How a tag's own target is written: as the option of a request that asks the same of every tag.
WRITTEN: dict[str, Kind] = {
    "precision_target": "precision",
    "false_positive_rate": "false_positive_rate",
    "min_confidence": "confidence",
    "best_f1": "best_f1",
}
MAX_TEXT = 64


def read_target(text: str) -> Target:
    """A target as it is written: `best_f1`, or `precision_target=0.9` and the like.

    Raises `InvalidTagError` for anything else, and for a number not between 0 and 1.
    """
    name, _, number = (part.strip() for part in text.partition("="))
    kind = WRITTEN.get(name)
    value = _number(number)
    fits = value == 0.0 and not number if kind == "best_f1" else 0.0 < value < 1.0
    if kind is None or not fits:
        raise InvalidTagError(
            f"target 不能是 {text[:MAX_TEXT]!r}",
            field="target",
            remedy=(
                "请填 precision_target=0.9、false_positive_rate=0.01、min_confidence=0.6"
                "（数字在 0 与 1 之间）或 best_f1，或留空使用通常的阈值。"
            ),
        )
    return Target(kind, value)


def write_target(target: Target) -> str:
    """What `read_target` reads, in one spelling for one target."""
    name = next(name for name, kind in WRITTEN.items() if kind == target.kind)
    return name if target.kind == "best_f1" else f"{name}={target.value!r}"


def rows_by_target(aims: Aims) -> dict[Target, NDArray[np.int64]]:
    """Which tags have each of the targets."""
    rows: dict[Target, list[int]] = {}
    for row, aim in enumerate(aims.tolist()):
        if aim is not None:
            rows.setdefault(aim, []).append(row)
    return {target: np.asarray(of_it, dtype=np.int64) for target, of_it in rows.items()}


def _number(text: str) -> float:
    """The number a text holds; 0 for none, which no target but `best_f1` may have."""
    try:
        return float(text) if text else 0.0
    except ValueError:
        return -1.0
