"""Judgements as the database keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sqlalchemy import inspect

from app.database import Database
from vocab.errors import InvalidTagError, JudgementNotFoundError
from vocab.judgements import JudgementStore, Kept, NewJudgement, Verdict
from vocab.learning_tables import judgements

KEY = "model-a"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    url = database_url
    if request.param == "postgres":
        make: Callable[..., str] = request.getfixturevalue("new_postgres_url")
        url = make()
    made = Database(url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def kept(any_database: Database) -> JudgementStore:
    return JudgementStore(any_database, KEY)


def vector(seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return made / np.linalg.norm(made)


def new(tag: str = "cat", image: int = 1, verdict: Verdict = "right") -> NewJudgement:
    return NewJudgement(tag, f"名{tag}", f"sha-{image}", verdict, vector(image), revision=3)


def test_a_judgement_comes_back_as_it_was_passed(kept: JudgementStore) -> None:
    (one,) = kept.add("甲", [new(verdict="missing")])
    assert one.state == "added"
    (found,) = kept.list()
    assert found == one.judgement
    assert (found.author, found.tag_id, found.tag_name, found.image) == (
        "甲",
        "cat",
        "名cat",
        "sha-1",
    )
    assert (found.verdict, found.positive, found.revision, found.model_key) == (
        "missing",
        True,
        3,
        KEY,
    )
    assert found.created_at.tzinfo is not None


def test_the_vector_is_kept_in_half_precision_and_at_unit_length(kept: JudgementStore) -> None:
    kept.add("甲", [new()])
    evidence = kept.evidence(["cat"])["cat"]
    assert np.allclose(evidence.vectors[0], vector(1), atol=1e-3)
    assert np.linalg.norm(evidence.vectors[0]) == pytest.approx(1, abs=1e-6)


def test_of_one_author_image_and_tag_the_last_verdict_counts(kept: JudgementStore) -> None:
    (first,) = kept.add("甲", [new(verdict="right")])
    (second,) = kept.add("甲", [new(verdict="wrong")])
    assert (second.state, second.judgement.id) == ("replaced", first.judgement.id)
    assert [one.verdict for one in kept.list()] == ["wrong"]
    kept.add("乙", [new(verdict="right")])
    assert len(kept.list()) == 2


def test_the_same_verdict_twice_is_one_and_changes_nothing(kept: JudgementStore) -> None:
    (first,) = kept.add("甲", [new()])
    change = kept.change()
    (again,) = kept.add("甲", [new()])
    assert again == Kept(first.judgement, "exists")
    assert kept.change() == change


def test_a_deleted_judgement_is_gone_with_its_vector(kept: JudgementStore) -> None:
    (one,) = kept.add("甲", [new()])
    assert kept.delete(one.judgement.id) == one.judgement
    assert kept.list() == ()
    assert kept.evidence(["cat"]) == {}
    with pytest.raises(JudgementNotFoundError):
        kept.delete(one.judgement.id)


def test_changes_tell_which_tags_to_weigh_again(kept: JudgementStore) -> None:
    assert kept.change() == 0
    kept.add("甲", [new("cat"), new("dog")])
    before = kept.change()
    assert kept.changed_since(0) == ("cat", "dog")
    (bird,) = kept.add("甲", [new("bird")])
    assert kept.changed_since(before) == ("bird",)
    after = kept.change()
    kept.delete(bird.judgement.id)
    assert kept.change() > after
    assert kept.changed_since(after) == ("bird",)


def test_another_model_sees_nothing_of_it(any_database: Database, kept: JudgementStore) -> None:
    (one,) = kept.add("甲", [new()])
    other = JudgementStore(any_database, "model-b")
    assert (other.list(), other.change(), other.evidence(["cat"])) == ((), 0, {})
    with pytest.raises(JudgementNotFoundError):
        other.delete(one.judgement.id)


def test_evidence_does_not_depend_on_the_order_of_coming(any_database: Database) -> None:
    found = []
    for key, order in (("x", (1, 2, 3)), ("y", (3, 1, 2))):
        store = JudgementStore(any_database, key)
        for image in order:
            store.add("甲", [new(image=image)])
        found.append(store.evidence(["cat"])["cat"])
    assert [one.image for one in found[0].judgements] == [one.image for one in found[1].judgements]
    assert np.array_equal(found[0].vectors, found[1].vectors)


def test_pages_go_back_in_time(kept: JudgementStore) -> None:
    for image in range(5):
        kept.add("甲", [new("cat" if image % 2 else "dog", image)])
    first = kept.list(limit=3)
    second = kept.list(before=first[-1].id, limit=3)
    assert [one.image for one in (*first, *second)] == [f"sha-{n}" for n in (4, 3, 2, 1, 0)]
    assert [one.image for one in kept.list(tag_id="cat")] == ["sha-3", "sha-1"]


def test_counts_and_judged_pairs(kept: JudgementStore) -> None:
    kept.add("甲", [new("cat", 1), new("cat", 2, "wrong"), new("dog", 2, "missing")])
    assert kept.counts() == {
        "cat": {"right": 1, "wrong": 1, "missing": 0},
        "dog": {"right": 0, "wrong": 0, "missing": 1},
    }
    assert kept.judged(["sha-2"]) == {("sha-2", "cat"), ("sha-2", "dog")}
    assert len(kept.everything().judgements) == len(kept.everything().vectors) == 3


def test_an_author_without_a_name_is_anonymous_and_a_bad_one_keeps_nothing(
    kept: JudgementStore,
) -> None:
    (one,) = kept.add("  ", [new()])
    assert one.judgement.author == "anonymous"
    with pytest.raises(InvalidTagError):
        kept.add("甲" * 201, [new(image=2)])
    assert len(kept.list()) == 1


def test_the_migrated_tables_are_the_declared_ones(any_database: Database) -> None:
    with any_database.read() as connection:
        made = inspect(connection).get_columns(judgements.name)
    assert {column["name"] for column in made} == set(judgements.c.keys())
