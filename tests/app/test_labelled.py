"""Labels as operators keep them: JSONL, CSV, folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import InvalidRequestError
from app.labelled import LabelledPhoto, read_labelled


def photo(path: Path, tags: str, unsure: str = "") -> LabelledPhoto:
    return LabelledPhoto(path, frozenset(tags.split()), frozenset(unsure.split()))


def test_jsonl_and_csv_say_the_same(tmp_path: Path) -> None:
    jsonl, csv = tmp_path / "a.jsonl", tmp_path / "a.csv"
    jsonl.write_text(
        '{"file": "x/1.jpg", "tags": ["猫", "室内"], "unsure": ["宠物"]}\n\n'
        '{"file": "2.jpg", "tags": []}\n',
        encoding="utf-8",
    )
    csv.write_text("file,tags,unsure\nx/1.jpg,猫|室内,宠物\n2.jpg,,\n", encoding="gbk")
    expected = (photo(tmp_path / "x/1.jpg", "猫 室内", "宠物"), photo(tmp_path / "2.jpg", ""))
    assert read_labelled(jsonl) == read_labelled(csv) == expected


def test_lines_of_one_file_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,tags\n1.jpg,猫\n1.jpg,狗、室外\n", encoding="utf-8")
    assert read_labelled(tmp_path / "a.csv") == (photo(tmp_path / "1.jpg", "猫 狗 室外"),)


def test_every_folder_above_a_photo_is_a_label(tmp_path: Path) -> None:
    for name in ("猫/1.jpg", "动物/狗/2.jpg", "3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert set(read_labelled(tmp_path)) == {
        photo(tmp_path / "猫/1.jpg", "猫"),
        photo(tmp_path / "动物/狗/2.jpg", "动物 狗"),
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"file": "1.jpg"}\nnot json', "第 2 行不是 JSON"),
        ("a.jsonl", '{"tags": []}', "第 1 行没有 file"),
        ("a.jsonl", '["1.jpg"]', "第 1 行没有 file"),
        ("a.jsonl", '{"file": "1.jpg", "tags": [3]}', "第 1 行的标签"),
        ("a.jsonl", "", "没有带标签的图片"),
        ("a.csv", "name,tags\n1.jpg,猫\n", "表头"),
        ("a.csv", "file,tags\n1.jpg,猫,狗\n", "第 2 行比表头长"),
        ("a.txt", "1.jpg", "不是认识的数据集"),
    ],
)
def test_what_is_no_dataset_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequestError, match=said) as refused:
        read_labelled(tmp_path / name)
    assert refused.value.field == "DATASET"
    assert refused.value.remedy


def test_a_dataset_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="不存在"):
        read_labelled(tmp_path / "nowhere.csvx")
    with pytest.raises(InvalidRequestError, match="读不到"):
        read_labelled(tmp_path / "nowhere.csv")
