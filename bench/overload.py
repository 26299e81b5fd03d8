"""Five times more requests than the service can do: what it does, and what it says to the rest.

Why: a service that takes in everything answers nobody. The right behaviour: as many good answers as
without the crowd, none of them late, memory that does not grow, and a 503 at once for the rest.
First the sustainable rate is measured with closed-loop clients, then requests arrive at five times
that rate whether or not earlier ones were answered.

python -m bench.overload --photos ../shared/data/flickr8kcn/images --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from app.bench.end_to_end import running
from app.bench.load import Reply, closed_loop, open_loop, upload
from app.bench.samples import percentile
from bench.rows import write_row
from bench.served import rss_mib, vocabulary_of

CLIENTS = 32
TIMES = 5
# Bars: share of the sustainable rate, and the wait of a refusal.
GOODPUT, REFUSED_MS = 0.9, 50
# The second half of the crowd against the first.
MEMORY_GROWS = 1.03


def good(replies: Sequence[Reply]) -> list[float]:
    return [reply.ms for reply in replies if reply.status == 200]


def watched(pid: int, done: threading.Event, seen: list[float]) -> None:
    while not done.wait(0.5):
        seen.append(rss_mib(pid))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--max-queue", type=int, default=64)
    parser.add_argument("--tags", type=int, default=1000)
    given = parser.parse_args()
    photos = [path.read_bytes() for path in sorted(given.photos.rglob("*.jpg"))[:64]]
    with vocabulary_of(given.tags) as folder:
        chosen = {"TUQIAN_DATA_DIR": folder, "TUQIAN_MAX_QUEUE": str(given.max_queue)}
        with running(chosen) as (address, pid):
            measure(address, pid, [upload(address, photo) for photo in photos], given)


def measure(address: str, pid: int, messages: list[bytes], given: argparse.Namespace) -> None:
    asyncio.run(closed_loop(address, messages, CLIENTS, 3))
    alone = asyncio.run(closed_loop(address, messages, 1, 5))
    began = time.monotonic()
    full = asyncio.run(closed_loop(address, messages, CLIENTS, max(5.0, given.seconds / 4)))
    sustainable = len(good(full)) / (time.monotonic() - began)
    done, memory = threading.Event(), list[float]()
    watcher = threading.Thread(target=watched, args=(pid, done, memory))
    watcher.start()
    began, spent_s = time.monotonic(), time.process_time()
    crowd = asyncio.run(open_loop(address, messages, TIMES * sustainable, given.seconds))
    took_s = time.monotonic() - began
    goodput, spent_s = len(good(crowd)) / took_s, time.process_time() - spent_s
    done.set()
    watcher.join()
    refused = [reply.ms for reply in crowd if reply.status in (429, 503)]
    other = [reply.status for reply in crowd if reply.status not in (200, 429, 503)]
    unloaded, late = percentile(good(alone), 0.99), percentile(good(crowd), 0.99)
    # What waits in a full house is encoded at the sustainable rate.
    bound = 3 * unloaded + 1000 * given.max_queue / sustainable
    half = memory[len(memory) // 2 :] or memory
    row = {
        "seconds": given.seconds,
        "max_queue": given.max_queue,
        "sustainable_per_s": round(sustainable, 2),
        "offered_per_s": round(TIMES * sustainable, 2),
        "goodput_share": round(goodput / sustainable, 3),
        "accepted_p99_ms": round(late, 1),
        "unloaded_p99_ms": round(unloaded, 1),
        "bound_ms": round(bound, 1),
        "refused": len(refused),
        "client_cores": round(spent_s / took_s, 3),
        "client_cores_share": round(spent_s / took_s / (os.cpu_count() or 1), 3),
        "refused_p50_ms": round(percentile(refused, 0.5), 1),
        "refused_p99_ms": round(percentile(refused, 0.99), 1),
        "other_statuses": sorted(set(other)),
        "rss_first_half_mib": round(statistics.median(memory[: len(memory) // 2 or 1]), 1),
        "rss_second_half_mib": round(statistics.median(half), 1),
    }
    row["passes"] = {
        "goodput": goodput >= GOODPUT * sustainable,
        "accepted_p99": late <= bound,
        "refused_p99": not refused or percentile(refused, 0.99) <= REFUSED_MS,
        "nothing_else": not other,
        "memory_is_flat": row["rss_second_half_mib"] <= MEMORY_GROWS * row["rss_first_half_mib"],
    }
    print(row)
    write_row("overload", row, [goodput], "images/s", baseline=("sustainable", [sustainable]))


if __name__ == "__main__":
    main()
