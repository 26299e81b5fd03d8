"""What an operator asks of the tags: a confidence, a precision, few false alarms, the best F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
