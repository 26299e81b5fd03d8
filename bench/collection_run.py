"""How much of the encoder's speed a whole collection gets: `python -m bench.collection_run FOLDER`.

The encoder should be what a run waits for. Each round times, one after the other: the encoder
alone on pixels prepared before, a run that looks for no copies, and a run that does. Before it
times anything it checks that a run gives a row for every photo, each with its digest.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from app.api.context import Service
from app.choice import Options
from app.intake.sources import PathSource
from app.main import assemble
from app.photos import find_photos
from app.pipeline.checkpoint import Checkpoint
from app.pipeline.groups import open_groups
from app.pipeline.items import in_order
from app.pipeline.lists import Places, TextList
from app.pipeline.run import Run
from app.pixels import take_in
from app.settings import Settings

STEPS = ("encoder alone", "run, no copies", "run")


def prepared(service: Service, photos: Sequence[Path]) -> list[NDArray[np.float32]]:
    """Each photo as the encoder takes it."""
    tagger = service.tagger

    def one(photo: Path) -> NDArray[np.float32]:
        pixels = take_in(PathSource(photo), tagger.limits, tagger.encoder, facts=False).pixels
        assert pixels is not None
        return pixels

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, photos))


def encode(service: Service, pixels: Sequence[NDArray[np.float32]], batch: int) -> None:
    for at in range(0, len(pixels), batch):
        service.tagger.encoder.encode_pixels_full(np.stack(pixels[at : at + batch]))


def run(service: Service, photos: Path, folder: Path, batch: int, *, copies: bool) -> list[str]:
    """The digests of a whole run over a list of photos."""
    tagger = service.tagger
    with ExitStack() as stack:
        checkpoint = Checkpoint(folder)
        stack.callback(checkpoint.close)
        groups = open_groups(folder, tagger.encoder, tagger.pool, 0, stack) if copies else None
        made = Run(
            tagger=tagger,
            snapshot=service.live.current(),
            source=in_order(TextList(photos, Places(photos.parent)), checkpoint),
            checkpoint=checkpoint,
            code_of=lambda error: type(error).__name__,
            options=Options(),
            groups=groups,
            chunk=batch,
        )
        asyncio.run(made.go(None, lambda done: None))
        return [row.sha256 or "" for row, _ in checkpoint.rows()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    photos = find_photos([given.folder])[: given.photos]
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        settings = Settings(data_dir=folder / "data", request_timeout_s=3600)
        service = assemble(settings, stack)
        # What the check has read must not be known to the runs that are timed.
        service = replace(service, tagger=replace(service.tagger, seen=None))
        names = folder / "photos.txt"
        names.write_text("\n".join(str(photo.resolve()) for photo in photos), "utf-8")
        pixels = prepared(service, photos)
        batch = settings.max_batch
        digests = run(service, names, folder / "check", batch, copies=True)
        assert len(digests) == len(photos)
        assert all(digests)
        seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        for number in range(given.rounds):
            work = (
                lambda: encode(service, pixels, batch),
                lambda n=number: run(service, names, folder / f"a{n}", batch, copies=False),
                lambda n=number: run(service, names, folder / f"b{n}", batch, copies=True),
            )
            for step, do in zip(STEPS, work, strict=True):
                began = time.monotonic()
                do()
                seconds[step].append(time.monotonic() - began)
    alone = median(seconds[STEPS[0]])
    print(f"{len(photos)} photos, {given.rounds} rounds, batches of {batch}\n")
    print("| | photos/s (median) | part of the encoder's |\n| --- | --- | --- |")
    for step, spent in seconds.items():
        print(f"| {step} | {len(photos) / median(spent):.1f} | {alone / median(spent):.2f} |")


if __name__ == "__main__":
    main()
