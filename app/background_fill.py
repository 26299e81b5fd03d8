"""Filling the operator's own background bank from a folder of their photos."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.errors import InvalidRequestError
from app.photo_vectors import FailedPhoto, photo_vectors
from app.scoring import background_of, own_bank_path
from app.tagger import Tagger
from vocab.background import BackgroundBank

T = TypeVar("T")


@dataclass(frozen=True)
class Filled:
    """What became of the bank: images it was measured with `before`, and holds `after`.

    `copies` is how many photos were left out because the same file was there already.
    """

    path: Path
    replaced: bool
    before: int
    after: int
    copies: int
    failed: tuple[FailedPhoto, ...]


def reservoir(items: Iterable[T], size: int, seed: int) -> list[T]:
    """`size` of the items, each as likely as any other, or all of them where they are fewer.

    Algorithm R (Vitter 1985): one pass, however many there are. The same seed draws the same.
    """
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    kept: list[T] = []
    for seen, item in enumerate(items):
        if seen < size:
            kept.append(item)
        elif (place := rng.randrange(seen + 1)) < size:
            kept[place] = item
    return kept


async def fill_background(
    tagger: Tagger,
    data_dir: Path,
    photos: Sequence[Path],
    *,
    limit: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> Filled:
    """Puts a sample of the photos in place of the bank of the tagger's model.

    A photo that cannot be read is passed over, a copy of another counts once. Raises
    `InvalidRequestError`, and changes nothing, where no photo can be read.
    """
    encoder = tagger.encoder
    before = background_of(encoder, data_dir)
    read = await photo_vectors(tagger, reservoir(photos, limit, seed), progress)
    if not read.paths:
        raise InvalidRequestError(
            f"没有一张图片能读取（共 {len(read.failed)} 张），背景库没有改变",
            field="--images",
            remedy="换一个放有 JPEG、PNG 等图片的目录。",
        )
    first = {digest: row for row, digest in reversed(list(enumerate(read.digests)))}
    bank = BackgroundBank(encoder.model_key, read.vectors[sorted(first.values())])
    path = own_bank_path(encoder, data_dir)
    replaced = path.is_file()
    bank.save(path)
    copies = len(read.paths) - len(bank)
    return Filled(path, replaced, len(before), len(bank), copies, read.failed)
