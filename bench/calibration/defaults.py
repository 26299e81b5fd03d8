"""What the service does where nobody asked for anything, and where there is nothing to find.

Why: "nothing gets tagged" and "everything gets tagged" are the two commonest complaints. What is
right: everyday photos get several tags that are mostly right; nonsense tags and empty frames get
none; no tag takes more than its share; another prompt template breaks no promise.

    python -m bench.calibration.defaults [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from app.choice import Options, choose, numbers_of, rows_of
from app.intake.blank import blank
from app.scoring import score_model_of
from app.snapshot import Measure, Snapshot, build_snapshot
from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground
from bench.calibration.measures import macro_f1
from bench.calibration.table import kept, read
from bench.calibration.truth import FloatArray, Forgetful, Labelled, complete, mentioned
from vocab.background import BackgroundBank
from vocab.calibration import calibrate
from vocab.prompts import embed_tags
from vocab.tags import Tag
from vocab.targets import Target

FRAMES = 100
OTHER_TEMPLATES = ("这是{}", "照片中的{}", "一幅关于{}的图像")


def tags_of(snapshot: Snapshot, images: FloatArray, options: Options) -> list[list[int]]:
    """Rows of the tags each image gets from the service."""
    rows = rows_of(snapshot, options)
    similarities = snapshot.index.similarities(images, snapshot.model_key)
    found = numbers_of(snapshot, images, similarities, options)
    chosen = [choose(snapshot, one, rows, options.top_k, keep_parents=False) for one in found]
    return [[snapshot.positions[hit.tag.id] for hit in hits] for hits in chosen]


def everyday(stand: Ground, snapshot: Snapshot, truth: Labelled) -> None:
    """Tags a photo at the defaults, and how often the labelled ones among them are right."""
    column = {row: at for at, row in enumerate(truth.rows.tolist())}
    given = tags_of(snapshot, truth.vectors, Options())
    counts = [len(rows) for rows in given]
    pairs = [
        (photo, column[row])
        for photo, rows in enumerate(given)
        for row in rows
        if row in column and truth.counted[photo, column[row]]
    ]
    right = np.mean([truth.truth[pair] for pair in pairs])
    print(
        f"everyday photos at the defaults: median {np.median(counts):g} tags,"
        f" {np.mean(np.equal(counts, 0)):.1%} none; of {len(pairs)} labelled ones"
        f" {right:.3f} right (offsets fitted on these photos: see the table for held-out ones)"
    )


def hubs(snapshot: Snapshot, truth: Labelled) -> None:
    """The share of the five most emitted tags, beside the share they have in truth."""
    column = {row: at for at, row in enumerate(truth.rows.tolist())}
    given = tags_of(snapshot, truth.vectors, Options())
    emitted = Counter(row for rows in given for row in rows if row in column)
    top = [row for row, _ in emitted.most_common(5)]
    share = sum(emitted[row] for row in top) / emitted.total()
    true = truth.truth[:, [column[row] for row in top]].sum() / truth.truth.sum()
    print(
        f"hubs: {'、'.join(snapshot.tags[row].name for row in top)} are {share:.3f} of the"
        f" emissions of labelled tags and {true:.3f} of the true ones"
    )


def nonsense(stand: Ground) -> None:
    """200 tags of random characters, half of them Latin, over the 1,000 val photos."""
    rng = np.random.default_rng(5)
    latin = list("abcdefghijklmnopqrstuvwxyz0123456789")
    names = [
        "".join(chr(c) for c in rng.integers(0x4E00, 0x9FA5, k)) for k in rng.integers(2, 5, 100)
    ]
    names += ["".join(rng.choice(latin, k)) for k in rng.integers(4, 9, 100)]
    tags = embedded(stand, names)
    calibration = calibrate(tags, stand.probes, stand.bank, score_model_of(stand.encoder))
    side = calibration.image_side(stand.val)
    similarities = stand.val @ tags.T
    fired = similarities >= calibration.thresholds(side)
    confidences = calibration.confidences(calibration.scores(similarities, side))
    print(
        f"nonsense tags: fire on {fired.mean():.3%} of photos, the worst on"
        f" {fired.mean(axis=0).max():.2%}; highest confidence {confidences.max():.2f}"
    )


def embedded(
    stand: Ground, names: Sequence[str], templates: tuple[str, ...] | None = None
) -> FloatArray:
    """`(n, d)` vectors of tags with these names."""
    more = {} if templates is None else {"templates": templates}
    return embed_tags(
        [Tag(name, name) for name in names],
        stand.encoder.encode_texts,
        stand.encoder.model_key,
        Forgetful(),
        dim=stand.encoder.dim,
        **more,  # type: ignore[arg-type]
    )


def frames(stand: Ground) -> list[Image.Image]:
    """Black, white, uniform, noise, and photos blurred by an eighth of their shorter side."""
    rng = np.random.default_rng(0)
    photos = read_jsonl(stand.flickr / "val.jsonl")
    made = []
    for number in range(FRAMES):
        size = (int(rng.integers(100, 640)), int(rng.integers(100, 640)))
        kind = number % 5
        if kind == 3:
            made.append(Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)))
        elif kind == 4:
            with Image.open(stand.flickr / photos[number]["file"]) as photo:
                plain = photo.convert("RGB")
            made.append(plain.filter(ImageFilter.GaussianBlur(min(plain.size) / 8)))
        else:
            grey = int(rng.integers(0, 12)) + 244 * kind
            colour = (grey,) * 3 if kind < 2 else tuple(int(c) for c in rng.integers(0, 256, 3))
            made.append(Image.new("RGB", size, colour))
    return made


def empty_frames(stand: Ground) -> None:
    """How many of the frames are told from photos, and how many photos are taken for frames."""
    caught = sum(blank(frame) is not None for frame in frames(stand))
    wrong = total = 0
    for folder, listing in ((stand.flickr, "val"), (stand.imagenet_folder, "labels")):
        for photo in read_jsonl(folder / f"{listing}.jsonl"):
            with Image.open(folder / photo["file"]) as image:
                wrong += blank(image.convert("RGB")) is not None
            total += 1
    print(
        f"empty frames: {caught} of {FRAMES} get no tag;"
        f" of {total} photos {wrong} are taken for one"
    )


def other_templates(stand: Ground, truth: Labelled) -> None:
    """Promises after a change of the prompt templates, with nothing labelled anew."""
    names = [stand.names.tags[row].name for row in truth.rows]
    model = score_model_of(stand.encoder)
    measure = Measure(stand.probes, stand.bank, model)
    for label, templates in (("shipped templates", None), ("others", OTHER_TEMPLATES)):
        tags = embedded(stand, names, templates)
        found = read(
            measure.calibrate(tags, [Tag(name, name) for name in names]), truth.vectors, tags
        )
        print(f"  {label}: precision 0.80 asked, {kept(found, Target('precision', 0.8), truth)}")


def frequent_words(stand: Ground, snapshot: Snapshot, truth: Labelled) -> None:
    """F@5: the five strongest tags of each photo against the caption tags."""
    calibration = snapshot.calibration.taken(truth.rows)
    similarities = truth.vectors @ stand.tags[truth.rows].T
    logits = calibration.logits(
        calibration.scores(similarities, calibration.image_side(truth.vectors))
    )
    top = np.argsort(-logits, axis=1)[:, :5]
    hit = np.take_along_axis(truth.truth, top, axis=1).sum(axis=1)
    have = truth.truth.sum(axis=1)
    some = have > 0
    precision, recall = hit[some].mean() / 5, (hit[some] / have[some]).mean()
    print(
        f"top 5 of the {truth.truth.shape[1]} caption tags: P@5 {precision:.3f}, R@5 {recall:.3f},"
        f" F@5 {2 * precision * recall / (precision + recall):.3f}"
    )


def seconds(stand: Ground) -> None:
    """What calibrating costs against a bank of 20,000 vectors, beside the matrix product alone."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, stand.encoder.dim)).astype(np.float32)
    bank = BackgroundBank("m", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    model = score_model_of(stand.encoder)
    stand.probes.image_side(bank.vectors)
    for count in (1, 10_000):
        tags = np.resize(stand.tags, (count, stand.encoder.dim))
        spent, plain = [], []
        for _ in range(3):
            began = time.perf_counter()
            calibrate(tags, stand.probes, bank, model)
            spent.append(time.perf_counter() - began)
            began = time.perf_counter()
            for at in range(0, count, 100):
                tags[at : at + 100] @ bank.vectors.T
            plain.append(time.perf_counter() - began)
        print(
            f"calibrating {count} tags against 20,000 images: {np.median(spent) * 1e3:.1f} ms,"
            f" the matrix product alone {np.median(plain) * 1e3:.1f} ms"
        )


def added_later(stand: Ground, truth: Labelled) -> None:
    """A tag added to a running service is as good as one that was there, and moves no other."""
    model, tags = score_model_of(stand.encoder), stand.tags[truth.rows]
    at_once = calibrate(tags, stand.probes, stand.bank, model)
    half = len(tags) // 2
    first, second = (
        calibrate(part, stand.probes, stand.bank, model) for part in (tags[:half], tags[half:])
    )
    best = Target("best_f1")
    there, added = (
        read(one, truth.vectors, tags).emitted[best][:, half:]
        for one in (at_once, first.joined(second))
    )
    rest = truth.truth[:, half:], truth.counted[:, half:]
    print(
        f"macro-F1 of {len(tags) - half} tags: {macro_f1(there, *rest):.3f} there from the start,"
        f" {macro_f1(added, *rest):.3f} added later"
    )
    more = first.joined(calibrate(stand.tags[:1000], stand.probes, stand.bank, model))
    moved = np.abs(more.intercept[:half] - first.intercept).max()
    print(f"adding 1,000 tags moves the intercept of the others by {moved:.2g} at most")


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    measure = Measure(stand.probes, stand.bank, score_model_of(stand.encoder))
    snapshot = build_snapshot(1, tuple(stand.names.tags), stand.tags, measure)
    everyday(stand, snapshot, truth)
    hubs(snapshot, truth)
    nonsense(stand)
    empty_frames(stand)
    other_templates(stand, truth)
    frequent_words(stand, snapshot, mentioned(stand.names, stand.flickr, stand.val))
    added_later(stand, truth)
    seconds(stand)


if __name__ == "__main__":
    main()
