"""Tags of an image by its parts, on vectors whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from vocab.parts import WEIGHT, local_scores, with_parts
from vocab.probes import ProbeSet

RNG = np.random.default_rng(0)


def units(count: int, dim: int = 32) -> np.ndarray:
    rows = RNG.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


PROBES = ProbeSet(units(64))
TAGS = units(7)


def test_a_tag_that_one_part_of_twenty_shows_is_the_strongest() -> None:
    parts = units(20)
    parts[13] = TAGS[4]
    assert np.argmax(local_scores(TAGS, parts, PROBES)) == 4


def test_over_the_probes_themselves_local_scores_have_mean_zero_and_spread_one() -> None:
    found = local_scores(PROBES.vectors, units(9), PROBES)
    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-5)


def test_one_part_that_is_the_whole_image_changes_nothing() -> None:
    image = units(1)
    side = PROBES.image_side(image)
    plain = (image @ TAGS.T)[0]
    local = local_scores(TAGS, image, PROBES)
    found = with_parts(plain, local, float(side.means[0]), float(side.spreads[0]))
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_the_order_of_the_parts_and_another_tag_change_nothing() -> None:
    parts = units(30)
    found = local_scores(TAGS, parts, PROBES)
    np.testing.assert_allclose(local_scores(TAGS, parts[::-1], PROBES), found, atol=1e-5)
    alone = local_scores(TAGS[2:3], parts, PROBES)
    np.testing.assert_allclose(alone, found[2:3], atol=1e-5)


def test_whole_and_parts_weigh_as_the_formula_says() -> None:
    whole, local = np.float32([0.2, 0.1]), np.float32([3.0, -1.0])
    found = with_parts(whole, local, mean=0.05, spread=0.02)
    expected = (1 - WEIGHT) * whole + WEIGHT * (0.05 + 0.02 * local)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_tags_and_no_probes_are_no_error() -> None:
    assert local_scores(TAGS[:0], units(3), PROBES).shape == (0,)
    found = local_scores(TAGS, units(3), ProbeSet(np.zeros((0, 32), np.float32)))
    assert np.isfinite(found).all()
