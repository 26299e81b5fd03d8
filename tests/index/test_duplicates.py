"""The rules of the three tiers, over real photos and over pictures made to deceive."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index.background import Background
from index.duplicates import Candidate, DuplicateRules, is_same_picture, judge
from index.fingerprint import fingerprint, trimmed
from index.groups import choose_keeper
from index.images import StoredImage
from index.local_check import NOTHING, Evidence, compare, features, mirrored
from index.part_hashes import part_hashes, thumbnail_pixels, turned_hashes

PHOTOS = Path(__file__).parents[1] / "data"
RULES = DuplicateRules()
Pixels = NDArray[np.uint8]


def photo(name: str) -> Pixels:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def evidence(stored: Pixels, query: Pixels) -> Evidence:
    one, other = (features(grey(each)) for each in (stored, query))
    return compare(one, other)


def grey(image: Pixels) -> Pixels:
    return thumbnail_pixels(fingerprint(np.ascontiguousarray(image)).fingerprint.thumbnail)


def bits(a: Pixels, b: Pixels) -> int:
    one, other = (fingerprint(p).hashes for p in (a, b))
    return int(min(np.unpackbits(row ^ one[0]).sum() for row in other))


def framed(image: Pixels, by: int, colour: int) -> Pixels:
    return np.pad(image, ((by, by), (by, by), (0, 0)), constant_values=colour)


def test_a_border_of_one_colour_is_trimmed_and_a_photo_is_left_alone() -> None:
    cat = photo("cat")
    for colour in (0, 255, 90):
        assert trimmed(framed(cat, 40, colour)).shape == cat.shape
    assert trimmed(cat).shape == cat.shape
    blank = np.full((50, 60, 3), 200, np.uint8)
    assert trimmed(blank).shape == blank.shape


def test_hashes_see_through_borders_mirrors_and_turns() -> None:
    cat = photo("cat")
    for changed in (framed(cat, 40, 255), cat[:, ::-1], np.rot90(cat), cat[::-1]):
        assert bits(cat, np.ascontiguousarray(changed)) <= RULES.hash_sure
    assert bits(cat, photo("tiger")) > RULES.hash_sure


def test_the_same_pixels_have_one_digest_and_others_another() -> None:
    cat = photo("cat")
    changed = cat.copy()
    changed[0, 0, 0] ^= 1
    digests = [fingerprint(p).fingerprint.pixel_digest for p in (cat, cat.copy(), changed)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("name", ["cat", "tiger", "coffee", "astronaut", "pavilion"])
def test_a_crop_and_a_collage_are_the_same_picture(name: str) -> None:
    image = photo(name)
    height, width = image.shape[:2]
    crop = image[height // 8 : height * 7 // 8, width // 8 : width * 7 // 8]
    assert is_same_picture(evidence(image, crop), RULES)
    other = photo("coffee" if name != "coffee" else "cat")
    beside = cv2.resize(other, (width, height))
    assert is_same_picture(evidence(image, np.hstack([image, beside])), RULES)


def test_a_mirrored_crop_is_found_in_a_mirror() -> None:
    image = photo("astronaut")
    crop = np.ascontiguousarray(image[30:-60, 40:-20][:, ::-1])
    stored, query = features(grey(image)), features(grey(crop))
    plain, seen = compare(stored, query), compare(stored, mirrored(query))
    assert is_same_picture(seen, RULES)
    assert seen.inliers > 5 * plain.inliers
    assert not is_same_picture(compare(features(grey(photo("tiger"))), mirrored(query)), RULES)


def test_a_plain_picture_with_weak_edges_is_still_recognised_in_a_crop() -> None:
    faint = (photo("pavilion") // 12 + 110).astype(np.uint8)
    crop = np.ascontiguousarray(faint[20:-30, 30:-20])
    assert evidence(faint, crop).inliers >= RULES.inliers


def test_the_parts_of_a_collage_have_the_hashes_of_its_photos() -> None:
    size = (300, 300)
    photos = [cv2.resize(photo(name), size) for name in ("cat", "tiger", "coffee", "astronaut")]
    collage = np.vstack([np.hstack(photos[:2]), np.hstack(photos[2:])])
    parts = part_hashes(grey(collage), RULES.hash_quality)
    for one in photos:
        whole = np.frombuffer(fingerprint(one).fingerprint.hash, np.uint8)
        nearest = min(int(np.unpackbits(part ^ whole).sum()) for part in parts)
        assert nearest <= RULES.part_candidate
    other = np.frombuffer(fingerprint(photo("pavilion")).fingerprint.hash, np.uint8)
    assert all(np.unpackbits(part ^ other).sum() > RULES.part_candidate for part in parts)


def test_flat_or_tiny_parts_have_no_hash() -> None:
    assert part_hashes(np.full((200, 200), 90, np.uint8), RULES.hash_quality).shape == (0, 32)
    assert part_hashes(grey(photo("cat"))[:40, :40], RULES.hash_quality).shape == (0, 32)


def test_a_thumbnail_gives_the_turns_of_its_photo() -> None:
    cat = photo("cat")
    from_thumbnail = turned_hashes(grey(cat))
    differing = np.unpackbits(from_thumbnail ^ fingerprint(cat).hashes, axis=1).sum(axis=1)
    assert differing.max() <= RULES.hash_sure


def test_what_is_usual_for_a_query_is_a_part_of_its_nearest_background() -> None:
    bank = np.eye(4, dtype=np.float32)
    query = np.array([0.8, 0.6, 0.0, 0.0], np.float32)
    assert Background(bank, 0.5, 2).usual(query) == pytest.approx(0.5 * (0.8 + 0.6) / 2)
    assert Background(bank, 0.5, 99).usual(query) == pytest.approx(0.5 * 1.4 / 4)
    assert Background(bank[:0], 0.5, 2).usual(query) == 0.0


def test_alike_is_what_is_more_alike_than_usual() -> None:
    candidates = [Candidate(1, 0.9, 0.3), Candidate(2, 0.7, 0.7)]
    found = judge(candidates, DuplicateRules(vector_similar=0.5), lambda _: NOTHING)
    assert [(one.number, one.tier, one.similarity) for one in found] == [(2, "similar", 0.7)]


def test_a_part_of_the_query_near_by_hash_is_looked_at_before_near_vectors() -> None:
    candidates = [Candidate(n, 0.9, 0.9) for n in range(1, 40)] + [
        Candidate(99, 0.0, 0.0, None, 20)
    ]
    rules = DuplicateRules(checks=1)
    found = judge(candidates, rules, lambda _: Evidence(50, 1.0))
    assert (found[0].number, found[0].tier) == (99, "near")


def test_different_photos_are_not_the_same_picture() -> None:
    names = ("cat", "tiger", "coffee", "astronaut", "pavilion")
    for one in names:
        for other in names:
            if one != other:
                assert not is_same_picture(evidence(photo(one), photo(other)), RULES)


def test_a_burst_of_one_scene_is_not_a_duplicate() -> None:
    """The same wall behind another subject: the background agrees, the picture does not."""
    wall = photo("pavilion")
    first, second = wall.copy(), wall.copy()
    height, width = wall.shape[:2]
    size = (width // 2, height * 2 // 3)
    first[-size[1] :, : size[0]] = cv2.resize(photo("cat"), size)
    second[-size[1] :, -size[0] :] = cv2.resize(photo("tiger"), size)
    second = cv2.warpAffine(second, np.float32([[1, 0.01, 3], [-0.01, 1, -2]]), (width, height))
    assert not is_same_picture(evidence(first, second), RULES)


def test_a_flat_picture_is_no_evidence() -> None:
    blank = np.full((200, 200, 3), 128, np.uint8)
    assert evidence(blank, photo("cat")) == NOTHING
    assert evidence(blank, blank) == NOTHING


def test_the_local_check_is_asked_only_where_hash_and_vector_leave_doubt() -> None:
    asked: list[int] = []

    def look(number: int) -> Evidence:
        asked.append(number)
        return Evidence(50, 0.9) if number == 3 else NOTHING

    candidates = [
        Candidate(1, 0.9, 0.9, 10),  # both say copy
        Candidate(2, 0.0, 0.0, 10),  # the vector objects
        Candidate(3, 0.4, 0.4),  # only a vector
        Candidate(4, 0.95, 0.95, 200),  # alike, no more
        Candidate(5, 0.1, 0.1, 70),
    ]
    found = {one.number: one.tier for one in judge(candidates, RULES, look)}
    assert found == {1: "near", 3: "near", 4: "similar"}
    assert sorted(asked) == [2, 3, 4, 5]


def test_the_hash_of_a_flat_picture_has_no_say() -> None:
    candidates = [Candidate(1, 0.3, 0.3, 0)]
    assert judge(candidates, RULES, lambda _: NOTHING, hash_speaks=False) == []


def test_what_is_hardly_alike_is_not_looked_at() -> None:
    low = RULES.vector_candidate - 0.01
    candidates = [Candidate(1, low, low), Candidate(2, low, low, RULES.hash_candidate)]
    asked: list[int] = []

    def look(number: int) -> Evidence:
        asked.append(number)
        return NOTHING

    judge(candidates, RULES, look)
    assert asked == [2]


def test_only_so_many_candidates_are_looked_at() -> None:
    asked: list[int] = []

    def look(number: int) -> Evidence:
        asked.append(number)
        return NOTHING

    judge([Candidate(n, 0.5, 0.5) for n in range(100)], RULES, look)
    assert len(asked) == RULES.checks


def test_beside_a_copy_only_what_comes_near_it_is_looked_at() -> None:
    asked: list[int] = []

    def look(number: int) -> Evidence:
        asked.append(number)
        return Evidence(50, 1.0) if number == 1 else NOTHING

    candidates = [Candidate(1, 0.9, 0.9), Candidate(2, 0.6, 0.6), Candidate(3, 0.3, 0.3)]
    judge(candidates, RULES, look)
    assert asked == [1, 2]
    judge(candidates[2:], RULES, look)
    assert asked == [1, 2, 3]
    judge(candidates[2:], RULES, look, best=1.0)
    assert asked == [1, 2, 3]


def test_the_keeper_has_most_pixels_then_most_bytes_then_age() -> None:
    def stored(number: int, width: int, size: int) -> StoredImage:
        moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
        name = str(number)
        return StoredImage(
            number, name, (name,), "", width, 10, "JPEG", size, moment, "", {}, (), None
        )

    assert choose_keeper((stored(1, 10, 9), stored(2, 20, 1)))[0].number == 2
    assert choose_keeper((stored(1, 20, 5), stored(2, 20, 9)))[0].number == 2
    keeper, reason = choose_keeper((stored(1, 20, 5), stored(2, 20, 5)))
    assert keeper.number == 1
    assert "最早" in reason
