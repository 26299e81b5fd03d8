"""The whole service over HTTP, in a process of its own, at several numbers of clients."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.bench.load import Reply, closed_loop, upload
from app.bench.samples import Measured, percentile
from app.errors import RemoteError

CLIENTS = (1, 8, 32, 128)
ROUNDS = 3
START_S = 600
OUTSIDE = ("decode", "queue", "search", "calibrate", "render")


@contextmanager
def running(settings: dict[str, str], python: str = sys.executable) -> Iterator[tuple[str, int]]:
    """`tuqian serve` on a free port; gives its address and process id. Nothing is cached.

    Raises `RemoteError` with what it said where it does not start.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [python, "-m", "app", "serve", "--port", "0"],
            env=os.environ | {"TUQIAN_CACHE_BYTES": "0", "TUQIAN_LOG_LEVEL": "error"} | settings,
            cwd=Path(__file__).parents[2],
            stdout=said,
            stderr=said,
        )
        try:
            yield _address(process, said), process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def throughput(
    address: str, photos: Sequence[bytes], seconds: float, clients: Sequence[int] = CLIENTS
) -> Iterator[Measured]:
    """Images a second with so many clients: three rounds each; notes hold the latencies."""
    messages = [upload(address, photo) for photo in photos]
    asyncio.run(closed_loop(address, messages, 2, 1.0))  # warms up
    for count in clients:
        rates, replies, spent_s = [], list[Reply](), time.process_time()
        for _ in range(ROUNDS):
            began = time.monotonic()
            found = asyncio.run(closed_loop(address, messages, count, seconds / ROUNDS))
            good = [reply for reply in found if reply.status == 200]
            rates.append(len(good) / (time.monotonic() - began))
            replies += good
        notes = _notes(replies)
        # The clients have their processor time from the same machine.
        spent_s = time.process_time() - spent_s
        notes["client_cpu_ms"] = round(1000 * spent_s / max(1, len(replies)), 2)
        yield Measured("end_to_end", {"clients": count}, "images/s", tuple(rates), notes=notes)


def _notes(replies: Sequence[Reply]) -> dict[str, float]:
    """Latencies in milliseconds, the part of it that is not the encoder, and the stages."""
    times = [reply.ms for reply in replies]
    notes = {f"p{share}_ms": percentile(times, share / 100) for share in (50, 95, 99)}
    rest = [reply.ms - reply.stages_ms.get("encode", 0.0) for reply in replies]
    notes["outside_encoder_p50_ms"] = percentile(rest, 0.5)
    for stage in (*OUTSIDE, "encode"):
        spent = [reply.stages_ms.get(stage, 0.0) for reply in replies]
        notes[f"{stage}_p50_ms"] = percentile(spent, 0.5)
    return {name: round(value, 2) for name, value in notes.items()}


def _address(process: subprocess.Popen[bytes], said: object) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        said.seek(0)  # type: ignore[attr-defined]
        text = said.read()  # type: ignore[attr-defined]
        if found := re.search(r"图签已就绪：(\S+)", text):
            return found[1]
        if process.poll() is not None:
            raise RemoteError(f"服务没有启动：{text[-2000:]}")
        time.sleep(0.1)
    raise RemoteError(f"服务在 {START_S} 秒内没有启动：{text[-2000:]}")
