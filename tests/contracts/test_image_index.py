"""What an index of images must do, small (exact) and large (clustered), against plain NumPy."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.errors import ModelMismatchError, VectorShapeError
from index.image_index import ImageIndex, Shape

DIM = 16
KEY = "model-a"
FloatArray = NDArray[np.float32]


def unit(n: int, seed: int = 0) -> FloatArray:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def numbers(*values: int) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


# Every cluster is searched, so that a clustered index too must agree with NumPy exactly.
SHAPES = {"flat": Shape(), "clustered": Shape(flat_up_to=100, clusters=5, probes=5)}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


@pytest.fixture
def vectors() -> FloatArray:
    return unit(400)


@pytest.fixture
def index(shape: Shape, vectors: FloatArray) -> ImageIndex:
    made = ImageIndex(KEY, DIM, shape)
    made.add(np.arange(1000, 1400), vectors, KEY)
    return made


def test_search_agrees_with_numpy(index: ImageIndex, vectors: FloatArray) -> None:
    for query in unit(20, seed=1):
        found = index.search(query, 7, KEY)
        products = vectors @ query
        best = np.argsort(-products)[:7]
        assert found.numbers.tolist() == (best + 1000).tolist()
        np.testing.assert_allclose(found.similarities, products[best], atol=1e-5)


def test_the_switch_to_clusters_happens_at_the_documented_size(vectors: FloatArray) -> None:
    index = ImageIndex(KEY, DIM, Shape(flat_up_to=100, clusters=5))
    index.add(np.arange(100), vectors[:100], KEY)
    assert index.is_exact
    index.add(np.arange(100, 101), vectors[100:101], KEY)
    assert not index.is_exact
    assert len(index) == 101


def test_what_is_removed_is_never_found_again(index: ImageIndex, vectors: FloatArray) -> None:
    index.remove(np.arange(1000, 1200))
    index.remove(numbers(5, 1000))
    assert len(index) == 200
    assert index.numbers().tolist() == list(range(1200, 1400))
    found = index.search(vectors[3], 400, KEY)
    assert len(found.numbers) == 200
    assert found.numbers.min() >= 1200
    assert index.vector(1003) is None


def test_the_same_number_is_held_once(index: ImageIndex, vectors: FloatArray) -> None:
    index.add(np.arange(1000, 1010), vectors[:10], KEY)
    assert len(index) == 400
    found = index.search(vectors[0], 400, KEY)
    assert len(set(found.numbers.tolist())) == len(found.numbers) == 400


def test_a_filter_lets_only_its_numbers_in(index: ImageIndex, vectors: FloatArray) -> None:
    found = index.search(vectors[0], 3, KEY, among=numbers(1005, 1017, 1300, 9))
    assert set(found.numbers.tolist()) == {1005, 1017, 1300}
    assert len(index.search(vectors[0], 3, KEY, among=numbers()).numbers) == 0


def test_an_empty_index_finds_nothing() -> None:
    assert len(ImageIndex(KEY, DIM).search(unit(1)[0], 5, KEY).numbers) == 0


def test_a_vector_comes_back_as_it_was_given(index: ImageIndex, vectors: FloatArray) -> None:
    given = index.vector(1007)
    assert given is not None
    np.testing.assert_array_equal(given, vectors[7])


def test_vectors_of_another_model_or_length_are_refused(index: ImageIndex) -> None:
    with pytest.raises(ModelMismatchError):
        index.search(unit(1)[0], 1, "model-b")
    with pytest.raises(ModelMismatchError):
        index.add(numbers(1), unit(1), "model-b")
    with pytest.raises(VectorShapeError):
        index.search(np.ones(3, np.float32), 1, KEY)
    with pytest.raises(VectorShapeError):
        index.add(numbers(1), np.ones((1, 3), np.float32), KEY)


def test_a_saved_index_answers_the_same(
    index: ImageIndex, shape: Shape, vectors: FloatArray, tmp_path: Path
) -> None:
    index.remove(numbers(1001))
    assert index.save(tmp_path / "i.faiss")
    assert [path.name for path in tmp_path.iterdir()] == ["i.faiss"]
    again = ImageIndex(KEY, DIM, shape)
    assert again.restore(tmp_path / "i.faiss")
    assert again.numbers().tolist() == index.numbers().tolist()
    for query in unit(5, seed=2):
        expected = index.search(query, 9, KEY)
        found = again.search(query, 9, KEY)
        assert found.numbers.tolist() == expected.numbers.tolist()
    again.remove(numbers(1002))
    again.add(numbers(2000), vectors[2:3], KEY)
    assert again.search(vectors[2], 1, KEY).numbers.tolist() == [2000]


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "text"])
def test_a_damaged_file_is_not_believed(index: ImageIndex, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "i.faiss"
    index.save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    harmed = {"cut": bytes(data[:-700]), "flip": bytes(data), "empty": b"", "text": b"hello"}
    path.write_bytes(harmed[harm])
    assert not ImageIndex(KEY, DIM).restore(path)


def test_the_file_of_another_model_is_not_taken(index: ImageIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "i.faiss")
    assert not ImageIndex("model-b", DIM).restore(tmp_path / "i.faiss")
    assert not ImageIndex(KEY, DIM).restore(tmp_path / "missing.faiss")


def test_a_file_that_cannot_be_written_leaves_nothing(index: ImageIndex, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert not index.save(blocked / "i.faiss")
    (tmp_path / "i.faiss").mkdir()
    assert not index.save(tmp_path / "i.faiss")
    assert not list(tmp_path.glob("*.tmp"))


def test_searches_and_changes_from_many_threads_do_not_meet(vectors: FloatArray) -> None:
    index = ImageIndex(KEY, DIM, Shape(flat_up_to=300, clusters=4, probes=4))
    index.add(np.arange(100), vectors[:100], KEY)
    failures: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                found = index.search(vectors[0], 5, KEY)
                assert found.numbers[0] == 0
                assert found.similarities[0] == pytest.approx(1, abs=1e-5)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for at in range(100, 400):
            index.add(numbers(at), vectors[at : at + 1], KEY)
            if at % 3 == 0:
                index.remove(numbers(at - 50))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert len(index) == 300
