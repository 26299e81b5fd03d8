"""How good a ranking of answers is: recall at a precision, average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answers:
    """Answers to `asked` questions with one right answer each: `scores (n,)`, `right (n,)`.

    A question may have several answers, or none.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    asked: int

    @staticmethod
    def joined(parts: list[Answers]) -> Answers:
        """All of them as one set."""
        return Answers(
            np.concatenate([one.scores for one in parts]),
            np.concatenate([one.right for one in parts]),
            sum(one.asked for one in parts),
        )

    def average_precision(self) -> float:
        """The mean, over the questions, of the precision at their right answer (micro-AP)."""
        right = self.right[np.argsort(-self.scores, kind="stable")]
        precision = np.cumsum(right) / np.arange(1, len(right) + 1)
        return float(precision[right].sum() / self.asked)

    def threshold(self, precision: float) -> float:
        """The lowest score down to which the answers have that precision; infinite where none."""
        order = np.argsort(-self.scores, kind="stable")
        scores, right = self.scores[order], self.right[order]
        reached = np.cumsum(right) / np.arange(1, len(right) + 1) >= precision
        # Equal scores are taken together or not at all.
        last_of_equal = np.append(scores[1:] != scores[:-1], True)
        places = np.flatnonzero(reached & last_of_equal)
        return float(scores[places[-1]]) if len(places) else float("inf")

    def recall(self, threshold: float) -> float:
        """The part of the questions whose right answer scores at least that."""
        return float(self.right[self.scores >= threshold].sum() / self.asked)

    def precision(self, threshold: float) -> float:
        """The part of right answers among those that score at least that; 1 where none does."""
        taken = self.right[self.scores >= threshold]
        return float(taken.mean()) if len(taken) else 1.0
