"""A collection of real photos: what is asked anew and what is stored get one verdict."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.database import Database
from index.collection import ImageCollection, Query
from index.duplicates import Duplicate, DuplicateRules
from index.fingerprint import fingerprint
from index.groups import duplicate_groups
from index.image_store import ImageStore
from tests.fixtures.images import DIM, KEY, new_image, open_collection, vector

PHOTOS = Path(__file__).parents[1] / "data"
NAMES = ("cat", "tiger", "coffee", "astronaut", "pavilion")
Pixels = NDArray[np.uint8]


def photo(name: str) -> Pixels:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def store(collection: ImageCollection, name: str, pixels: Pixels, seed: int) -> None:
    """The vector says nothing: it is that of the seed."""
    made = fingerprint(np.ascontiguousarray(pixels)).fingerprint
    digest = hashlib.sha256(name.encode()).hexdigest()
    collection.add(new_image(seed, id=name, sha256=digest, fingerprint=made, vector=vector(seed)))


@pytest.fixture
def collection(database: Database, tmp_path: Path) -> ImageCollection:
    made = open_collection(database, tmp_path / "index")
    for seed, name in enumerate(NAMES):
        store(made, name, photo(name), seed)
    return made


def asked(collection: ImageCollection, pixels: Pixels, seed: int = 99) -> list[Duplicate]:
    made = fingerprint(np.ascontiguousarray(pixels))
    return collection.duplicates(Query("", made, vector(seed)))


def near(collection: ImageCollection, found: list[Duplicate]) -> set[str]:
    images = collection.store.load([one.number for one in found])
    return {images[one.number].id for one in found if one.tier == "near"}


def test_a_photo_pasted_into_another_or_beside_it_is_found_by_its_pixels_alone(
    collection: ImageCollection,
) -> None:
    cat, tiger = (cv2.resize(photo(name), (320, 240)) for name in ("cat", "tiger"))
    assert near(collection, asked(collection, np.hstack([cat, tiger]))) == {"cat", "tiger"}
    pasted = cv2.resize(photo("pavilion"), (480, 360))
    pasted[60:300, 90:410] = cat
    assert "cat" in near(collection, asked(collection, pasted))


def test_a_mirrored_collage_is_looked_at_in_the_mirror(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    blind = ImageCollection(
        database, ImageStore(database, KEY, DIM), folder, rules=DuplicateRules(mirrors=False)
    )
    seeing = open_collection(database, folder)
    store(seeing, "pavilion", photo("pavilion"), 0)
    store(blind, "pavilion", photo("pavilion"), 0)
    crop = photo("pavilion")[20:-60, 10:-90][:, ::-1]
    assert near(seeing, asked(seeing, crop, seed=0)) == {"pavilion"}
    assert near(blind, asked(blind, crop, seed=0)) == set()


def test_a_stored_image_gets_the_verdict_that_it_got_when_it_came(
    collection: ImageCollection,
) -> None:
    cat = photo("cat")
    for at, changed in enumerate((cat[:, ::-1], np.rot90(cat), cat[10:-10, 10:-10]), start=50):
        before = near(collection, asked(collection, changed, seed=0))
        store(collection, f"changed-{at}", changed, at)
        number = collection.get(f"changed-{at}").number
        query = collection.stored_query(number)
        assert query is not None
        query = Query(query.sha256, query.print, vector(0), None)
        assert "cat" in before
        assert near(collection, collection.duplicates(query)) >= before
        collection.delete(f"changed-{at}")


def test_a_mirrored_copy_is_in_the_group_of_its_photo(collection: ImageCollection) -> None:
    store(collection, "mirrored", photo("cat")[:, ::-1], 70)
    page = duplicate_groups(collection, 0, 10)
    # The vectors are of unrelated seeds, so the local check had to agree.
    assert [{member.id for member in group.members} for group in page.groups] == [
        {"cat", "mirrored"}
    ]


def test_what_is_usual_lowers_the_score_and_leaves_the_similarity(
    database: Database, tmp_path: Path
) -> None:
    images = ImageStore(database, KEY, DIM)
    bank = np.stack([vector(7)] * 10)
    plain = ImageCollection(database, images, tmp_path)
    store(plain, "cat", photo("cat"), 7)
    less = ImageCollection(database, images, tmp_path, background=bank)
    (one,), (other,) = (asked(c, photo("coffee"), seed=7) for c in (plain, less))
    assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
    assert other.score == pytest.approx(one.score - less.rules.usual_part, abs=1e-5)
