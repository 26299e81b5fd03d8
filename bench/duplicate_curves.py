"""Draws what each threshold of the duplicates' verdict finds, and what it takes for a copy wrongly.

    python -m bench.duplicate_curves --cache /tmp/duplicates --out docs/concepts/duplicates

Reads what a whole run of `bench.duplicates` with the same arguments left in its cache. Copies are
those of the even query photos, on which thresholds may be fixed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from bench import judged
from bench.curves import Curve, drawing
from bench.duplicates import CHUNK, Bench, arguments
from bench.methods import Vectors, answers, copies
from bench.ranking import Answers

faiss = untyped_faiss


def hash_curve(run: Bench, even: list[int]) -> str:
    """Bits up to which two hashes are the same."""
    parts = [run.references(first) for first in range(0, len(run.files), CHUNK)]
    known = np.stack([one.hashes[0] for part in parts for one in part.prints])
    index = faiss.IndexBinaryFlat(256)
    index.add(known)
    own, others = [], []
    for place in even:
        seen, beside = run.query(place), run.other(place)
        turns = np.concatenate([one.hashes for one in seen.prints])
        bits, places = index.search(turns, 4)
        bits = np.where((places == place) | (places == np.repeat(beside, 8)[:, None]), 256, bits)
        others += bits.min(axis=1).reshape(-1, 8).min(axis=1).tolist()
        differing = np.unpackbits(turns ^ known[place], axis=1).sum(axis=1)
        own += differing.reshape(-1, 8).min(axis=1).tolist()
    xs = np.arange(0, 121, 2)
    found = [100 * np.mean(np.asarray(own) <= x) for x in xs]
    wrong = [100 * np.mean(np.asarray(others) <= x) for x in xs]
    return drawing(
        "感知哈希（八个方向）",
        "相差的位数（共 256 位）不超过",
        xs.tolist(),
        Curve("找到的副本 %", found, 100),
        Curve("遇到别的图的查询 %", wrong, 100),
        run.rules.hash_sure,
    )


def score_curve(run: Bench, even: list[int]) -> str:
    """The least score of copy-detection vectors."""
    space = run.encoder.copy_space
    assert space is not None
    parts = [run.references(first) for first in range(0, len(run.files), CHUNK)]
    known = np.concatenate([copies(space, part) for part in parts])
    vectors = Vectors(known, space.bank, run.rules.usual_part, run.rules.usual_neighbours)
    told: list[Answers] = []
    for place in even:
        found = vectors.nearest(copies(space, run.query(place)))
        told += answers(found, place, run.other(place))
    joined = Answers.joined(told)
    xs = np.round(np.arange(0, 1.001, 0.02), 2)
    return drawing(
        "认副本的向量（减去平常的相似度之后）",
        "分数至少",
        xs.tolist(),
        Curve("找到的副本 %", [100 * joined.recall(x) for x in xs], 100),
        Curve("其中真是副本的 %", [100 * joined.precision(x) for x in xs], 100),
        run.rules.vector_similar,
    )


def looks(run: Bench, even: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`(n, 2)` inliers and agreement of copies, and of pairs of different pictures."""
    own, others = [], []
    for place in even:
        beside = run.other(place).tolist()
        for one, other in zip(judged.read(run.verdict_path(place)), beside, strict=True):
            own += [look[1:] for look in one.looks if look[0] == place]
            others += [look[1:] for look in one.looks if look[0] not in (place, other)]
    for first in range(0, len(run.files), CHUNK) if run.given.scenes else ():
        for at, one in enumerate(judged.read(run.stored_path(first)), start=first):
            others += [look[1:] for look in one.looks if look[0] > at]
    return np.asarray(own, dtype=np.float64), np.asarray(others, dtype=np.float64)


def local_curves(run: Bench, even: list[int]) -> tuple[str, str]:
    """The least agreement, and the fewest inliers, each beside the other as it is."""
    own, others = looks(run, even)
    rules = run.rules
    enough = own[:, 0] >= rules.inliers, others[:, 0] >= rules.inliers
    xs = np.round(np.arange(0.3, 1.001, 0.02), 2)
    wrong = [int((enough[1] & (others[:, 1] >= x)).sum()) for x in xs]
    by_agreement = drawing(
        f"局部比对：相同的块（关键点至少 {rules.inliers} 个）",
        "相同的块占有纹理的块，至少",
        xs.tolist(),
        Curve(
            "比对过的副本中认出 %", [100 * np.mean(enough[0] & (own[:, 1] >= x)) for x in xs], 100
        ),
        Curve(f"不同的图（{len(others)} 对中）", wrong, max(20, *wrong)),
        rules.agreement,
    )
    alike = own[:, 1] >= rules.agreement, others[:, 1] >= rules.agreement
    counts = np.arange(3, 31)
    wrong = [int((alike[1] & (others[:, 0] >= x)).sum()) for x in counts]
    by_inliers = drawing(
        f"局部比对：关键点（相同的块至少 {rules.agreement:.0%}）",
        "按同一变换移动的关键点，至少",
        counts.tolist(),
        Curve(
            "比对过的副本中认出 %",
            [100 * np.mean(alike[0] & (own[:, 0] >= x)) for x in counts],
            100,
        ),
        Curve(f"不同的图（{len(others)} 对中）", wrong, max(20, *wrong)),
        rules.inliers,
    )
    return by_agreement, by_inliers


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--out", type=Path, default=Path("docs/concepts/duplicates"))
    given = parser.parse_args()
    run = Bench(given)
    even = [place for place in run.places if run.half[place] == 0]
    given.out.mkdir(parents=True, exist_ok=True)
    by_agreement, by_inliers = local_curves(run, even)
    for name, svg in (
        ("hash", hash_curve(run, even)),
        ("score", score_curve(run, even)),
        ("agreement", by_agreement),
        ("inliers", by_inliers),
    ):
        (given.out / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
