"""`tuqian evaluate` from labelled photos to a report, over the tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from app.database import Database
from app.encoders.builtin import load_builtin
from app.settings import Settings
from tests.fixtures.commands import command_runner
from tests.fixtures.photos import drawn
from vocab.judgements import JudgementStore, NewJudgement
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

# Thresholds that every image passes, or none, make the right figures known beforehand.
VOCABULARY = (
    TagDraft("动物", "动物", threshold=-1.0),
    TagDraft("猫", "动物", parents=("动物",), aliases=("猫咪",), threshold=1.0),
    TagDraft("汽车", "交通工具", threshold=1.0),
    TagDraft("旧标签", "动物", state="paused"),
)
WRITTEN = (
    "report.json",
    "report.html",
    "reliability.png",
    "coverage.png",
    "ap.png",
    "pairs.npz",
)
LABELS = [
    {"file": "0.png", "tags": ["猫咪"], "unsure": []},
    {"file": "1.png", "tags": ["动物", "外星人"], "unsure": ["汽车"]},
    {"file": "2.png", "tags": ["汽车", "旧标签"], "unsure": []},
    {"file": "gone.png", "tags": ["猫"], "unsure": []},
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    return command_runner(tmp_path, monkeypatch, VOCABULARY)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for seed in range(3):
        drawn(seed, 60, 40).save(tmp_path / f"{seed}.png")
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in LABELS), encoding="utf-8")
    return path


def test_a_report_says_how_good_the_tags_are_and_what_was_left_out(
    run: CliRunner, dataset: Path, tmp_path: Path
) -> None:
    done = run.invoke(app, ["evaluate", str(dataset), "--report", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "mAP" in done.output
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert found["images"] == 3
    assert found["subject"]["unknown"] == {"外星人": 1, "旧标签": 1}
    assert [Path(name).name for name in found["subject"]["failed"]] == ["gone.png"]
    tags = {tag["name"]: tag for tag in found["tags"]}
    # 猫 is an animal though only 猫咪 was said; of 汽车 one photo is arguable.
    assert (tags["动物"]["positives"], tags["动物"]["emitted"]) == (2, 3)
    assert tags["动物"]["precision"] == pytest.approx(2 / 3, abs=1e-5)
    assert (tags["猫"]["positives"], tags["猫"]["emitted"]) == (1, 0)
    assert (tags["汽车"]["positives"], tags["汽车"]["judged"]) == (1, 2)
    assert found["automatic"]["micro_recall"]["value"] == pytest.approx(0.5)
    assert found["coverage"]["none"]["value"] == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "外星人" in page
    assert "gone.png" in page


def test_the_same_evaluation_twice_writes_the_same_files(
    run: CliRunner, dataset: Path, tmp_path: Path
) -> None:
    for out in ("one", "two"):
        run.invoke(app, ["evaluate", str(dataset), "--report", str(tmp_path / out)])
    for name in WRITTEN:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_of_folders_is_a_dataset(run: CliRunner, tmp_path: Path) -> None:
    for seed, name in enumerate(("猫", "汽车")):
        (tmp_path / "set" / name).mkdir(parents=True)
        drawn(seed, 60, 40).save(tmp_path / "set" / name / "a.png")
    done = run.invoke(
        app, ["evaluate", str(tmp_path / "set"), "--report", str(tmp_path / "deep" / "out")]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "deep" / "out" / "report.html").is_file()


def test_a_dataset_of_unknown_tags_or_missing_photos_is_refused(
    run: CliRunner, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    for text, said in (
        ("file,tags\n1.png,外星人\n", "没有一个在词表里"),
        ("file,tags\n1.png,猫\n", "没有一张图片能读取"),
    ):
        path.write_text(text, encoding="utf-8")
        done = run.invoke(app, ["evaluate", str(path), "--report", str(tmp_path / "out")])
        assert done.exit_code != 0
        assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


def evaluated(run: CliRunner, dataset: Path, out: Path) -> Path:
    done = run.invoke(app, ["evaluate", str(dataset), "--report", str(out)])
    assert done.exit_code == 0, done.output
    return out


def change_threshold(tag: str, threshold: float) -> None:
    database = Database(Settings().database)
    store = VocabularyStore(database)
    (found,) = (one for one in store.load().tags if one.name == tag)
    with store.editing("测试", "阈值") as edit:
        edit.update(found.id, {"threshold": threshold})
    database.close()


def test_two_reports_are_compared_photo_by_photo(
    run: CliRunner, dataset: Path, tmp_path: Path
) -> None:
    before = evaluated(run, dataset, tmp_path / "before")
    change_threshold("猫", -1.0)
    after = evaluated(run, dataset, tmp_path / "after")
    command = ["evaluate", "--compare", str(before / "report.json"), str(after)]
    done = run.invoke(app, [*command, "--report", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "F1" in done.output
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert (found["images"], found["tags_compared"], found["samples"]) == (3, 3, 10_000)
    tags = {tag["name"]: tag for tag in found["tags"]}
    assert (tags["猫"]["before"], tags["猫"]["after"]) == (0.0, 0.5)
    assert tags["汽车"]["adjusted"] == 1.0
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "猫" in page
    with Image.open(tmp_path / "out" / "comparison.png") as picture:
        assert picture.format == "PNG"
    assert run.invoke(app, command).exit_code == 0  # without a folder it only says so


def test_a_report_without_its_pairs_cannot_be_compared(
    run: CliRunner, dataset: Path, tmp_path: Path
) -> None:
    before = evaluated(run, dataset, tmp_path / "before")
    done = run.invoke(app, ["evaluate", "--compare", str(before), str(tmp_path / "nowhere")])
    assert done.exit_code != 0
    assert "pairs.npz" in str(done.exception)


def test_judgements_are_labels(run: CliRunner, tmp_path: Path) -> None:
    database = Database(Settings().database)
    encoder = load_builtin(tmp_path / "model")
    names = {tag.name: tag for tag in VocabularyStore(database).load().tags}
    vectors = encoder.encode_images([drawn(seed, 60, 40) for seed in range(4)])
    store = JudgementStore(database, encoder.model_key)

    def said(author: str, *verdicts: tuple[str, int, str]) -> None:
        store.add(
            author,
            [
                NewJudgement(names[tag].id, tag, f"sha-{image}", verdict, vectors[image], 1)  # type: ignore[arg-type]
                for tag, image, verdict in verdicts
            ],
        )

    said("甲", ("动物", 0, "right"), ("动物", 1, "wrong"), ("猫", 2, "missing"), ("猫", 0, "wrong"))
    said("乙", ("动物", 1, "right"), ("旧标签", 3, "wrong"))  # the first leaves 1 undecided
    database.close()
    out = tmp_path / "out"
    done = run.invoke(app, ["evaluate", "--from-feedback", "--report", str(out)])
    assert done.exit_code == 0, done.output
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert found["images"] == 3
    assert found["subject"]["unknown"] == {"旧标签": 1}
    tags = {tag["name"]: tag for tag in found["tags"]}
    assert (tags["动物"]["judged"], tags["动物"]["positives"]) == (1, 1)
    assert (tags["猫"]["judged"], tags["猫"]["positives"]) == (2, 1)


def test_without_a_judgement_there_is_nothing_to_evaluate(run: CliRunner, tmp_path: Path) -> None:
    done = run.invoke(app, ["evaluate", "--from-feedback", "--report", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert "评判" in str(done.exception)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--report", "out"], ["labels.csv"], ["labels.csv", "--from-feedback", "--report", "out"]],
)
def test_what_is_to_be_evaluated_must_be_clear(run: CliRunner, arguments: list[str]) -> None:
    done = run.invoke(app, ["evaluate", *arguments])
    assert done.exit_code != 0
    assert "--report" in str(done.exception) or "三者" in str(done.exception)
