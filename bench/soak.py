"""A service under 80 % of what it can do, edited, judged and filled all the while, killed once.

Every answer is held against the vocabulary revision it names: tags with a threshold of -1 fire on
every photo, so an answer must hold exactly those that its revision has; the similarities of the
other tags may never move. Afterwards every write that was acknowledged must still be there.

    python -m bench.soak --seconds 600
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from app.client import Client, ProblemError
from app.errors import RemoteError
from bench.kill_images import png
from bench.served import rss_mib
from bench.soak_reckoning import JUDGED, OPTIONS, PREFIX, Memory, Soak, reckon
from tests.fixtures.browser import serving
from tests.fixtures.memory import pid_of
from tests.fixtures.served import small_vocabulary

PHOTOS = Path(__file__).parents[1] / "tests" / "data"
RESULTS = Path(__file__).parent / "results" / "soak.json"
LOAD, CALLERS, PROBE_S = 0.8, 4, 5.0
# Tags that are there at once beside the vocabulary; with it they stay below 100 answers.
MOST_EXTRA = 12
WARM_UP = 0.3  # of a life, before its memory counts


def soak(seconds: float, *, data_dir: Path) -> Soak:
    """Two lives of a service with a kill -9 between them, then the reckoning."""
    small_vocabulary(data_dir)
    # A bank that learns moves confidences, as it should, and answers could not be compared.
    os.environ |= {"TUQIAN_BANK_LEARN": "false", "TUQIAN_CACHE_BYTES": "0"}
    result, heard = Soak(seconds=seconds), Memory()
    photos = {path.stem: path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))}
    for life in range(2):
        with serving(data_dir) as address:
            result.rate_per_s = result.rate_per_s or LOAD * capacity(address, photos)
            live_through(address, photos, seconds / 2, heard, result)
            result.kills += life == 0
    with serving(data_dir) as address, Client(address) as client:
        reckon(client, photos, heard, result)
    return result


def capacity(address: str, photos: dict[str, bytes]) -> float:
    """Photos a second that closed callers get answered."""
    counts = [0] * CALLERS
    until = time.monotonic() + PROBE_S

    def ask(at: int) -> None:
        with Client(address) as client:
            while time.monotonic() < until:
                client.tag_batch([list(photos.values())[counts[at] % len(photos)]], **OPTIONS)
                counts[at] += 1

    together([lambda at=at: ask(at) for at in range(CALLERS)])  # type: ignore[misc]
    return sum(counts) / PROBE_S


def live_through(
    address: str, photos: dict[str, bytes], seconds: float, heard: Memory, result: Soak
) -> None:
    """All callers at work for so long; in a first life they are still at it when it is killed."""
    began, stop = time.monotonic(), threading.Event()
    pid, sizes = pid_of(address), list[float]()

    def often(work: Callable[[Client], None], every_s: float) -> Callable[[], None]:
        def loop() -> None:
            due = time.monotonic()
            with Client(address, timeout_s=60, headers={"X-Author": f"soak-{id(work)}"}) as client:
                while not stop.is_set():
                    due = max(due + every_s, time.monotonic() - 1)
                    stop.wait(max(0.0, due - time.monotonic()))
                    attempt(client, work, result, heard)

        return loop

    asked = list(photos.items())
    callers = [
        often(lambda client: tag(client, asked, heard), CALLERS / result.rate_per_s)
        for _ in range(CALLERS)
    ]
    writers = [
        often(lambda client: edit(client, heard), 1.0),
        often(lambda client: judge(client, photos, heard), 1.0),
        often(lambda client: store(client, heard), 0.5),
    ]
    threads = [threading.Thread(target=work) for work in (*callers, *writers)]
    for thread in threads:
        thread.start()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(min(1.0, seconds - passed))
        sizes.append(rss_mib(pid))
    if not result.kills:
        os.kill(pid, signal.SIGKILL)  # amid everything
    stop.set()
    for thread in threads:
        thread.join()
    result.memory_mib.append([round(size, 1) for size in sizes])
    result.memory_growth.append(growth(sizes))


def growth(sizes: list[float]) -> float:
    """The end beside the time right after the warm-up, medians of a tenth of the life each."""
    tenth, start = max(1, len(sizes) // 10), int(len(sizes) * WARM_UP)
    first, last = sizes[start : start + tenth], sizes[-tenth:]
    return statistics.median(last) / statistics.median(first) - 1


def attempt(client: Client, work: Callable[[Client], None], result: Soak, heard: Memory) -> None:
    try:
        work(client)
    except ProblemError as error:
        with heard.lock:
            if error.status in (429, 503):
                result.busy += 1
            else:
                result.wrong.append(f"{error.status} {error.code}: {error}")
    except RemoteError:
        with heard.lock:
            result.unanswered += 1  # killed before it could answer
            over = result.unanswered > 10_000
        if over:
            raise


def tag(client: Client, photos: list[tuple[str, bytes]], heard: Memory) -> None:
    name, photo = photos[heard.next() % len(photos)]
    answer = client.tag_batch([photo], **OPTIONS)
    (one,) = answer.results
    found = {t.name: t.similarity for t in one.tags} if one.status == "ok" else {}
    with heard.lock:
        heard.answers.append((name, answer.vocabulary_revision, found))


def edit(client: Client, heard: Memory) -> None:
    """Adds a tag that fires on everything, or takes the oldest of them away."""
    if len(heard.live) < MOST_EXTRA:
        name = f"{PREFIX}{heard.next()}"
        did = client.add_tag(name, threshold=-1)
        heard.live[name] = did.tags[0].id
    else:
        name = next(iter(heard.live))
        tag_id = heard.live.pop(name)  # unanswered, it may be there or not
        did = client.delete_tag(tag_id)
        heard.deleted_tags.add(name)
    heard.extra[did.vocabulary_revision] = {name}


def judge(client: Client, photos: dict[str, bytes], heard: Memory) -> None:
    seen = client.tag(photos["tiger"])
    verdict = ("right", "wrong")[heard.next() % 2]
    body = {"judgements": [{"tag": JUDGED, "sha256": seen.sha256, "verdict": verdict}]}
    (kept,) = client.json(
        "POST", "/v1/feedback", json=body, headers={"X-Author": f"soak-{heard.next()}"}
    )["results"]
    with heard.lock:
        heard.judgements.add(kept["id"])


def store(client: Client, heard: Memory) -> None:
    """Stores an image of its own, and deletes every third again."""
    number = heard.next()
    name = f"image-{number}"
    (added,) = client.add_images([png(number)], [{"id": name}]).results
    if added.status != "ok":
        raise ProblemError(added.problem.detail, added.problem.model_dump())
    heard.images.add(name)
    if len(heard.images) % 3 == 0:
        heard.deleting.add(name)
        client.delete_image(name)
        heard.deleted_images.add(name)


def together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(given.seconds, data_dir=Path(folder) / "data")
    RESULTS.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{result.seconds:g} 秒，{result.rate_per_s:.1f} 张/秒，回答 {result.answers}")
    print(f"错误的回答 {len(result.wrong)}，丢失的写入 {len(result.lost)}，繁忙 {result.busy}")
    print("内存增长 " + "，".join(f"{one:+.1%}" for one in result.memory_growth))
    if result.wrong or result.lost or max(result.memory_growth) >= 0.05:
        sys.exit("\n".join([*result.wrong[:20], *result.lost[:20], "没有通过"]))


if __name__ == "__main__":
    main()
