"""What other processes add and remove: told from the database, so that an index can follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from index.tables import images, removed_images
from index.transactions import Transactions

# Removals kept for those who follow; who has missed more compares everything once.
REMOVALS_KEPT = 100_000
# Bits of a mark that hold the newest number: 2**40 images are more than there will be.
NUMBER_BITS = 40


@dataclass(frozen=True)
class Mark:
    """How far somebody has followed: the newest image and the newest removal they know of."""

    number: int = 0
    removal: int = 0

    @property
    def version(self) -> int:
        """One number that is another after every addition and removal."""
        return (self.removal << NUMBER_BITS) + self.number


@dataclass(frozen=True)
class Changes:
    """What happened after a mark: `(n,) int64` numbers, and the mark to go on from.

    An image added and removed since is among the removed alone. `whole` is False where removals
    are no longer known, and only a comparison of all numbers tells.
    """

    added: NDArray[np.int64]
    removed: NDArray[np.int64]
    mark: Mark
    whole: bool


def newest(transactions: Transactions) -> Mark:
    """The mark of this moment, of the images of all models; two look-ups in all."""
    with transactions.read() as connection:
        return _newest(connection)


def changes_after(transactions: Transactions, model_key: str, mark: Mark) -> Changes:
    """What became of the model's images since."""
    with transactions.read() as connection:
        now = _newest(connection)
        oldest = connection.scalar(select(func.min(removed_images.c.place)))
        new = (images.c.model_key == model_key, images.c.number > mark.number)
        gone = (removed_images.c.model_key == model_key, removed_images.c.place > mark.removal)
        added = connection.scalars(select(images.c.number).where(*new).order_by(images.c.number))
        removed = connection.scalars(select(removed_images.c.number).where(*gone))
        return Changes(
            np.fromiter(added, dtype=np.int64),
            np.fromiter(removed, dtype=np.int64),
            now,
            oldest is None or oldest <= mark.removal + 1,
        )


def record_removals(connection: Connection, model_key: str, numbers: tuple[int, ...]) -> None:
    """Tells the others, in the transaction that removes; what nobody can still need goes."""
    if not numbers:
        return
    rows = [{"model_key": model_key, "number": number} for number in numbers]
    connection.execute(insert(removed_images), rows)
    last = connection.scalar(select(func.max(removed_images.c.place))) or 0
    kept = removed_images.c.place > last - REMOVALS_KEPT
    connection.execute(delete(removed_images).where(~kept))


def _newest(connection: Connection) -> Mark:
    number = connection.scalar(select(func.max(images.c.number)))
    removal = connection.scalar(select(func.max(removed_images.c.place)))
    return Mark(number or 0, removal or 0)
