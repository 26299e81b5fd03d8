"""A cut that misses no more than was promised."""

import numpy as np
import pytest

from vocab.conformal import miss_cut


def drawn(rng: np.random.Generator, images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    truth = rng.random((images, 12)) < 0.3
    confidences = rng.beta(2, 5, truth.shape) + truth * rng.random(truth.shape) * 0.4
    return confidences.astype(np.float32), truth, np.ones_like(truth)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_the_share_missed_on_fresh_images_keeps_the_promise_on_average(share: float) -> None:
    rng = np.random.default_rng(0)
    missed = []
    for _ in range(60):
        cut = miss_cut(*drawn(rng, 60), share)
        assert cut is not None
        confidences, truth, _ = drawn(rng, 60)
        some = truth.any(axis=1)
        lost = (truth & (confidences < cut)).sum(axis=1)[some] / truth.sum(axis=1)[some]
        missed.append(lost.mean())
    assert np.mean(missed) <= share + 0.01
    assert np.mean(missed) >= share - 0.05


def test_a_few_images_cannot_promise_little() -> None:
    confidences, truth, counted = drawn(np.random.default_rng(1), 5)
    assert miss_cut(confidences, truth, counted, 0.1) is None


def test_arguable_pairs_and_images_without_a_tag_do_not_count() -> None:
    confidences, truth, counted = drawn(np.random.default_rng(2), 40)
    cut = miss_cut(confidences, truth, counted, 0.3)
    truth[0], counted[0] = True, False
    confidences[0] = 0.0
    more = [np.vstack([array, array[:1]]) for array in (confidences, truth, counted)]
    assert miss_cut(more[0], more[1], more[2], 0.3) == miss_cut(confidences, truth, counted, 0.3)
    assert cut is not None
