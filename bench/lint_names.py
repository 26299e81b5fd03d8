"""What the vocabulary lint catches of real mistakes, and how often it accuses a good name.

ImageNet's thousand classes have two published Chinese lists. The older one differs in 241 names,
many of them plainly wrong (红太狼 for 红狼, 乳头（瓶） for 橡皮奶嘴); the newer is taken as right.
Each rule looks at one vocabulary with the old names and at one with the new. A name is wrong where
the two differ; some of those are only another way of saying the same, so no rule can catch all.
Parents are the 51 broader tags of supertags.json; the example image of a name is its class's photo.
Run with `python -m bench.lint_names`; needs ../shared/data.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.encoders.base import Encoder, FloatArray
from app.encoders.builtin import BUILTIN_DIR, load_builtin
from app.lint import unknown_words
from app.scoring import score_model_of
from app.snapshot import Measure, manual_thresholds
from vocab.background import BackgroundBank
from vocab.background_rate import background_rates
from vocab.lint import RULES, lint
from vocab.lint_types import Material
from vocab.names import name_key
from vocab.prompts import average, prompts_of
from vocab.starter import probe_rows, starter_tags
from vocab.tags import Tag

DATA = Path(__file__).parents[2] / "shared" / "data" / "imagenet1000"


def tags_of(rows: list[dict[str, Any]], names: str, broader: Mapping[str, list[int]]) -> list[Tag]:
    """The broader tags, then one tag a class, below every broader tag that covers it."""
    parents: dict[int, list[str]] = {}
    for name, indices in broader.items():
        for index in indices:
            parents.setdefault(index, []).append(f"s-{name}")
    above = [Tag(f"s-{name}", name, "物体") for name in broader]
    return above + [
        Tag(f"c-{row['index']}", row[names], "物体", tuple(parents.get(row["index"], ())))
        for row in rows
    ]


def embedded(encoder: Encoder, tags: list[Tag]) -> FloatArray:
    """`(n, d)` unit rows."""
    prompts = [prompts_of(tag) for tag in tags]
    vectors = encoder.encode_texts([text for some in prompts for text in some])
    ends = np.cumsum([len(some) for some in prompts])
    return np.stack(
        [average(vectors[end - len(some) : end]) for some, end in zip(prompts, ends, strict=True)]
    )


def accused(
    encoder: Encoder, measure: Measure, tags: list[Tag], photos: FloatArray
) -> dict[str, set[int]]:
    """By rule, the classes whose names it finds fault with."""
    vectors = embedded(encoder, tags)
    calibration = measure.calibrate(vectors, manual_thresholds(tuple(tags)))
    material = Material(
        tags=tuple(tags),
        vectors=vectors,
        probe_mean=measure.probe_mean,
        examples={f"c-{index}": photo for index, photo in enumerate(photos)},
        rates=background_rates(vectors, calibration, measure.bank) if len(measure.bank) else None,
        unknown=unknown_words(encoder),
    )
    found: dict[str, set[int]] = {rule: set() for rule in RULES}
    for finding in lint(material).findings:
        some = finding.tags if finding.rule == "near_synonym" else finding.tags[:1]
        classes = {int(tag.id[2:]) for tag in some if tag.id.startswith("c-")}
        found[finding.rule] |= classes
    # Not a rule: the store refuses a second tag of a name.
    seen = Counter(name_key(tag.name) for tag in tags)
    found["name_clash"] = {
        int(tag.id[2:]) for tag in tags if tag.id[0] == "c" and seen[name_key(tag.name)] > 1
    }
    return found


def main() -> None:
    lines = (DATA / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: int(row["index"]))
    broader = json.loads((DATA / "supertags.json").read_text(encoding="utf-8"))
    wrong = {row["index"] for row in rows if row["zh"] != row["zh_wukong"]}
    assert (len(rows), len(wrong)) == (1000, 241), "not the data this case is about"
    encoder = load_builtin(device="cpu")
    shipped = starter_tags()
    chosen = shipped[probe_rows(len(shipped))]
    probes = [Tag(draft.name, draft.name, aliases=draft.aliases) for draft in chosen]
    measure = Measure(
        probe_mean=embedded(encoder, probes).mean(axis=0),
        bank=BackgroundBank.load(BUILTIN_DIR / "background.npz", encoder.model_key, encoder.dim),
        score_model=score_model_of(encoder),
    )
    photos = encoder.encode_images([Image.open(DATA / row["file"]).convert("RGB") for row in rows])
    old = accused(encoder, measure, tags_of(rows, "zh_wukong", broader), photos)
    new = accused(encoder, measure, tags_of(rows, "zh", broader), photos)
    report: dict[str, Any] = {}
    print("| 规则 | 抓住的错误名称（241 个中） | 误指的好名称（1000 个中） | 例子 |")
    print("| --- | --- | --- | --- |")
    everything: tuple[set[int], set[int]] = (set(), set())
    for rule in old:
        caught, blamed = old[rule] & wrong, new[rule]
        if rule not in ("missing_parent", "near_synonym", "fires_often"):
            everything[0].update(caught)
            everything[1].update(blamed)
        examples = "、".join(str(rows[i]["zh_wukong"]) for i in sorted(caught)[:3])
        report[rule] = {"caught": len(caught), "accused_good": len(blamed)}
        print(
            f"| `{rule}` | {len(caught)}（{len(caught) / 241:.0%}） "
            f"| {len(blamed)}（{len(blamed) / 1000:.1%}） | {examples} |"
        )
    caught, blamed = everything
    report["together"] = {"caught": len(caught), "accused_good": len(blamed)}
    print(
        f"| 合计 | {len(caught)}（{len(caught) / 241:.0%}） "
        f"| {len(blamed)}（{len(blamed) / 1000:.1%}） | |"
    )
    path = Path(__file__).parent / "results" / "lint_names.json"
    path.parent.mkdir(exist_ok=True)
    head = {"command": "python -m bench.lint_names", "date": time.strftime("%Y-%m-%d")}
    document = head | {"model": encoder.model_key, "wrong": 241, "good": 1000, "rules": report}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
