"""The Python client against a real service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import Client, ProblemError
from app.errors import RemoteError
from tests.fixtures.running import prepare, running
from vocab.tags import TagDraft

CAT = Path(__file__).parents[1] / "data" / "cat.jpg"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data_dir = tmp_path_factory.mktemp("client") / "data"
    prepare(data_dir, [TagDraft("猫"), TagDraft("狗")])
    with running(data_dir) as service, Client(service.address) as client:
        yield client


def test_a_tag_is_added_found_changed_and_deleted(client: Client) -> None:
    added = client.add_tag("鸟", aliases=["小鸟"])
    (tag,) = added.tags
    assert [one.id for one in client.tags("小鸟").items] == [tag.id]
    assert client.update_tag(tag.id, notes="x").tags[0].notes == "x"
    assert client.delete_tag(tag.id).deleted == 1
    assert client.tags("小鸟").items == []


def test_a_photo_may_be_a_path_or_its_bytes(client: Client) -> None:
    by_path = client.tag(CAT, min_confidence=0.0)
    by_bytes = client.tag(CAT.read_bytes(), min_confidence=0.0)
    assert by_path.sha256 == by_bytes.sha256
    assert by_path.tags == by_bytes.tags


def test_a_refusal_carries_the_whole_problem(client: Client) -> None:
    with pytest.raises(ProblemError, match="已") as caught:
        client.add_tag("猫")
    assert (caught.value.code, caught.value.status) == ("name_clash", 409)
    assert caught.value.problem["remedy"]


def test_a_photo_that_cannot_be_used_is_raised_alone_and_told_in_a_batch(client: Client) -> None:
    with pytest.raises(ProblemError) as caught:
        client.tag(b"nothing")
    assert caught.value.code == "image_unsupported"
    good, bad = client.tag_batch([CAT, b"nothing"]).results
    assert (good.status, bad.status) == ("ok", "error")


def test_an_image_is_stored_judged_searched_and_deleted(client: Client) -> None:
    (stored,) = client.add_images([CAT], [{"id": "我的 猫", "metadata": {"album": "x"}}]).results
    assert stored.status == "ok"
    assert client.image("我的 猫").metadata == {"album": "x"}
    judged = client.feedback({"tag": "猫", "verdict": "right", "image_id": stored.id})
    assert judged.results[0].status == "ok"
    assert [one.id for one in client.search("猫").items] == [stored.id]
    client.delete_image(stored.id)
    assert client.search("猫").items == []


def test_a_service_that_is_not_there_is_an_error_of_ours() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with client, pytest.raises(RemoteError, match="连不上"):
            client.tags()
