"""Which texts should stand for a tag: prompt templates, and aliases by mean or by maximum.

Why: every prompt costs an encoding, and an ensemble is only worth what it adds.
What is right: for templates the 1,000 ImageNet photos, each with one name: templates are chosen
forward on half of the names, at most twelve, and tested on the other half, both ways. For tags the
252 completely labelled photos of flickr8kcn, by category, and the two other sets.

    python -m bench.calibration.templates [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.encoders.base import unit_rows
from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground, scores_of
from bench.calibration.paired import counting_tags, ranking
from bench.calibration.truth import FloatArray, Labelled, complete, mentioned, supertags
from vocab.prompts import DEFAULT_TEMPLATES
from vocab.starter import starter_tags

MOST = 12
DRAWS = 1_000
CANDIDATES = (
    *DEFAULT_TEMPLATES,
    "这是{}",
    "照片中的{}",
    "一只{}",
    "一幅{}的图像",
    "{}的图片",
    "可以看到{}",
    "一个{}",
    "{}，实拍",
    "拍摄的{}",
    "画面中是{}",
    "真实的{}",
    "{}照片",
    "许多{}",
    "一张关于{}的图",
    "户外的{}",
    "{}高清图",
)
FOUR = "the four shipped"
LEAST_TAGS = 3  # of a category that is shown by itself


def vectors_by_template(stand: Ground, names: Sequence[str]) -> dict[str, FloatArray]:
    """`(n, d)` unit rows of the names in every candidate."""
    return {
        template: stand.encoder.encode_texts([template.replace("{}", name) for name in names])
        for template in CANDIDATES
    }


def right_at_first(
    images: FloatArray,
    vectors: dict[str, FloatArray],
    chosen: Sequence[str],
    rows: NDArray[np.int_],
) -> NDArray[np.bool_]:
    """Of each photo of these rows, whether its own name is nearest among theirs."""
    mean = unit_rows(np.sum([vectors[template][rows] for template in chosen], axis=0))
    return np.asarray(np.argmax(images[rows] @ mean.T, axis=1) == np.arange(len(rows)))


def forward(
    images: FloatArray, vectors: dict[str, FloatArray], rows: NDArray[np.int_]
) -> list[str]:
    """Templates from the bare name on, each the one that helps most, while one helps."""
    chosen, best = ["{}"], float(right_at_first(images, vectors, ["{}"], rows).mean())
    while len(chosen) < MOST:
        trials = {
            template: float(right_at_first(images, vectors, [*chosen, template], rows).mean())
            for template in CANDIDATES
            if template not in chosen
        }
        template = max(trials, key=lambda one: trials[one])
        if trials[template] <= best:
            break
        chosen.append(template)
        best = trials[template]
    return chosen


def selection(stand: Ground) -> None:
    """Forward selection on half of the ImageNet names, tested on the others."""
    names = [label["zh"] for label in read_jsonl(stand.imagenet_folder / "labels.jsonl")]
    vectors, halves = vectors_by_template(stand, names), np.random.default_rng(0).permutation(1_000)
    print("top-1 over 500 names, templates chosen on the 500 others")
    for fit, read in ((halves[:500], halves[500:]), (halves[500:], halves[:500])):
        chosen = forward(stand.imagenet, vectors, fit)
        bare = right_at_first(stand.imagenet, vectors, ["{}"], read)
        draws = np.random.default_rng(0).integers(0, len(read), (DRAWS, len(read)))
        for name, templates in (("chosen", chosen), (FOUR, DEFAULT_TEMPLATES)):
            found = right_at_first(stand.imagenet, vectors, templates, read)
            gain = 100 * (found.astype(float) - bare)
            low, high = np.percentile(gain[draws].mean(axis=1), [2.5, 97.5])
            print(
                f"  {name:18s} bare {100 * bare.mean():.1f}, with {100 * found.mean():.1f},"
                f" {gain.mean():+.1f} ({low:+.1f} to {high:+.1f})  {' '.join(templates)}"
            )


def by_category(stand: Ground, truth: Labelled) -> None:
    """What each template adds to the bare name, for the tags of each category."""
    drafts, columns = starter_tags(), counting_tags(truth)
    vectors = vectors_by_template(stand, [drafts[row].name for row in truth.rows])
    bare = ranking(scores_of(stand, truth.vectors, vectors["{}"]), truth, columns)
    four = unit_rows(np.sum([vectors[one] for one in DEFAULT_TEMPLATES], axis=0))
    variants = {FOUR: four} | {
        template: unit_rows(vectors["{}"] + vectors[template]) for template in CANDIDATES[1:]
    }
    found = {
        name: ranking(scores_of(stand, truth.vectors, rows), truth, columns)
        for name, rows in variants.items()
    }
    categories = [drafts[truth.rows[column]].category for column in columns]
    print(f"\nwith the bare name, over the bare name (mAP {bare.mean():.1f}), {len(columns)} tags")
    for name, one in found.items():
        print(f"  {name:18s} {one.against(bare)}")
    print("  by category, the four shipped and the best single one (chosen on what it is read on)")
    for category in sorted(set(categories)):
        places = np.flatnonzero([one == category for one in categories])
        if len(places) >= LEAST_TAGS:
            best = max(CANDIDATES[1:], key=lambda one: found[one].mean(places))
            shipped, single = (found[one].against(bare, places) for one in (FOUR, best))
            print(f"    {category} ({len(places)} tags): {shipped}; {best}: {single}")


def aliases(stand: Ground, name: str, truth: Labelled) -> None:
    """Aliases not at all, as one prompt each (shipped), by mean with the name, by maximum."""
    drafts = starter_tags()
    columns = np.asarray([c for c in counting_tags(truth) if drafts[truth.rows[c]].aliases])
    encode = stand.encoder.encode_texts
    known = [drafts[truth.rows[column]] for column in columns]
    four = np.stack([encode([t.replace("{}", d.name) for t in DEFAULT_TEMPLATES]) for d in known])
    others = [encode(list(draft.aliases)) for draft in known]
    plain = unit_rows(four.mean(axis=1))

    def scored(vectors: FloatArray) -> NDArray[np.floating]:
        return scores_of(stand, truth.vectors, vectors)

    each = [scored(some) for some in others]
    mixes = [
        np.concatenate([own, some]).mean(axis=0) for own, some in zip(four, others, strict=True)
    ]
    even = [(one + some.mean(axis=0)) / 2 for one, some in zip(plain, others, strict=True)]
    highest = np.stack(
        [np.maximum(scored(plain[at, None])[:, 0], one.max(axis=1)) for at, one in enumerate(each)],
        axis=1,
    )
    variants = {
        "one prompt each (shipped)": scored(unit_rows(np.stack(mixes))),
        "mean with the name": scored(unit_rows(np.stack(even))),
        "maximum": highest,
    }
    part = Labelled(
        truth.vectors, truth.rows[columns], truth.truth[:, columns], truth.counted[:, columns]
    )
    everything = np.arange(len(columns))
    base = ranking(scored(plain), part, everything)
    print(f"\naliases, {name}: {len(columns)} tags that have some; none: mAP {base.mean():.1f}")
    for variant, scores in variants.items():
        print(f"  {variant:28s} {ranking(scores, part, everything).against(base)}")


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    whole = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    selection(stand)
    by_category(stand, whole)
    aliases(stand, "complete", whole)
    aliases(stand, "val", mentioned(stand.names, stand.flickr, stand.val))
    aliases(stand, "ImageNet", supertags(stand.names, stand.imagenet_folder, stand.imagenet))


if __name__ == "__main__":
    main()
