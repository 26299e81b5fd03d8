"""What the service learns from use: judgements, the images answered last, and the traffic."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.database import Database
from app.editor import Editor
from app.encoders.base import Encoder
from app.health import HealthCheck
from app.recalibration import Recalibration
from app.recent import RecentImages, Seen
from app.reservoir import Reservoir, traffic_bank_path, with_traffic
from app.scoring import background_of, own_bank_path
from vocab.background import BackgroundBank
from vocab.feedback import Prior
from vocab.judgements import JudgementStore
from vocab.traffic import TrafficStore

log = logging.getLogger(__name__)

# Fewer photos than that promise no rate of false positives of 1 % (vocab.cuts).
FEW = 299


@dataclass(frozen=True)
class Learning:
    """The parts that learn; `reservoir` is there where the bank may learn from the traffic, which
    an operator's own bank already stands for.
    """

    judgements: JudgementStore
    recalibration: Recalibration
    recent: RecentImages
    health: HealthCheck
    reservoir: Reservoir | None
    operators_bank: bool

    def observe(self, seen: Sequence[Seen]) -> None:
        """Images that were tagged; costs next to nothing and never waits."""
        self.recent.add(seen)
        if self.reservoir is not None:
            self.reservoir.offer(seen)


def bank_of(encoder: Encoder, data_dir: Path, *, learn: bool) -> BackgroundBank:
    """The bank to start with: what the last run measured with, where it may learn.

    An operator's own bank stands for their traffic already, and is taken as it is.
    """
    bank = background_of(encoder, data_dir)
    if learn and not own_bank_path(encoder, data_dir).is_file():
        bank = with_traffic(bank, traffic_bank_path(data_dir, encoder.model_key), encoder.dim)
    if len(bank) < FEW:
        log.warning("only %d photos calibrate %s so far", len(bank), encoder.model_key)
    return bank


def learning_of(
    database: Database,
    editor: Editor,
    encoder: Encoder,
    data_dir: Path,
    stack: ExitStack,
    *,
    bank_learn: bool,
    bank_size: int,
    recent_images: int,
    author_cap: float,
) -> Learning:
    """Makes the parts over a started editor; leaving the stack closes them."""
    judgements = JudgementStore(database, encoder.model_key)
    recalibration = Recalibration(editor, judgements, Prior(author_cap=author_cap))
    stack.callback(recalibration.close)
    reservoir = None
    operators = own_bank_path(encoder, data_dir).is_file()
    if bank_learn and bank_size and not operators:
        reservoir = Reservoir(
            TrafficStore(database, encoder.model_key, bank_size),
            background_of(encoder, data_dir),
            traffic_bank_path(data_dir, encoder.model_key),
            recalibration.remeasure,
        )
        stack.callback(reservoir.close)
    recent = RecentImages(recent_images)
    return Learning(
        judgements, recalibration, recent, HealthCheck(recent), reservoir, operators_bank=operators
    )
