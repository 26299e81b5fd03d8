"""How a tag becomes one vector."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.prompts import (
    DEFAULT_TEMPLATES,
    FloatArray,
    average,
    digest_of,
    embed_tags,
    prompts_of,
)
from vocab.tags import Tag

DIM = 8


class Shelf:
    """A store of vectors in a dict."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], FloatArray] = {}

    def get(self, model_key: str, digests: Sequence[str]) -> Mapping[str, FloatArray]:
        return {d: self.rows[model_key, d] for d in digests if (model_key, d) in self.rows}

    def put(self, model_key: str, vectors: Mapping[str, FloatArray]) -> None:
        self.rows.update({(model_key, d): v for d, v in vectors.items()})


class CountingEncoder:
    """Gives each text a unit vector of its own, and counts the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        self.texts.extend(texts)
        rows = [np.random.default_rng(list(t.encode())).normal(size=DIM) for t in texts]
        stacked = np.stack(rows).astype(np.float32)
        return stacked / np.linalg.norm(stacked, axis=1, keepdims=True)


def embed(tags: Sequence[Tag], encode: CountingEncoder, shelf: Shelf, key: str = "m") -> FloatArray:
    return embed_tags(tags, encode, key, shelf, dim=DIM)


def test_the_name_meets_every_template_and_an_alias_the_first() -> None:
    prompts = prompts_of(Tag("1", "狗", aliases=("犬", "狗")))
    assert prompts == (*(t.replace("{}", "狗") for t in DEFAULT_TEMPLATES), "犬")


def test_a_tags_own_templates_replace_the_default_ones() -> None:
    assert prompts_of(Tag("1", "狗", prompt_templates=("卡通{}",))) == ("卡通狗",)


def test_braces_in_a_name_are_text() -> None:
    assert prompts_of(Tag("1", "{0.x}"), ("{}图",)) == ("{0.x}图",)


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_a_digest_tells_prompts_apart(one: list[str], other: list[str]) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


@given(st.integers(0, 1000), st.integers(1, 9))
def test_the_average_of_unit_rows_is_a_unit_row(seed: int, count: int) -> None:
    rows = CountingEncoder()([f"{seed}{i}" for i in range(count)])
    assert np.isclose(np.linalg.norm(average(rows)), 1, atol=1e-5)


def test_a_second_start_encodes_nothing() -> None:
    shelf, tags = Shelf(), [Tag(str(i), f"标签{i}") for i in range(300)]
    first, second = CountingEncoder(), CountingEncoder()
    vectors = embed(tags, first, shelf)
    assert np.array_equal(embed(tags, second, shelf), vectors)
    assert len(first.texts) == 300 * len(DEFAULT_TEMPLATES)
    assert second.texts == []


def test_only_a_changed_tag_is_encoded_again() -> None:
    shelf, encode = Shelf(), CountingEncoder()
    embed([Tag("1", "狗"), Tag("2", "猫")], encode, shelf)
    encode.texts.clear()
    embed([Tag("1", "狗"), Tag("2", "猫", aliases=("喵星人",))], encode, shelf)
    assert encode.texts == list(prompts_of(Tag("2", "猫", aliases=("喵星人",))))


def test_another_model_encodes_for_itself() -> None:
    shelf, encode = Shelf(), CountingEncoder()
    embed([Tag("1", "狗")], encode, shelf, "m")
    encode.texts.clear()
    embed([Tag("1", "狗")], encode, shelf, "other")
    assert encode.texts


def test_a_start_cut_short_keeps_what_it_has_computed() -> None:
    shelf, tags = Shelf(), [Tag(str(i), f"标签{i}") for i in range(300)]

    def cut_short(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_tags(tags, CountingEncoder(), "m", shelf, dim=DIM, progress=cut_short)
    assert len(shelf.rows) == 128


def test_progress_counts_the_tags_that_had_to_be_encoded() -> None:
    seen: list[tuple[int, int]] = []
    tags = [Tag(str(i), f"标签{i}") for i in range(130)]
    embed_tags(tags, CountingEncoder(), "m", Shelf(), dim=DIM, progress=lambda *at: seen.append(at))
    assert seen == [(128, 130), (130, 130)]


def test_no_tags_are_an_empty_array_of_the_right_length() -> None:
    assert embed([], CountingEncoder(), Shelf()).shape == (0, DIM)
