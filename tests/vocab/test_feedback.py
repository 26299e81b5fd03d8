"""What judgements do to a tag, whoever passes them."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.feedback import Prior, Said, Shift, information, posterior_shift, weigh

DEVIATION = Prior().deviation
CAP = Prior().author_cap

verdicts = st.lists(
    st.builds(
        Said,
        author=st.sampled_from("甲乙丙丁"),
        image=st.sampled_from([f"image-{n}" for n in range(30)]),
        positive=st.booleans(),
        logit=st.just(0.0),
    ),
    max_size=60,
    unique_by=lambda one: (one.author, one.image),
)
# An image's logit is its own, whoever judges it.
logits = st.lists(st.floats(-8, 8), min_size=30, max_size=30)


def shift(said: list[Said]) -> Shift:
    return posterior_shift(weigh(said, CAP), DEVIATION)


def on(said: list[Said], known: list[float]) -> list[Said]:
    return [replace(one, logit=known[int(one.image[6:])]) for one in said]


def click(author: str, number: int, positive: bool, logit: float = 1.0) -> Said:
    return Said(author, f"image-{number}", positive, logit)


def test_without_judgements_nothing_moves() -> None:
    assert shift([]) == Shift(0.0, DEVIATION, 0.0)


@given(verdicts, logits)
def test_the_shift_is_where_the_posterior_is_highest(said: list[Said], known: list[float]) -> None:
    weighed = weigh(on(said, known), CAP)
    found = posterior_shift(weighed, DEVIATION).value

    def log_posterior(at: float) -> float:
        all_logits = weighed.logits + at
        yes, no = -np.logaddexp(0, -all_logits), -np.logaddexp(0, all_logits)
        likelihood = weighed.weights * (weighed.truth * yes + (1 - weighed.truth) * no)
        return float(likelihood.sum() - at**2 / (2 * DEVIATION**2))

    for other in (found - 0.01, found + 0.01, 0.0, -3.0, 3.0):
        assert log_posterior(found) >= log_posterior(other) - 1e-9


@given(verdicts, logits, st.randoms(use_true_random=False))
def test_the_order_of_judgements_does_not_count(
    said: list[Said], known: list[float], rng: random.Random
) -> None:
    said = on(said, known)
    shuffled = list(said)
    rng.shuffle(shuffled)
    assert shift(shuffled) == shift(said)


@given(verdicts, logits)
def test_taking_a_judgement_back_leaves_what_was_before(
    said: list[Said], known: list[float]
) -> None:
    said = on(said, known)
    before = shift(said)
    more = [*said, Said("戊", "image-3", False, known[3])]
    shift(more)
    assert shift(more[:-1]) == before


@given(verdicts, logits, st.data())
def test_a_verdict_turned_to_right_never_lowers_the_confidence(
    said: list[Said], known: list[float], data: st.DataObject
) -> None:
    said = on(said, known)
    wrong = [at for at, one in enumerate(said) if not one.positive]
    if not wrong:
        return
    turned = data.draw(st.sampled_from(wrong))
    better = [replace(one, positive=True) if at == turned else one for at, one in enumerate(said)]
    assert shift(better).value >= shift(said).value - 1e-9


@given(verdicts, logits, st.booleans(), st.integers(1, 30))
def test_one_author_moves_a_tag_no_further_than_the_cap_allows(
    said: list[Said], known: list[float], positive: bool, clicks: int
) -> None:
    said = on(said, known)
    crowd = [*said, *(Said("戊", f"image-{n}", positive, known[n]) for n in range(clicks))]
    assert abs(shift(crowd).value - shift(said).value) <= DEVIATION**2 * CAP + 1e-9


def test_fifty_wrong_clicks_of_one_author_weigh_as_two() -> None:
    fifty = [click("甲", n, False) for n in range(50)]
    two = [click(author, n, False) for n, author in enumerate("甲乙")]
    assert shift(fifty).value == pytest.approx(shift(two).value, abs=1e-6)
    assert shift(fifty).weight == pytest.approx(CAP)


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=50))
def test_wrong_clicks_of_one_author_that_nobody_opposes_leave_a_sure_tag_above_one_half(
    logits: list[float],
) -> None:
    alone = [click("甲", n, False, logit) for n, logit in enumerate(logits)]
    assert 1 / (1 + np.exp(-(np.log(0.8 / 0.2) + shift(alone).value))) > 0.5
    # Where others say the same, it is another matter.
    crowd = [click(f"{n}", n, False, 1.4) for n in range(20)]
    assert 1 / (1 + np.exp(-(np.log(0.8 / 0.2) + shift(crowd).value))) < 0.5


def test_fifty_wrong_clicks_cannot_silence_a_tag_that_others_confirm() -> None:
    wrong = [click("甲", n, False) for n in range(50)]
    right = [click(f"乙{n}", n, True) for n in range(20)]
    assert shift([*wrong, *right]).value > 0


def test_authors_who_contradict_each_other_on_an_image_give_their_mean() -> None:
    weighed = weigh([click("甲", 1, True), click("乙", 1, False)], CAP)
    assert weighed.truth.tolist() == [0.5]
    assert weighed.weights.tolist() == [1.0]


def test_a_few_clicks_move_a_tag_less_than_many() -> None:
    one = shift([click("甲", 0, False)]).value
    many = shift([click(f"甲{n}", n, False) for n in range(40)]).value
    assert -0.5 < one < 0
    assert many < 2 * one


def test_what_is_well_known_teaches_little() -> None:
    unsure, sure = information(np.zeros(2), np.asarray([DEVIATION, 0.1]))
    assert unsure > sure
    near, far = information(np.asarray([0.0, 4.0]), np.full(2, DEVIATION))
    assert near > far


@given(verdicts, logits)
def test_every_judgement_makes_a_tag_surer_not_less(said: list[Said], known: list[float]) -> None:
    assert 0 < shift(on(said, known)).deviation <= DEVIATION
