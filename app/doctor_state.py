"""What the service would meet at its start: settings, model, bank, index, disk."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.doctor import Finding
from app.encoders.base import Encoder
from app.errors import TuqianError
from app.reservoir import traffic_bank_path, with_traffic
from app.scoring import background_of
from index.image_index import ImageIndex
from index.image_store import ImageStore
from index.snapshot_file import cache_file
from vocab.errors import VocabularyError

PREFIX = "TUQIAN_"
# Less free than either is a fault: a write-ahead log and an index snapshot need room.
FREE_BYTES = 1_000_000_000
FREE_SHARE = 0.05
# Stored vectors compared with those of the index file.
COMPARED = 1_000
SAME = 1e-2


def examine_settings(environment: Collection[str], known: Collection[str]) -> Finding:
    """Variables that look like settings and are none: a typing error changes nothing, silently."""
    strange = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if strange:
        listed = "、".join(strange)
        remedy = "改正拼写，或去掉它们；全部设置见 docs/reference/settings.md。"
        return Finding("设置", f"没有这些设置：{listed}", remedy)
    count = sum(name.startswith(PREFIX) for name in environment)
    return Finding("设置", f"{count} 个环境变量，其余用默认值")


def examine_disk(data_dir: Path) -> Finding:
    """Whether there is room where the state lies."""
    there = next(one for one in (data_dir, *data_dir.resolve().parents) if one.is_dir())
    usage = shutil.disk_usage(there)
    text = f"{data_dir} 所在的磁盘可用 {usage.free / 1e9:.1f} GB，共 {usage.total / 1e9:.1f} GB"
    if usage.free < FREE_BYTES or usage.free < FREE_SHARE * usage.total:
        return Finding("磁盘", text, "清理或扩容，或用 TUQIAN_DATA_DIR 换一个磁盘。")
    return Finding("磁盘", text)


def examine_model(encoder: Encoder) -> Iterator[Finding]:
    """An encoder that could be opened: its files have the digests they should have."""
    yield Finding("模型", f"{encoder.name}（文件校验无误，{encoder.model_key}）")
    yield Finding("设备", encoder.device)


def failed(name: str, error: Exception, remedy: str) -> Finding:
    """A part that could not be opened, with the remedy that the error itself knows, if any."""
    return Finding(name, str(error), getattr(error, "remedy", None) or remedy)


def examine_bank(encoder: Encoder, data_dir: Path) -> Finding:
    """Whether the background bank of the model can be used."""
    try:
        bank = background_of(encoder, data_dir)
        shipped = len(bank)
        bank = with_traffic(bank, traffic_bank_path(data_dir, encoder.model_key), encoder.dim)
    except (TuqianError, VocabularyError, OSError, ValueError) as error:
        return failed("背景库", error, f"删除 {data_dir / 'background'} 里这个模型的文件后重建。")
    if not len(bank) or not np.isfinite(bank.vectors).all():
        return Finding("背景库", "没有图片，或有非数值的向量", "用 tuqian calibrate 重新建立。")
    return Finding("背景库", f"{len(bank)} 张图片（其中流量样本 {len(bank) - shipped} 张）")


def examine_index(encoder: Encoder, store: ImageStore, folder: Path) -> Iterator[Finding]:
    """The index files beside the stored images: what differs, and whether their vectors agree."""
    stored = store.numbers()
    spaces = [("vectors", encoder.dim), ("copies", encoder.copy_dim)]
    for kind, dim in spaces:
        path = cache_file(folder, encoder.model_key, kind)
        name = f"索引 {kind}"
        if not dim or not path.is_file():
            yield Finding(name, f"没有缓存文件，启动时由 {len(stored)} 张入库图片建立")
            continue
        index = ImageIndex(encoder.model_key, dim)
        damaged = f"停止服务，删除 {path}；下次启动时由数据库重建，不丢数据。"
        if not index.restore(path):
            yield Finding(name, "缓存文件损坏，或属于另一个模型", damaged)
            continue
        held = index.numbers()
        common = np.intersect1d(stored, held)
        wrong = _differing(index, store, common[:: max(1, len(common) // COMPARED)], kind)
        if wrong:
            yield Finding(name, f"{wrong} 个向量与数据库不同", damaged)
            continue
        lacking, extra = len(stored) - len(common), len(held) - len(common)
        later = f"，启动时补 {lacking}、去 {extra}" if lacking or extra else ""
        yield Finding(name, f"与数据库一致：{len(common)} 张{later}")


def _differing(index: ImageIndex, store: ImageStore, numbers: NDArray[np.int64], kind: str) -> int:
    count = 0
    for batch in store.vectors(numbers.tolist()) if len(numbers) else ():
        rows = batch.vectors if kind == "vectors" else batch.copies
        if rows is None:
            continue
        for number, row in zip(batch.numbers.tolist(), rows, strict=True):
            held = index.vector(number)
            count += held is None or float(np.abs(held - row).max()) > SAME
    return count
