"""Labelled photos and their vectors against the live vocabulary, as arrays to be measured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidRequestError
from app.labelled import LabelledPhoto, read_labelled
from app.photo_vectors import photo_vectors
from app.retag import IMAGES_AT_ONCE, tags_of
from app.snapshot import FloatArray, Snapshot
from app.tagger import Tagger
from vocab.names import name_key
from vocab.pairs_file import Pairs
from vocab.quality_report import Measured, QualityReport, Subject, quality_report
from vocab.rules import names_by_key
from vocab.tags import Tag

Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluated:
    """A report, and every pair it was made from."""

    report: QualityReport
    pairs: Pairs


def evaluate(
    tagger: Tagger,
    dataset: Path,
    *,
    samples: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Evaluated:
    """How good the live vocabulary and its thresholds are on a labelled dataset.

    Unknown labels and unusable photos are listed in the report. Raises `InvalidRequestError`
    where the dataset cannot be read, or nothing of it can be evaluated.
    """
    photos, snapshot = read_labelled(dataset), tagger.live.current()
    labels = Labels(snapshot, photos)
    if not len(labels.rows):
        raise InvalidRequestError(
            f"{dataset} 的标签没有一个在词表里",
            field="DATASET",
            remedy="用 tuqian vocab list 查看词表，先添加要评测的标签。",
        )
    paths = [photo.path for photo in photos]
    read = asyncio.run(
        photo_vectors(tagger, paths, lambda done, total: progress("编码图片", done, total))
    )
    if not read.paths:
        raise InvalidRequestError(
            f"{dataset} 里没有一张图片能读取（第一张：{read.failed[0].error}）",
            field="DATASET",
            remedy="检查 file 一列：相对路径从数据集文件所在的目录算起。",
        )
    progress("计算指标", 0, 0)
    by_path = {photo.path: photo for photo in photos}
    measured = measure(snapshot, labels, [by_path[path] for path in read.paths], read.vectors)
    subject = Subject(
        dataset=str(dataset),
        model=tagger.encoder.name,
        model_key=tagger.encoder.model_key,
        vocabulary_revision=snapshot.revision,
        unknown=labels.unknown,
        failed={str(one.path): str(one.error) for one in read.failed},
    )
    files = tuple(_file_name(path, dataset) for path in read.paths)
    report = quality_report(subject, measured, samples=samples, seed=seed)
    return Evaluated(report, Pairs(files, measured))


def _file_name(path: Path, dataset: Path) -> str:
    """What a photo is called wherever the dataset lies."""
    folder = dataset if dataset.is_dir() else dataset.parent
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


class Labels:
    """Which tags the labels of photos mean: names, aliases and ids of active tags."""

    def __init__(self, snapshot: Snapshot, photos: Sequence[LabelledPhoto]):
        self._snapshot = snapshot
        self._row: dict[str, int] = {}
        for row, tag in enumerate(snapshot.tags):
            for key in (*names_by_key(tag), tag.id):
                self._row.setdefault(key, row)
        used = Counter(name for photo in photos for name in photo.tags | photo.unsure)
        known = {name: self._row_of(name) for name in used}
        self.rows: Rows = np.unique([row for row in known.values() if row is not None]).astype(
            np.int64
        )
        self.unknown = {name: used[name] for name in sorted(used) if known[name] is None}

    def truth(self, photo: LabelledPhoto) -> tuple[set[int], set[int]]:
        """Rows of the tags that are right and of those that are arguable.

        What is a corgi is a dog: an ancestor of a right tag is right, unless it is named arguable.
        """
        right = self._rows_of(photo.tags)
        unsure = self._rows_of(photo.unsure) - right
        above = {row for tag in right for row in _ancestors(self._snapshot, tag)}
        return right | (above - unsure), unsure

    def _rows_of(self, names: Iterable[str]) -> set[int]:
        return {row for name in names if (row := self._row_of(name)) is not None}

    def _row_of(self, name: str) -> int | None:
        return self._row.get(name_key(name), self._row.get(name))


def measure(
    snapshot: Snapshot, labels: Labels, photos: Sequence[LabelledPhoto], vectors: FloatArray
) -> Measured:
    """`(m, d)` unit vectors of m labelled photos to every array the metrics need."""
    return measure_pairs(snapshot, labels.rows, vectors, *_truth(labels, photos))


def measure_pairs(
    snapshot: Snapshot, rows: Rows, vectors: FloatArray, truth: Bools, counted: Bools
) -> Measured:
    """`(m, d)` unit vectors against the `(t,)` rows of some tags, with `(m, t)` what is true.

    The tags served are those `POST /v1/tag` would give at its defaults.
    """
    tags = [snapshot.tags[row] for row in rows]
    place = {tag.id: column for column, tag in enumerate(tags)}
    calibration = snapshot.calibration.taken(rows)
    shape = (len(vectors), len(rows))
    scores, passed = np.zeros(shape, np.float32), np.zeros(shape, bool)
    served, per_image = np.zeros(shape, bool), np.zeros(len(vectors), np.int64)
    for at in range(0, len(vectors), IMAGES_AT_ONCE):
        part = slice(at, at + IMAGES_AT_ONCE)
        similarities = snapshot.index.similarities(vectors[part], snapshot.model_key)[:, rows]
        side = calibration.image_side(vectors[part])
        scores[part] = calibration.scores(similarities, side)
        passed[part] = similarities >= calibration.thresholds(side)
        for image, hits in enumerate(tags_of(snapshot, vectors[part]), start=at):
            per_image[image] = len(hits)
            served[image, [place[tag] for tag, _ in hits if tag in place]] = True
    return Measured(
        ids=tuple(tag.id for tag in tags),
        names=tuple(tag.name for tag in tags),
        scores=scores,
        confidences=calibration.confidences(scores),
        passed=passed,
        served=served,
        truth=truth,
        counted=counted,
        tags_per_image=per_image,
    )


def _truth(labels: Labels, photos: Sequence[LabelledPhoto]) -> tuple[Bools, Bools]:
    """`(m, t)` each: what is right, and what counts because it is not arguable."""
    place = {int(row): column for column, row in enumerate(labels.rows)}
    truth = np.zeros((len(photos), len(place)), bool)
    counted = np.ones_like(truth)
    for image, photo in enumerate(photos):
        right, unsure = labels.truth(photo)
        truth[image, [place[row] for row in right if row in place]] = True
        counted[image, [place[row] for row in unsure]] = False
    return truth, counted


def _ancestors(snapshot: Snapshot, row: int) -> set[int]:
    """Rows of the active tags above one."""
    found: set[int] = set()
    waiting: list[Tag] = [snapshot.tags[row]]
    while waiting:
        for parent in waiting.pop().parents:
            above = snapshot.positions.get(parent)
            if above is not None and above not in found:
                found.add(above)
                waiting.append(snapshot.tags[above])
    return found
