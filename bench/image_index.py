"""The image index beside FAISS called directly: recall, queries, adding, starting.

python -m bench.image_index --sizes 10000 100000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.image_index import ImageIndex, Shape

KEY = "bench"
QUERIES = 200
K = 10


def clustered(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors around a thousand centres, as photos of things are."""
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(1000, dim)).astype(np.float32)
    chance = np.random.default_rng(seed)
    made = centres[chance.integers(0, 1000, rows)]
    made = made + 0.7 * chance.normal(size=(rows, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def measure(size: int, dim: int, shape: Shape) -> None:
    vectors, queries = clustered(size, dim, 1), clustered(QUERIES, dim, 2)
    exact = faiss.IndexFlatIP(dim)
    exact.add(vectors)
    truth = exact.search(queries, K)[1]
    index = ImageIndex(KEY, dim, shape)
    began = time.perf_counter()
    for at in range(0, size, 10_000):
        part = np.arange(at, min(size, at + 10_000))
        index.add(part, vectors[part], KEY)
    adding = time.perf_counter() - began
    hits = sum(
        len(set(index.search(query, K, KEY).numbers.tolist()) & set(row.tolist()))
        for query, row in zip(queries, truth, strict=True)
    )
    ours, direct = [], []
    for query in queries:
        began = time.perf_counter()
        index.search(query, K, KEY)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        exact.search(query[None, :], K)
        direct.append(time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i.faiss"
        index.save(path)
        began = time.perf_counter()
        assert ImageIndex(KEY, dim, shape).restore(path)
        starting = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kind = "flat" if index.is_exact else "ivf"
    print(
        f"| {size:,} | {kind} | {hits / (QUERIES * K):.4f} | {np.median(ours) * 1e3:.2f} "
        f"| {np.median(direct) * 1e3:.2f} | {size / adding:,.0f} | {starting:.2f} | {memory:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--flat-up-to", type=int, default=Shape().flat_up_to)
    given = parser.parse_args()
    print("| vectors | kind | recall@10 | ms/query | FAISS flat ms | adds/s | start s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for size in given.sizes:
        measure(size, given.dim, Shape(flat_up_to=given.flat_up_to))


if __name__ == "__main__":
    main()
