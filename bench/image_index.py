"""The image index beside FAISS called directly: recall, queries, adding, starting, memory.

    python -m bench.image_index --sizes 10000 100000

Each size runs in a process of its own, so that its peak of memory is its own. FAISS answers the
same queries in turn with us, from an index of the same kind and contents: the ratio of the two
medians is what our layer costs. `direct flat` is an exact search by FAISS, which tells the recall.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from index.image_index import ImageIndex, Shape

faiss: Any = untyped_faiss
KEY = "bench"
QUERIES = 200
K = 10
ADDED_AT_ONCE = 10_000
RESULTS = Path(__file__).parent / "results" / "image_index.json"
HEAD = (
    "| 向量 | 类型 | recall@10 | 毫秒/查询 | 每秒查询 | 同类 FAISS 毫秒 | 我们多出 "
    "| 精确 FAISS 毫秒 | 入索引/秒 | 载入缓存 秒 | 峰值内存 MiB |"
)


def clustered(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors around a thousand centres, as photos of things are."""
    centres = np.random.default_rng(7).normal(size=(1000, dim)).astype(np.float32)
    chance = np.random.default_rng(seed)
    made = np.empty((rows, dim), dtype=np.float32)
    for at in range(0, rows, ADDED_AT_ONCE):  # little memory beside the result
        part = made[at : at + ADDED_AT_ONCE]
        part[:] = 0.7 * chance.standard_normal(part.shape, dtype=np.float32)
        part += centres[chance.integers(0, 1000, len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def measure(size: int, dim: int, shape: Shape) -> dict[str, Any]:
    """One size; the answers are checked against FAISS before any is timed."""
    vectors, queries = clustered(size, dim, 1), clustered(QUERIES, dim, 2)
    truth, exact_ms = exact(vectors, queries)
    index = ImageIndex(KEY, dim, shape)
    began = time.perf_counter()
    for at in range(0, size, ADDED_AT_ONCE):
        part = np.arange(at, min(size, at + ADDED_AT_ONCE))
        index.add(part, vectors[part], KEY)
    adding = time.perf_counter() - began
    del vectors
    found = [index.search(query, K, KEY).numbers.tolist() for query in queries]
    hits = sum(len(set(f) & set(t)) for f, t in zip(found, truth.tolist(), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i.faiss"
        assert index.save(path)
        began = time.perf_counter()
        restored = ImageIndex(KEY, dim, shape)
        assert restored.restore(path)
        starting = time.perf_counter() - began
        del restored
        direct = faiss.read_index(str(path))  # FAISS alone over the very same contents
    parameters = None if index.is_exact else faiss.SearchParametersIVF(nprobe=shape.probes)
    ours, theirs = in_turn(index, direct, parameters, queries)
    return {
        "size": size,
        "kind": "flat" if index.is_exact else "ivf",
        "recall": hits / (QUERIES * K),
        "ms": ours,
        "faiss_ms": theirs,
        "exact_ms": exact_ms,
        "adds_per_s": size / adding,
        "start_s": starting,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def exact(
    vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> tuple[NDArray[np.int64], float]:
    """The true neighbours by FAISS, and the median milliseconds of a query."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    spent = []
    for query in queries:
        began = time.perf_counter()
        flat.search(query[None, :], K)
        spent.append(time.perf_counter() - began)
    return flat.search(queries, K)[1], float(np.median(spent)) * 1e3


def in_turn(
    index: ImageIndex, direct: Any, parameters: Any, queries: NDArray[np.float32]
) -> tuple[float, float]:
    """Median milliseconds of a query, ours and FAISS's, each query asked of both in turn."""
    ours, theirs = [], []
    for query in np.concatenate([queries, queries]):
        began = time.perf_counter()
        mine = index.search(query, K, KEY)
        between = time.perf_counter()
        similarities, numbers = direct.search(query[None, :], K, params=parameters)
        ended = time.perf_counter()
        assert np.allclose(mine.similarities, similarities[0], atol=1e-5)
        assert set(mine.numbers.tolist()) == set(numbers[0].tolist())
        ours.append(between - began)
        theirs.append(ended - between)
    return float(np.median(ours)) * 1e3, float(np.median(theirs)) * 1e3


def row(found: dict[str, Any]) -> str:
    """A line of the table."""
    return (
        f"| {found['size']:,} | {found['kind']} | {found['recall']:.4f} | {found['ms']:.2f} "
        f"| {1000 / found['ms']:,.0f} | {found['faiss_ms']:.2f} "
        f"| {found['ms'] / found['faiss_ms'] - 1:+.1%} | {found['exact_ms']:.2f} "
        f"| {found['adds_per_s']:,.0f} | {found['start_s']:.2f} | {found['peak_mib']:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--flat-up-to", type=int, default=Shape().flat_up_to)
    parser.add_argument("--one", action="store_true", help="measure one size, here, as JSON")
    given = parser.parse_args()
    if given.one:
        shape = Shape(flat_up_to=given.flat_up_to)
        sys.stdout.write(json.dumps(measure(given.sizes[0], given.dim, shape)))
        return
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    print(HEAD + "\n" + "| --- " * HEAD.count(" |") + "|")
    for size in given.sizes:
        options = ["--dim", str(given.dim), "--flat-up-to", str(given.flat_up_to), "--one"]
        command = [sys.executable, "-m", "bench.image_index", "--sizes", str(size), *options]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        known[f"{size}-{given.dim}-{given.flat_up_to}"] = json.loads(made.stdout)
        print(row(json.loads(made.stdout)), flush=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
