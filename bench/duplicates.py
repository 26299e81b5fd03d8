"""Is a photo recognised after what people do to it, and is nothing else taken for it?

    python -m bench.duplicates --data ../shared/data --cache /tmp/duplicates --minutes 5

Every query photo is in the references once. Thresholds of the single methods are fixed on the
even query photos; the figures are those of the odd ones. The verdict is the service's own code
with its own rules. What was seen and judged is kept in the cache, so that a run may stop after
some minutes and the next one goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from app.encoders.builtin import load_builtin
from bench import judged
from bench.attacks import ATTACKS, attacked
from bench.duplicate_report import Measured, costs, summary, table, verdict_calls
from bench.methods import Hashes, Vectors, answers, copies
from bench.same_scenes import called, scenes_of
from bench.seen import Cache, Seen
from bench.slices import work
from index.duplicates import DuplicateRules

# Of imagenet1000, the first references; they are the queries too.
PHOTOS = 1000
CHUNK = 100
# In these the other photo is a right answer too, and is left out of the question.
WITH_ANOTHER = ("pasted", "collage")
RESULT = Path(__file__).parent / "results" / "duplicates.json"


def files_of(data: Path, references: int) -> list[Path]:
    """The reference photos: imagenet1000 first."""
    found = []
    for folder, listing in (
        ("imagenet1000", "labels"),
        ("flickr8kcn", "train"),
        ("flickr8kcn", "val"),
    ):
        lines = (data / folder / f"{listing}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [data / folder / json.loads(line)["file"] for line in lines]
    return found[:references]


def spread() -> list[int]:
    """The photos in pairs of an even and an odd one, any first part of which covers all classes.

    The classes lie in order; so fewer queries ask about as many kinds, and more ask those again.
    """
    bits = (PHOTOS // 2 - 1).bit_length()
    pairs = (int(f"{at:0{bits}b}"[::-1], 2) for at in range(1 << bits))
    return [2 * pair + half for pair in pairs if pair < PHOTOS // 2 for half in (0, 1)]


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


class Bench:
    """The photos, the cache and the encoder of one run."""

    def __init__(self, given: argparse.Namespace):
        self.given = given
        self.files = files_of(given.data, given.references)
        # The even ones fix the thresholds.
        chosen = [place for place in spread() if place < len(self.files)]
        self.places = chosen[: given.queries]
        self.half = {place: place % 2 for place in self.places}
        self.encoder = load_builtin(threads=1)
        self.cache = Cache(given.cache, self.encoder)
        self.rules = DuplicateRules()
        name = f"{judged.key(self.encoder, self.rules)}-{len(self.files)}"
        self.folder: Path = given.cache / f"verdicts-{name}"

    def references(self, first: int) -> Seen:
        """The references from `first` on, one chunk of them."""
        paths = self.files[first : first + CHUNK]
        name = f"refs{first:04d}-{len(paths)}" if len(paths) < CHUNK else f"refs{first:04d}"
        return self.cache.seen(name, lambda: [opened(path) for path in paths])

    def query(self, place: int) -> Seen:
        """One photo under every attack, in their order."""

        def pictures() -> list[Image.Image]:
            image, other = opened(self.files[place]), opened(self.files[-1 - place])
            return [attacked(name, image, other, place) for name in ATTACKS]

        return self.cache.seen(f"query{place:04d}", pictures)

    def other(self, place: int) -> np.ndarray:
        """`(attacks,)`: the place that is neither right nor wrong, or -1."""
        beside = len(self.files) - 1 - place
        return np.asarray([beside if name in WITH_ANOTHER else -1 for name in ATTACKS])

    def see(self, until: float) -> int:
        """Sees what was not seen; returns how much is left."""
        firsts = {f"refs{first:04d}": first for first in range(0, len(self.files), CHUNK)}
        photos = {f"query{place:04d}": place for place in self.places}
        todo = self.cache.missing([*firsts, *photos])

        def one(name: str) -> None:
            self.references(firsts[name]) if name in firsts else self.query(photos[name])

        return work(todo, lambda: one, workers=self.given.workers, until=until)

    def judge(self, until: float) -> int:
        """Judges the queries, and the stored photos among themselves; returns how much is left."""
        if not (self.folder / "whole").is_file():
            everything = range(0, len(self.files), CHUNK)
            judged.store_all(self.folder, self.encoder, map(self.references, everything))
            self._judge().close()
            (self.folder / "whole").touch()
        firsts = {self.stored_path(first): first for first in range(0, len(self.files), CHUNK)}
        photos = {self.verdict_path(place): place for place in self.places}
        wanted = [*photos, *firsts] if self.given.scenes else [*photos]
        todo = [path for path in wanted if not path.is_file()]

        def ready() -> Callable[[Path], None]:
            judge = self._judge()

            def one(path: Path) -> None:
                if path in photos:
                    judged.write(path, judge.of(self.query(photos[path])))
                    return
                last = min(firsts[path] + CHUNK, len(self.files))
                judged.write(path, [judge.of_stored(at) for at in range(firsts[path], last)])

            return one

        return work(todo, ready, workers=self.given.workers, until=until)

    def stored_path(self, first: int) -> Path:
        return self.folder / f"stored{first:04d}.json"

    def verdict_path(self, place: int) -> Path:
        return self.folder / f"query{place:04d}.json"

    def _judge(self) -> judged.Judge:
        return judged.Judge(self.folder, self.encoder, self.rules)


def measured(run: Bench) -> Measured:
    """Method and attack to the answers of the even and of the odd photos."""
    space = run.encoder.copy_space
    assert space is not None
    parts = [run.references(first) for first in range(0, len(run.files), CHUNK)]
    pdq = np.concatenate([part.pdq[:, 0] for part in parts])
    phash64 = Hashes(np.concatenate([part.phash64 for part in parts]))
    phash256 = Hashes(np.concatenate([part.phash256 for part in parts]))
    plain, turned = Hashes(pdq), Hashes(pdq)
    vectors = Vectors(np.concatenate([part.vectors for part in parts]))
    known = np.concatenate([copies(space, part) for part in parts])
    raw, normal = (
        Vectors(known),
        Vectors(known, space.bank, run.rules.usual_part, run.rules.usual_neighbours),
    )
    found: Measured = {}
    for place in run.places:
        seen, other = run.query(place), run.other(place)
        copy = copies(space, seen)
        by_method = {
            "pHash-64": answers(phash64.nearest(seen.phash64[:, None]), place, other),
            "pHash-256": answers(phash256.nearest(seen.phash256[:, None]), place, other),
            "PDQ": answers(plain.nearest(seen.pdq[:, :1]), place, other),
            "PDQ x 8": answers(turned.nearest(seen.pdq), place, other),
            "embedding": answers(vectors.nearest(seen.vectors), place, other),
            "copy vector": answers(raw.nearest(copy), place, other),
            "copy, normalised": answers(normal.nearest(copy), place, other),
            "verdict": [
                judged.ranked(one, place, beside)
                for one, beside in zip(
                    judged.read(run.verdict_path(place)), other.tolist(), strict=True
                )
            ],
        }
        for method, each in by_method.items():
            for name, one in zip(ATTACKS, each, strict=True):
                halves = found.setdefault(method, {}).setdefault(name, ([], []))
                halves[run.half[place]].append(one)
    return found


def scenes(run: Bench) -> dict[str, Any]:
    """How many pairs of different stored photos the service calls one picture."""
    told: list[tuple[int, judged.Judged]] = []
    for first in range(0, len(run.files), CHUNK):
        told += enumerate(judged.read(run.stored_path(first)), start=first)
    pairs = called(told)
    everything = len(run.files) * (len(run.files) - 1) // 2
    made: dict[str, Any] = {"all": {"pairs": everything, "called": len(pairs)}}
    for name, same in scenes_of(run.given.data, run.files).items():
        hits = [pair for pair in pairs if same[pair]]
        made[name] = {"pairs": int(np.triu(same, 1).sum()), "called": len(hits)}
    made["called"] = [
        {"files": [run.files[place].name for place in pair], "why": asdict(said)}
        for pair, said in sorted(pairs.items())
    ]
    return made


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What says which photos are meant, and where what was seen is kept."""
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, required=True, help="folder of what was seen")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--references", type=int, default=8000)
    parser.add_argument(
        "--scenes",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="judge the stored photos among themselves too",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after them; go on later")
    return parser


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    until = time.monotonic() + 60 * given.minutes
    run = Bench(given)
    left = run.see(until) or run.judge(until)
    if left:
        print(f"{left} tasks left; run the same command again")
        return
    verdicts = {place: judged.read(run.verdict_path(place)) for place in run.places}
    odd = {place: verdicts[place] for place in run.places if run.half[place] == 1}
    made = summary(measured(run), verdict_calls(odd, {place: run.other(place) for place in odd}))
    thumbnails = [
        len(one.fingerprint.thumbnail)
        for first in range(0, len(run.files), CHUNK)
        for one in run.references(first).prints
    ]
    result = {
        "queries": len(run.places),
        "references": len(run.files),
        "rules": asdict(run.rules),
        "methods": made,
        "scenes": scenes(run) if given.scenes else None,
        "costs": costs(
            [one for each in verdicts.values() for one in each],
            thumbnails,
            2 * run.encoder.copy_dim,
        ),
    }
    given.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(table(made))
    print(json.dumps({"scenes": result["scenes"], "costs": result["costs"]}, indent=1))


if __name__ == "__main__":
    main()
