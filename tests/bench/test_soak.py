"""The soak, in the form that fits a minute; `make soak` is the long one."""

from pathlib import Path

from app.client import Client
from bench.soak import soak
from bench.soak_reckoning import Memory, Soak, reckon
from tests.fixtures.browser import serving
from tests.fixtures.served import small_vocabulary

CAT = Path(__file__).parents[1] / "data" / "cat.jpg"


def test_a_minute_of_everything_at_once_with_a_kill_loses_nothing(tmp_path: Path) -> None:
    result = soak(60, data_dir=tmp_path / "data")
    assert result.wrong == []
    assert result.lost == []
    assert result.kills == 1
    assert min(result.answers, result.edits, result.judgements, result.images_deleted) > 5


def test_the_reckoning_finds_wrong_answers_and_lost_writes(tmp_path: Path) -> None:
    small_vocabulary(tmp_path)
    heard, result = Memory(), Soak()
    heard.live["浸泡1"] = "none"
    heard.judgements.add(1)
    heard.images.add("image-1")
    with serving(tmp_path) as address, Client(address) as client:
        right = client.tag_batch([CAT], top_k=100, distinct=False)
        (one,) = right.results
        assert one.status == "ok"
        found = {tag.name: tag.similarity for tag in one.tags}
        heard.answers = [
            ("cat", 1, found),
            ("cat", 1, found | {"浸泡1": 0.1}),
            ("cat", 1, {name: value + 0.01 for name, value in found.items()}),
            ("cat", 1, {}),
        ]
        reckon(client, {"cat": CAT.read_bytes()}, heard, result)
    assert len(result.wrong) == 3
    assert result.lost == ["tag 浸泡1", "judgement 1", "image-1"]
