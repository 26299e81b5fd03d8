"""A file that was seen before: nothing is computed twice, and nothing stale is answered."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.api.context import Service
from app.batching.batcher import Batcher
from app.batching.cache import ResultCache, VectorCache
from app.choice import Options
from app.intake.sources import PathSource
from app.snapshot import Live
from app.tagger import Answer, Tagged, Tagger
from tests.app.conftest import PHOTOS

CAT = PathSource(PHOTOS / "cat.jpg")
TIGER = PathSource(PHOTOS / "tiger.jpg")
EVERYTHING = Options(min_confidence=0.0, top_k=100, distinct=False, include_parents=True)


class Counting:
    """A batcher that counts what it encodes."""

    def __init__(self, batcher: Batcher):
        self._batcher = batcher
        self.encoded = 0

    async def encode(self, *given: object) -> object:
        self.encoded += 1
        return await self._batcher.encode(*given)  # type: ignore[arg-type]


@pytest.fixture
def counting(service: Service) -> Counting:
    return Counting(service.tagger.batcher)


@pytest.fixture
def tagger(service: Service, counting: Counting) -> Tagger:
    return replace(
        service.tagger,
        batcher=counting,  # type: ignore[arg-type]
        seen=VectorCache("model", 1 << 20),
        answers=ResultCache(1 << 20),
    )


def ask(tagger: Tagger, *paths: PathSource, options: Options | None = None) -> Answer:
    return asyncio.run(tagger.tag(list(paths), options or Options()))


def test_the_same_file_is_encoded_once_and_answered_alike(
    tagger: Tagger, counting: Counting
) -> None:
    first, again = ask(tagger, CAT), ask(tagger, TIGER, CAT)
    assert counting.encoded == 2
    assert again.results[1] == first.results[0]
    assert tagger.answers is not None
    assert tagger.answers.memory.hits == 1
    assert ask(replace(tagger, seen=None, answers=None), CAT).results == first.results


def test_a_copy_under_another_name_is_the_same_file(
    tagger: Tagger, counting: Counting, tmp_path: Path
) -> None:
    copy = tmp_path / "other.jpg"
    copy.write_bytes(CAT.path.read_bytes())
    assert ask(tagger, CAT).results == ask(tagger, PathSource(copy)).results
    assert counting.encoded == 1


def test_other_options_are_another_answer_from_the_same_vectors(
    tagger: Tagger, counting: Counting
) -> None:
    ask(tagger, CAT)
    everything = ask(tagger, CAT, options=EVERYTHING)
    (result,) = everything.results
    assert isinstance(result, Tagged)
    assert len(result.tags) == len(tagger.live.current().tags)
    assert counting.encoded == 1


def test_an_edit_of_the_vocabulary_keeps_vectors_and_forgets_answers(
    tagger: Tagger, counting: Counting
) -> None:
    (before,) = ask(tagger, CAT).results
    old, live = tagger.live.current(), Live()
    renamed = tuple(replace(tag, name=f"{tag.name}!") for tag in old.tags)
    live.publish(replace(old, revision=old.revision + 1, tags=renamed))
    (after,) = ask(replace(tagger, live=live), CAT).results
    assert isinstance(before, Tagged)
    assert isinstance(after, Tagged)
    assert [hit.tag.name for hit in after.tags] == [f"{hit.tag.name}!" for hit in before.tags]
    assert counting.encoded == 1


def test_an_image_whose_copies_are_asked_for_is_looked_at_anew(
    tagger: Tagger, counting: Counting
) -> None:
    ask(tagger, CAT)
    (asked,) = ask(tagger, CAT, options=Options(duplicates=True)).results
    assert isinstance(asked, Tagged)
    assert asked.recalled is not None
    (plain,) = ask(tagger, CAT).results
    assert isinstance(plain, Tagged)
    assert plain.recalled is None
    assert counting.encoded == 2
