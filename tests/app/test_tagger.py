"""The read path over real parts: the built-in model and a small vocabulary."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from io import BytesIO
from typing import cast

import pytest
from PIL import Image

from app.api.context import Service
from app.batching.admission import Gate, WaitingGate
from app.batching.batcher import Batcher, Encoded
from app.choice import Options
from app.errors import (
    CorruptImageError,
    EncoderError,
    InvalidRequestError,
    NotReadyError,
    OverloadedError,
    RequestTimeoutError,
    UnsupportedImageError,
)
from app.intake.sources import PathSource, Source, UploadSource
from app.snapshot import Live
from app.tagger import Answer, Problem, Tagged, Tagger
from index.collection import ImageCollection
from tests.app.conftest import PHOTOS

CAT = PathSource(PHOTOS / "cat.jpg")
TIGER = PathSource(PHOTOS / "tiger.jpg")
EVERYTHING = Options(min_confidence=0.0, top_k=100, distinct=False)


@pytest.fixture(scope="module")
def tagger(service: Service) -> Tagger:
    return service.tagger


def upload(data: bytes) -> UploadSource:
    return UploadSource(BytesIO(data))


def ask(tagger: Tagger, sources: Sequence[Source], options: Options | None = None) -> Answer:
    return asyncio.run(tagger.tag(sources, options or Options()))


def tagged(answer: Answer) -> Tagged:
    (result,) = answer.results
    assert isinstance(result, Tagged)
    return result


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("cat", "猫"),
        ("tiger", "老虎"),
        ("coffee", "咖啡"),
    ],
)
def test_a_photo_is_most_of_all_what_it_shows(tagger: Tagger, photo: str, name: str) -> None:
    result = tagged(ask(tagger, [PathSource(PHOTOS / f"{photo}.jpg")], EVERYTHING))
    assert result.tags[0].tag.name == name


def test_tags_come_strongest_first_and_each_reached_its_threshold(tagger: Tagger) -> None:
    tags = tagged(ask(tagger, [CAT], Options(min_confidence=0.01))).tags
    assert tags
    confidences = [hit.confidence for hit in tags]
    assert confidences == sorted(confidences, reverse=True)
    assert all(hit.similarity >= hit.threshold for hit in tags)
    assert all(hit.confidence >= 0.0099 for hit in tags)


def test_every_active_tag_passes_a_confidence_of_zero_and_none_passes_one(tagger: Tagger) -> None:
    count = len(tagger.live.current().tags)
    everything = replace(EVERYTHING, include_parents=True)
    assert len(tagged(ask(tagger, [CAT], everything)).tags) == count
    nothing = tagged(ask(tagger, [CAT], Options(min_confidence=1.0)))
    assert nothing.tags == ()
    assert len(nothing.nearest_misses) == 3
    assert all(miss.similarity < miss.threshold for miss in nothing.nearest_misses)


def test_a_paused_tag_is_never_given(tagger: Tagger) -> None:
    names = {hit.tag.name for hit in tagged(ask(tagger, [CAT], EVERYTHING)).tags}
    assert "停用的标签" not in names


def test_the_same_photo_alone_or_among_others_gets_the_same_tags(tagger: Tagger) -> None:
    alone = tagged(ask(tagger, [CAT]))
    together = ask(tagger, [TIGER, CAT, TIGER]).results
    assert isinstance(together[1], Tagged)
    assert [h.tag.id for h in together[1].tags] == [h.tag.id for h in alone.tags]
    assert [h.confidence for h in together[1].tags] == pytest.approx(
        [h.confidence for h in alone.tags], abs=1e-3
    )


def test_a_bad_image_does_not_spoil_the_others_and_the_order_is_kept(tagger: Tagger) -> None:
    cut = upload(CAT.path.read_bytes()[:4000])
    results = ask(tagger, [upload(b"text"), CAT, cut, TIGER]).results
    assert [type(result) for result in results] == [Problem, Tagged, Problem, Tagged]
    assert isinstance(cast(Problem, results[0]).error, UnsupportedImageError)
    assert isinstance(cast(Problem, results[2]).error, CorruptImageError)


def test_a_request_whose_images_all_fail_has_an_answer_too(tagger: Tagger) -> None:
    answer = ask(tagger, [upload(b"text")])
    assert isinstance(answer.results[0], Problem)
    assert answer.revision == tagger.live.current().revision


def test_the_answer_tells_where_the_time_went_in_order(tagger: Tagger) -> None:
    stages = ask(tagger, [CAT]).stages_ms
    assert list(stages) == ["decode", "queue", "encode", "search", "calibrate"]
    assert all(spent >= 0 for spent in stages.values())


def test_only_tags_of_the_categories_asked_for_come_back(tagger: Tagger) -> None:
    options = replace(EVERYTHING, categories=("饮品",))
    names = {hit.tag.name for hit in tagged(ask(tagger, [CAT], options)).tags}
    assert names == {"咖啡", "啤酒"}
    with pytest.raises(InvalidRequestError):
        ask(tagger, [CAT], Options(categories=("没有这一类",)))


def test_parents_come_along_when_asked_for(tagger: Tagger) -> None:
    options = Options(top_k=1, min_confidence=0.0, categories=("动物",), include_parents=True)
    tags = tagged(ask(tagger, [CAT], options)).tags
    implied = {hit.tag.name for hit in tags if hit.implied}
    assert implied == {"动物"} or [hit.tag.name for hit in tags] == ["动物"]


def test_a_request_keeps_the_snapshot_it_began_with(tagger: Tagger) -> None:
    live = Live()
    old = tagger.live.current()
    live.publish(old)

    class Publishing:
        """A batcher during whose work a newer vocabulary goes live."""

        async def encode(self, pixels: object, *_: object) -> Encoded:
            live.publish(replace(old, revision=old.revision + 1))
            return await tagger.batcher.encode(pixels, time.monotonic() + 30)  # type: ignore[arg-type]

    patched = replace(tagger, live=live, batcher=cast(Batcher, Publishing()))
    assert ask(patched, [CAT]).revision == old.revision
    assert ask(patched, [CAT]).revision == old.revision + 1


def test_a_full_house_refuses_before_it_decodes(tagger: Tagger) -> None:
    gate = Gate(1)
    with gate.place(1), pytest.raises(OverloadedError):
        ask(replace(tagger, gate=gate), [CAT])
    assert tagged(ask(replace(tagger, gate=gate), [CAT]))


def test_bulk_requests_wait_for_a_place_and_take_none_of_the_others(tagger: Tagger) -> None:
    async def everyone() -> list[Answer]:
        crowded = replace(tagger, gate=Gate(1), bulk_gate=WaitingGate(1))
        bulk = [crowded.tag([CAT], Options(), priority="bulk") for _ in range(4)]
        return list(await asyncio.gather(crowded.tag([TIGER], Options()), *bulk))

    assert all(tagged(answer) for answer in asyncio.run(everyone()))


def test_a_request_over_its_time_is_given_up_and_gives_its_place_back(tagger: Tagger) -> None:
    waiting: list[Future[Encoded]] = []

    class Stuck:
        async def encode(self, pixels: object, *_: object) -> Encoded:
            waiting.append(Future())
            return await asyncio.wrap_future(waiting[-1])

    gate = Gate(5)
    patched = replace(tagger, batcher=cast(Batcher, Stuck()), gate=gate, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        ask(patched, [CAT, TIGER])
    assert time.monotonic() - began < 5
    assert gate.inside == 0
    assert all(future.cancelled() for future in waiting)


def test_looking_for_duplicates_is_part_of_the_time_a_request_has(tagger: Tagger) -> None:
    released = threading.Event()

    class Slow:
        def duplicates(self, *_: object) -> list[object]:
            released.wait(20)
            return []

    gate = Gate(5)
    slow = replace(tagger, collection=cast(ImageCollection, Slow()), gate=gate, timeout_s=3.0)
    try:
        with pytest.raises(RequestTimeoutError):
            ask(slow, [CAT], Options(duplicates=True))
        assert gate.inside == 0
    finally:
        released.set()


def test_a_failing_encoder_fails_the_request_and_gives_its_place_back(tagger: Tagger) -> None:
    class Failing:
        async def encode(self, pixels: object, *_: object) -> Encoded:
            raise EncoderError("编码图片时出错")

    gate = Gate(5)
    with pytest.raises(EncoderError):
        ask(replace(tagger, batcher=cast(Batcher, Failing()), gate=gate), [CAT, TIGER])
    assert gate.inside == 0


def test_before_the_vocabulary_is_live_a_request_is_told_to_wait(tagger: Tagger) -> None:
    with pytest.raises(NotReadyError):
        ask(replace(tagger, live=Live()), [CAT])


@pytest.mark.parametrize("again", [False, True])
def test_an_empty_frame_gets_no_tag_says_why_and_is_tagged_when_a_cut_is_asked_for(
    tagger: Tagger, again: bool
) -> None:
    file = BytesIO()
    Image.new("RGB", (90, 60), (0, 0, 0)).save(file, "PNG")
    result = tagged(ask(tagger, [upload(file.getvalue())]))
    assert result.blank == "flat"
    assert result.tags == ()
    assert result.nearest_misses == ()
    assert tagged(ask(tagger, [upload(file.getvalue())], EVERYTHING)).tags


def test_high_detail_looks_at_parts_and_is_not_mistaken_for_the_usual_answer(
    tagger: Tagger,
) -> None:
    usual = tagged(ask(tagger, [CAT], EVERYTHING))
    high = tagged(ask(tagger, [CAT], replace(EVERYTHING, detail="high")))
    assert high.tags[0].tag.name == usual.tags[0].tag.name
    assert [hit.similarity for hit in high.tags] != [hit.similarity for hit in usual.tags]
    assert tagged(ask(tagger, [CAT], EVERYTHING)) == usual


def test_what_both_ways_of_looking_closer_say_of_a_photo_is_what_it_shows(tagger: Tagger) -> None:
    assert tagger.part_batcher is not None
    tiled = replace(tagger, part_batcher=None)
    close = Options(min_confidence=0.0, detail="high")
    in_places, in_tiles = tagged(ask(tagger, [TIGER], close)), tagged(ask(tiled, [TIGER], close))
    assert in_places.tags[0].tag.name == in_tiles.tags[0].tag.name == "老虎"


def test_parts_of_an_image_come_with_what_is_known_of_its_copies(tagger: Tagger) -> None:
    close = Options(detail="high", duplicates=True)
    result = tagged(ask(tagger, [CAT], close))
    assert result.recalled is not None


def test_a_model_that_gives_no_parts_takes_the_places_its_tiles_need(tagger: Tagger) -> None:
    narrow = replace(tagger, gate=Gate(4), part_batcher=None)
    with narrow.gate.place(1):
        assert tagged(ask(narrow, [CAT])).tags
        with pytest.raises(OverloadedError):
            ask(narrow, [CAT], Options(detail="high"))
