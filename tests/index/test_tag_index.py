"""The tag index against plain NumPy."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import ModelMismatchError, VectorShapeError
from index.tag_index import FloatArray, TagIndex

KEY = "model-a"


def unit(rng: np.random.Generator, n: int, d: int) -> FloatArray:
    rows = rng.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    m=st.integers(0, 5),
    d=st.integers(1, 40),
    k=st.integers(1, 80),
)
def test_search_and_similarities_equal_the_numpy_product(
    seed: int, n: int, m: int, d: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, queries = unit(rng, n, d), unit(rng, m, d)
    index = TagIndex(rows, KEY)
    product = queries @ rows.T

    assert np.allclose(index.similarities(queries, KEY), product, atol=1e-5)
    matches = index.search(queries, k, KEY)
    assert matches.positions.shape == (m, min(k, n))
    best = -np.sort(-product, axis=1)[:, : min(k, n)]
    assert np.allclose(matches.similarities, best, atol=1e-5)
    found = np.take_along_axis(product, matches.positions, axis=1)
    assert np.allclose(found, matches.similarities, atol=1e-5)


def test_the_vectors_come_back_as_given_and_cannot_be_changed() -> None:
    rows = unit(np.random.default_rng(0), 7, 5)
    index = TagIndex(rows, KEY)
    assert np.array_equal(index.vectors, rows)
    assert (len(index), index.dim) == (7, 5)
    with pytest.raises(ValueError, match="read-only"):
        index.vectors[0, 0] = 2


def test_changing_the_array_afterwards_does_not_change_the_index() -> None:
    rows = unit(np.random.default_rng(0), 3, 4)
    index = TagIndex(rows, KEY)
    kept = rows.copy()
    rows[:] = 0
    gc.collect()
    assert np.array_equal(index.vectors, kept)


def test_an_index_without_tags_answers_with_nothing() -> None:
    index = TagIndex(np.zeros((0, 4), dtype=np.float32), KEY)
    query = unit(np.random.default_rng(0), 2, 4)
    assert index.similarities(query, KEY).shape == (2, 0)
    assert index.search(query, 3, KEY).positions.shape == (2, 0)


def test_vectors_of_another_model_are_refused() -> None:
    index = TagIndex(unit(np.random.default_rng(0), 3, 4), KEY)
    with pytest.raises(ModelMismatchError, match="model-b") as refused:
        index.similarities(unit(np.random.default_rng(1), 1, 4), "model-b")
    assert refused.value.field == "model"
    assert refused.value.remedy


def test_vectors_of_another_length_are_refused() -> None:
    index = TagIndex(unit(np.random.default_rng(0), 3, 4), KEY)
    with pytest.raises(VectorShapeError, match=r"\(n, 4\)"):
        index.search(unit(np.random.default_rng(1), 1, 5), 1, KEY)
    with pytest.raises(VectorShapeError):
        TagIndex(np.zeros((2, 2), dtype=np.float64), KEY)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 20),
    p=st.integers(0, 5),
    picks=st.lists(st.integers(0, 10_000), max_size=30),
    keep=st.integers(0, 20),
)
def test_a_rearranged_index_is_the_one_built_from_those_rows(
    seed: int, n: int, p: int, picks: list[int], keep: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, more = unit(rng, n, 6), unit(rng, p, 6)
    together = np.concatenate([rows, more])
    chosen = [*range(min(keep, n)), *(pick % (n + p) for pick in picks if n + p)]
    wanted = np.asarray(chosen, dtype=np.int64)
    index = TagIndex(rows, KEY)
    made = index.rearranged(wanted, more)
    assert np.array_equal(made.vectors, together[wanted])
    assert made.model_key == KEY
    assert np.array_equal(index.vectors, rows)
    assert not made.vectors.flags.writeable
