"""The six ways to tag a photo with Chinese-CLIP ViT-B/16, in one run on one machine.

Why: what a user pays for is the encoder; this says how much of the machine each way leaves for it,
and how far ours is from the limit. All have the same architecture with random weights, and see the
same photos as JPEG files. Each line's answer is checked before it is timed: vectors against fp32
where the way gives vectors, the status and the model of every answer where it is a service.

1 script      cn_clip eager fp32, one photo at a time
2 service     FastAPI around it, one request one forward, 32 clients
3 pipeline    Hugging Face's zero-shot-image-classification, one photo at a time
4 infinity    infinity_emb over HTTP, 32 clients (its own environment: --infinity BIN)
5 limit       our best runtime alone, prepared pixels, its best batch
6 tuqian      the service over HTTP, 1 and 32 clients

python -m bench.peers --checkpoint vitb16.pt --data DIR --photos DIR [--infinity venv/bin]

`--data` is a data directory in which `tuqian models optimize chinese-clip-vit-b-16` was run; a
small vocabulary is written there, so that the first start does not encode thousands of texts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from app.bench.end_to_end import running
from app.bench.load import closed_loop, upload
from app.bench.samples import timed
from app.database import Database
from app.encoders.catalog import open_encoder
from app.encoders.dual import DualEncoder
from app.intake.decode import decode
from app.intake.limits import Limits
from app.settings import Settings
from bench import peer_services
from bench.rows import write_row
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

MODEL = "chinese-clip-vit-b-16"
LABELS = ("猫", "狗", "汽车", "自行车", "山", "海", "城市", "人", "食物", "花")
CLIENTS = 32
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = 3

Rates = Sequence[float]


def rates_of(work: Callable[[], int], seconds: float) -> list[float]:
    """Images a second of each round; `work` gives how many images it did."""
    found = []
    for _ in range(ROUNDS):
        done, began = 0, time.perf_counter()
        while not done or time.perf_counter() - began < seconds / ROUNDS:
            done += work()
        found.append(done / (time.perf_counter() - began))
    return found


def prepared(encoder: DualEncoder, photos: Sequence[bytes]) -> np.ndarray:
    return np.stack([encoder.prepare(decode(photo, Limits()).image) for photo in photos])


def checked(vectors: np.ndarray, reference: np.ndarray, at_least: float) -> float:
    cosine = float((vectors * reference).sum(axis=1).mean())
    assert cosine >= at_least, f"another answer: cosine {cosine}"
    return cosine


def by_script(given: argparse.Namespace, photos: Sequence[bytes], reference: np.ndarray) -> Rates:
    embed = peer_services.cn_clip_script(given.checkpoint)
    checked(np.stack([embed(photo) for photo in photos[:4]]), reference[:4], 0.999)
    turns = iter(range(10**9))
    return rates_of(lambda: len([embed(photos[next(turns) % len(photos)])]), given.seconds)


def by_pipeline(given: argparse.Namespace, photos: Sequence[bytes], _: np.ndarray) -> Rates:
    classify = peer_services.transformers_pipeline(given.data / "hf-chinese-clip")
    assert {one["label"] for one in classify(photos[0], LABELS)} == set(LABELS)
    turns = iter(range(10**9))
    return rates_of(
        lambda: len([classify(photos[next(turns) % len(photos)], LABELS)]), given.seconds
    )


def over_http(address: str, messages: Sequence[bytes], clients: int, seconds: float) -> Rates:
    """Good answers a second; anything but a good answer is an error."""
    asyncio.run(closed_loop(address, messages, clients, 2.0))
    found = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        replies = asyncio.run(closed_loop(address, messages, clients, seconds / ROUNDS))
        assert {reply.status for reply in replies} == {200}, {r.status for r in replies}
        found.append(len(replies) / (time.monotonic() - began))
    return found


def by_service(given: argparse.Namespace, photos: Sequence[bytes], _: np.ndarray) -> Rates:
    command = [sys.executable, "-m", "bench.peer_services", str(given.checkpoint)]
    with peer_services.started(command, "/embed") as address:
        messages = [upload(address, photo, "/embed") for photo in photos]
        return over_http(address, messages, CLIENTS, given.seconds)


def by_infinity(given: argparse.Namespace, photos: Sequence[bytes], _: np.ndarray) -> Rates:
    assert given.infinity is not None, "skipped: --infinity was not given"
    folder = given.data / "hf-chinese-clip"
    peer_services.save_hugging_face(folder)
    with peer_services.started_infinity(given.infinity, folder) as address:
        messages = [peer_services.infinity_message(address, photo) for photo in photos]
        return over_http(address, messages, CLIENTS, given.seconds)


def by_limit(given: argparse.Namespace, photos: Sequence[bytes], reference: np.ndarray) -> Rates:
    best: list[float] = []
    encoder = open_encoder(
        MODEL, models_dir=given.data / "models", device="cpu", checkpoint=given.checkpoint
    )
    assert isinstance(encoder, DualEncoder)
    pixels = prepared(encoder, photos[: max(BATCHES)])
    cosine = checked(encoder.encode_pixels(pixels), reference[: len(pixels)], 0.99)
    for batch in BATCHES:
        spent = timed(lambda batch=batch: encoder.encode_pixels(pixels[:batch]), given.seconds / 3)
        rates = [batch * 1000 / ms for ms in spent]
        if not best or statistics.median(rates) > statistics.median(best):
            best, at = rates, batch
    print(f"  best batch {at}, cosine {cosine:.4f}, {type(encoder.image_tower).__name__}")
    return best


def by_tuqian(given: argparse.Namespace, photos: Sequence[bytes], _: np.ndarray) -> Rates:
    seed_vocabulary(given.data)
    chosen = {
        "TUQIAN_MODEL": MODEL,
        "TUQIAN_CHECKPOINT": str(given.checkpoint),
        "TUQIAN_DATA_DIR": str(given.data),
    }
    with running(chosen) as (address, _pid):
        messages = [upload(address, photo) for photo in photos]
        alone = asyncio.run(closed_loop(address, messages, 1, given.seconds / 2))
        outside = [reply.ms - reply.stages_ms["encode"] for reply in alone]
        stages = {
            name: round(statistics.median([reply.stages_ms[name] for reply in alone]), 2)
            for name in alone[0].stages_ms
        }
        print(f"  one client: outside the encoder {statistics.median(outside):.1f} ms; {stages}")
        write_row("peers_one_client", {"line": "6 tuqian", "clients": 1}, outside, "ms")
        return over_http(address, messages, CLIENTS, given.seconds)


LINES: dict[str, Callable[[argparse.Namespace, Sequence[bytes], np.ndarray], Rates]] = {
    "1 script": by_script,
    "2 service": by_service,
    "3 pipeline": by_pipeline,
    "4 infinity": by_infinity,
    "5 limit": by_limit,
    "6 tuqian": by_tuqian,
}


def seed_vocabulary(data: Path) -> None:
    database = Database(Settings(data_dir=data).database)
    database.migrate()
    store = VocabularyStore(database)
    if store.head() == 0:
        with store.editing("bench", "a small vocabulary") as edit:
            edit.create_all([TagDraft(label, "测试") for label in LABELS])
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--infinity", type=Path, help="the bin folder of infinity's environment")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--lines", default="123456")
    given = parser.parse_args()
    paths = sorted(given.photos.rglob("*.jpg"))[:CLIENTS]
    photos = [path.read_bytes() for path in paths]
    exact = open_encoder(
        MODEL,
        models_dir=given.data / "models",
        device="cpu",
        precision="fp32",
        checkpoint=given.checkpoint,
        runtime="torch",
    )
    assert isinstance(exact, DualEncoder)
    reference = exact.encode_pixels(prepared(exact, photos[: max(BATCHES)]))
    exact.close()
    found: dict[str, float] = {}
    for name, line in LINES.items():
        if name[0] not in given.lines:
            continue
        try:
            rates, error = line(given, photos, reference), ""
        except Exception as failure:  # a peer that fails is a row with its error
            rates, error = [], f"{type(failure).__name__}: {failure}"
        parameters = {"line": name, "photos": len(photos), "load": os.getloadavg()[0]}
        write_row("peers", parameters, rates, "images/s", error=error[:2000])
        if rates:
            found[name] = statistics.median(rates)
        print(f"{name:12s} {found.get(name, float('nan')):7.2f} images/s {error[:300]}", flush=True)
    for above, below in (
        ("5 limit", "1 script"),
        ("6 tuqian", "5 limit"),
        ("6 tuqian", "4 infinity"),
        ("6 tuqian", "2 service"),
    ):
        if above in found and below in found:
            print(f"{above} / {below} = {found[above] / found[below]:.2f}")


if __name__ == "__main__":
    main()
