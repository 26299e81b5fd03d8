"""The frozen view and what points to it."""

import numpy as np
import pytest

from app.errors import NotReadyError
from app.snapshot import Live, Measure, Snapshot, active_tags, build_snapshot
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag, Vocabulary
from vocab.targets import Target


def snapshot(revision: int, tags: tuple[Tag, ...] = ()) -> Snapshot:
    return build_snapshot(
        revision,
        tags,
        np.eye(len(tags), 3, dtype=np.float32),
        Measure(
            probes=ProbeSet(np.zeros((1, 3), dtype=np.float32)),
            bank=BackgroundBank.empty("m", 3),
            score_model=ScoreModel(),
        ),
    )


def test_before_the_first_snapshot_the_service_is_not_ready() -> None:
    with pytest.raises(NotReadyError):
        Live().current()


def test_a_newer_snapshot_takes_the_place_of_an_older_one() -> None:
    live = Live()
    assert live.publish(snapshot(1))
    assert live.publish(snapshot(2))
    assert live.current().revision == 2


def test_an_older_snapshot_is_refused() -> None:
    live = Live()
    live.publish(snapshot(2))
    assert not live.publish(snapshot(1))
    assert live.current().revision == 2


def test_the_same_revision_may_be_published_again() -> None:
    live, again = Live(), snapshot(2)
    live.publish(snapshot(2))
    assert live.publish(again)
    assert live.current() is again


def test_a_snapshot_with_no_tags_is_one() -> None:
    assert len(snapshot(0).index) == 0


def test_a_paused_tag_takes_no_part() -> None:
    vocabulary = Vocabulary(3, (Tag("1", "猫"), Tag("2", "狗", state="paused")))
    assert [tag.id for tag in active_tags(vocabulary)] == ["1"]


def test_an_operators_threshold_reaches_the_calibration() -> None:
    manual = snapshot(1, (Tag("1", "猫", threshold=0.3), Tag("2", "狗"))).calibration.manual
    assert manual[0] == pytest.approx(0.3)
    assert np.isnan(manual[1])


def test_an_operators_target_reaches_the_calibration() -> None:
    tags = (Tag("1", "猫", target="precision_target=0.9"), Tag("2", "狗"))
    assert snapshot(1, tags).calibration.aims.tolist() == [Target("precision", 0.9), None]
