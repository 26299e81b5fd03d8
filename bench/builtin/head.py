"""The image head: what turns the backbone's output into a vector of the text space."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from app.encoders.base import unit_rows
from bench.builtin import data
from bench.builtin.held_out import STRONGEST

HIDDEN = 1536
DROPOUT = 0.5
TEMPERATURE = 1.3


class Head(nn.Module):
    """The strongest classes' mean name vector, plus what a two-layer network reads in the features.

    `names (1000, d)` are the unit vectors of the class names; `allowed (1000,)` is False for
    classes that must not be known.
    """

    names: Tensor
    allowed: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, names: Tensor, allowed: Tensor, mean: Tensor, spread: Tensor):
        super().__init__()
        for name, value in (
            ("names", names), ("allowed", allowed), ("mean", mean), ("spread", spread),
        ):  # fmt: skip
            self.register_buffer(name, value)
        self.net = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(len(mean), HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, names.shape[1]),
        )  # fmt: skip
        last = cast(nn.Linear, self.net[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def average(self, logits: Tensor) -> Tensor:
        """`(n, 1000)` logits to the `(n, d)` mean name vector of the strongest classes."""
        shown = (logits / TEMPERATURE).masked_fill(~self.allowed, -1e9)
        weights = shown.softmax(1)
        least = weights.topk(STRONGEST, dim=1).values[:, -1:]
        weights = weights * (weights >= least)
        return (weights / weights.sum(1, keepdim=True)) @ self.names

    def forward(self, pooled: Tensor, logits: Tensor) -> Tensor:
        """Features and logits to `(n, d)`, not unit rows."""
        return self.average(logits) + self.net((pooled - self.mean) / self.spread)


def save(trained: Head, path: Path) -> None:
    """The head with its buffers."""
    torch.save(trained.state_dict(), path)


def load(path: Path) -> Head:
    """A head as it was saved, ready to be used."""
    state = torch.load(path, weights_only=True)
    head = Head(state["names"], state["allowed"], state["mean"], state["spread"])
    head.load_state_dict(state)
    return head.eval()


def read_view(name: str) -> tuple[Tensor, Tensor]:
    """Pooled features and logits of every photograph in one view, float32."""
    with np.load(data.WORK / f"features_{name}.npz") as stored:
        return (
            torch.from_numpy(stored["pooled"].astype(np.float32)),
            torch.from_numpy(stored["logits"].astype(np.float32)),
        )


def embed(trained: Head, view: str, rows: np.ndarray) -> np.ndarray:
    """`(n, d) float32` unit rows of some photographs."""
    pooled, logits = read_view(view)
    with torch.no_grad():
        return unit_rows(trained(pooled[rows], logits[rows]).numpy())
