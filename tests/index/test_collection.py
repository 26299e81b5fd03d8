"""The stored images: names, contents, filters, restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.database import Database
from index import changes
from index.collection import ImageCollection, Query
from index.errors import (
    ImageNotFoundError,
    InvalidImageError,
    StorageFullError,
    VectorShapeError,
)
from index.fingerprint import Print
from index.image_store import ImageStore
from index.images import Filters
from tests.fixtures.images import DIM, new_image, open_collection, vector


@pytest.fixture
def collection(database: Database, tmp_path: Path) -> ImageCollection:
    return open_collection(database, tmp_path / "index")


def ids(collection: ImageCollection, seed: int, filters: Filters | None = None) -> list[str]:
    return [found.image.id for found in collection.search(vector(seed), 100, filters=filters)]


def test_an_added_image_is_found_and_a_deleted_one_is_not(collection: ImageCollection) -> None:
    added = collection.add(new_image(1, metadata={"用户": "小明"}, source="a.jpg"))
    assert (added.state, added.id) == ("added", "image-1")
    (found,) = collection.search(vector(1), 5)
    assert found.similarity == pytest.approx(1, abs=1e-5)
    assert found.image.metadata == {"用户": "小明"}
    assert collection.get("image-1").source == "a.jpg"
    collection.delete("image-1")
    assert collection.search(vector(1), 5) == []
    with pytest.raises(ImageNotFoundError):
        collection.get("image-1")
    with pytest.raises(ImageNotFoundError):
        collection.delete("image-1")


def test_the_same_bytes_twice_are_stored_once_and_answer_for_both_ids(
    collection: ImageCollection,
) -> None:
    assert collection.add(new_image(1)).state == "added"
    assert collection.add(new_image(1)).state == "exists"
    assert collection.add(new_image(1, id="other", metadata={"n": 2})).state == "exists"
    assert len(collection) == 1
    assert collection.get("other").ids == ("image-1", "other")
    assert collection.get("other").metadata == {"n": 2}
    assert collection.get("image-1").metadata == {}
    collection.delete("image-1")
    assert ids(collection, 1) == ["other"]
    collection.delete("other")
    assert len(collection) == 0


def test_an_id_given_to_another_content_names_that_one(collection: ImageCollection) -> None:
    collection.add(new_image(1, id="cover"))
    assert collection.add(new_image(2, id="cover")).state == "replaced"
    assert len(collection) == 1
    (found,) = collection.search(vector(2), 5)
    assert found.similarity == pytest.approx(1, abs=1e-5)


def test_without_an_id_the_digest_is_the_id(collection: ImageCollection) -> None:
    image = new_image(1, id=None)
    assert collection.add(image).id == image.sha256


@pytest.mark.parametrize("bad", ["", " ", "a/b", "a\\b", "x" * 10_000, "a\nb", "search", ".."])
def test_an_id_no_address_could_name_is_refused(collection: ImageCollection, bad: str) -> None:
    with pytest.raises(InvalidImageError) as caught:
        collection.add(new_image(1, id=bad or " "))
    assert caught.value.field == "id"
    assert len(collection) == 0


@pytest.mark.parametrize("bad", [{"a": "x" * 9000}, {"a": float("nan")}, {"a": "\x00"}])
def test_metadata_json_cannot_hold_is_refused(
    collection: ImageCollection, bad: dict[str, object]
) -> None:
    with pytest.raises(InvalidImageError) as caught:
        collection.add(new_image(1, metadata=bad))
    assert caught.value.field == "metadata"


def test_a_vector_that_is_none_is_refused_before_anything_is_stored(
    collection: ImageCollection,
) -> None:
    with pytest.raises(VectorShapeError):
        collection.add(new_image(1, vector=np.ones(3, np.float32)))
    for bad in (np.full(DIM, np.nan, np.float32), np.zeros(DIM, np.float32)):
        with pytest.raises(InvalidImageError):
            collection.add(new_image(1, vector=bad))
    assert len(collection.store.numbers()) == 0


def test_images_of_another_model_are_not_seen(
    collection: ImageCollection, database: Database, tmp_path: Path
) -> None:
    collection.add(new_image(1))
    other = ImageCollection(database, ImageStore(database, "model-b", DIM), tmp_path / "index")
    assert other.search(vector(1), 5) == []
    other.add(new_image(1, id="theirs"))
    other.delete("theirs")
    assert ids(collection, 1) == ["image-1"]


def test_a_deleted_id_is_gone_under_every_model(
    collection: ImageCollection, database: Database, tmp_path: Path
) -> None:
    collection.add(new_image(1))
    other = ImageCollection(database, ImageStore(database, "model-b", DIM), tmp_path / "index")
    other.add(new_image(1))
    other.delete("image-1")
    collection.catch_up()
    assert ids(collection, 1) == []
    assert len(other) == len(collection) == 0


def test_filters_let_in_what_they_say(collection: ImageCollection) -> None:
    collection.add(new_image(1, metadata={"album": "夏", "n": 1}, tags=(("cat", 0.9),)))
    collection.add(new_image(2, metadata={"album": "夏", "n": 2}, tags=(("dog", 0.8),)))
    collection.add(new_image(3, metadata={"ok": True}, tags=(("cat", 0.7), ("dog", 0.6))))
    now = datetime.now(timezone.utc)

    def passing(**asked: object) -> set[str]:
        return set(ids(collection, 1, Filters(**asked)))  # type: ignore[arg-type]

    assert passing(metadata={"album": "夏"}) == {"image-1", "image-2"}
    assert passing(metadata={"album": "夏", "n": 2}) == {"image-2"}
    assert passing(metadata={"ok": True}) == {"image-3"}
    assert passing(metadata={"album": "冬"}) == set()
    assert passing(all_tags=(("cat", "dog"),)) == {"image-1", "image-2", "image-3"}
    assert passing(all_tags=(("cat",), ("dog",))) == {"image-3"}
    assert passing(since=now - timedelta(hours=1), until=now + timedelta(hours=1)) != set()
    assert passing(since=now + timedelta(hours=1)) == set()


def test_pages_of_a_search_are_the_whole(collection: ImageCollection) -> None:
    for seed in range(25):
        collection.add(new_image(seed))
    whole = [found.image.id for found in collection.search(vector(3), 25)]
    pages = [
        found.image.id
        for skip in range(0, 30, 10)
        for found in collection.search(vector(3), 10, skip=skip)
    ]
    assert pages == whole
    assert whole[0] == "image-3"


@pytest.mark.parametrize("saved", ["never", "early", "damaged"])
def test_a_restart_finds_the_same_whatever_the_cache_file_says(
    collection: ImageCollection, database: Database, tmp_path: Path, saved: str
) -> None:
    for seed in range(20):
        collection.add(new_image(seed))
    if saved != "never":
        collection.save()
    for path in (tmp_path / "index").glob("*.faiss"):
        if saved == "damaged":
            path.write_bytes(path.read_bytes()[:-100])
    collection.delete("image-4")
    collection.add(new_image(99))
    again = open_collection(database, tmp_path / "index")
    for seed in (0, 4, 99):
        before, after = (
            [(f.image.id, round(f.similarity, 5)) for f in one.search(vector(seed), 30)]
            for one in (collection, again)
        )
        assert before == after


def test_float16_vectors_take_half_and_are_found(database: Database, tmp_path: Path) -> None:
    collection = open_collection(database, tmp_path, vector_type="float16")
    collection.add(new_image(1))
    (found,) = collection.search(vector(1), 1)
    assert found.similarity == pytest.approx(1, abs=2e-3)


def add_for_ever(collection: ImageCollection) -> None:
    for seed in range(100, 3000):
        collection.add(new_image(seed, metadata={"a": "x" * 7000}))


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    database_url: str, tmp_path: Path
) -> None:
    database = Database(database_url)
    database.migrate()
    collection = open_collection(database, tmp_path / "index")
    engine: Engine = database._engine
    pages = 300

    def no_more_pages(connection: object, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(engine, "checkout", no_more_pages)
    kept = 20
    for seed in range(kept):
        collection.add(new_image(seed, metadata={"a": "x" * 7000}))
    with pytest.raises(StorageFullError):
        add_for_ever(collection)
    kept = len(collection)
    assert len(collection.store.numbers()) == kept
    assert ids(collection, kept) == ids(open_collection(database, tmp_path / "new"), kept)
    database.close()


def test_adds_and_deletes_from_many_threads_leave_index_and_store_alike(
    collection: ImageCollection, database: Database, tmp_path: Path
) -> None:
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for seed in range(start, start + 30):
                collection.add(new_image(seed))
                collection.search(vector(seed), 3)
                if seed % 2:
                    collection.delete(f"image-{seed}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(collection) == len(collection.store.numbers()) == 60
    assert ids(collection, 0) == ids(open_collection(database, tmp_path / "new"), 0)


@pytest.mark.postgres
def test_postgresql_stores_finds_filters_and_forgets_alike(
    new_postgres_url: Callable[..., str], tmp_path: Path
) -> None:
    database = Database(new_postgres_url())
    collection = open_collection(database, tmp_path / "index")
    for seed in range(3):
        collection.add(new_image(seed, metadata={"n": seed, "a": "夏"}, tags=(("cat", 0.5),)))
    assert collection.add(new_image(1, id="other")).state == "exists"
    assert ids(collection, 2, Filters(metadata={"n": 2, "a": "夏"})) == ["image-2"]
    assert len(ids(collection, 0, Filters(all_tags=(("cat",),)))) == 3
    collection.delete("image-0")
    assert sorted(ids(open_collection(database, tmp_path / "new"), 0)) == ["image-1", "image-2"]
    database.close()


def test_what_another_process_adds_and_deletes_is_followed(
    collection: ImageCollection, database: Database, tmp_path: Path
) -> None:
    elsewhere = open_collection(database, tmp_path / "elsewhere")
    for seed in range(3):
        elsewhere.add(new_image(seed))
    collection.add(new_image(7))
    before = collection.version
    assert collection.catch_up()
    assert sorted(ids(collection, 0)) == ["image-0", "image-1", "image-2", "image-7"]
    assert not collection.catch_up()
    assert collection.version == before
    elsewhere.catch_up()
    elsewhere.delete("image-7")
    elsewhere.add(new_image(1, id="image-0"))
    elsewhere.delete("image-2")
    assert collection.version != before
    assert collection.catch_up()
    assert ids(collection, 0) == ids(elsewhere, 0)
    assert [found.image.ids for found in collection.search(vector(0), 9)] == [
        ("image-0", "image-1")
    ]
    same = new_image(1)
    bits = np.frombuffer(same.fingerprint.hash, np.uint8)[None]
    query = Query(same.sha256, Print(same.fingerprint, bits), vector(1))
    assert [one.number for one in collection.duplicates(query)] == [elsewhere.get("image-1").number]


def test_who_has_missed_too_many_removals_compares_everything(
    collection: ImageCollection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "REMOVALS_KEPT", 2)
    elsewhere = open_collection(database, tmp_path / "elsewhere")
    for seed in range(8):
        elsewhere.add(new_image(seed))
    collection.catch_up()
    for seed in range(6):
        elsewhere.delete(f"image-{seed}")
    elsewhere.add(new_image(9))
    assert collection.catch_up()
    assert ids(collection, 0) == ids(elsewhere, 0)
    assert len(collection) == 3
