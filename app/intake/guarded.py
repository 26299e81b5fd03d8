"""Decoding in processes with a time limit, so that no file can take the service with it."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from app.errors import DecodingStoppedError
from app.intake.decode import DecodedImage, check_bytes, decode
from app.intake.decoder_process import REFUSALS, receive, send
from app.intake.formats import sniff
from app.intake.limits import Limits
from app.intake.shared_pixels import SharedPixels

log = logging.getLogger(__name__)

Decode = Callable[[bytes, Limits, "int | None"], DecodedImage]
Isolation = Literal["thread", "risky", "process"]

# The folder our packages lie in, for a process that did not start where this one did.
ROOT = Path(__file__).parents[2]
# Most of what is sent, by decoders whose work is bounded by what `decode` checks beforehand: bytes,
# pixels and scans. The others are younger and larger, and had their share of memory faults.
TRUSTED = ("JPEG", "PNG", "BMP")
# An interpreter and its libraries on a busy machine; no file's time limit pays for them.
START_S = 60.0
FOR_THE_SERVICE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class GuardedDecoder:
    """Decodes as `decode` does, in at most `processes` processes. Safe to share between threads.

    A file that takes longer than `timeout_s`, or ends its process, is refused with
    `DecodingStoppedError`; the process is replaced and no other file is affected.
    """

    def __init__(self, processes: int, timeout_s: float):
        self._timeout_s = timeout_s
        # The one used last is taken first; those never needed are never started.
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        self._count = processes
        self._closed = False
        for _ in range(processes):
            self._free.put(None)

    def __call__(self, data: bytes, limits: Limits, enough_side: int | None = None) -> DecodedImage:
        """Waits for a free process, and raises as `decode` besides."""
        check_bytes(len(data), limits)  # what is too large need not be sent
        process = self._free.get()
        keep: _Process | None = None
        try:
            if self._closed:
                raise DecodingStoppedError("服务正在关闭，不再解码图片", field="image")
            if process is None or process.is_gone():  # it may have been killed while it waited
                process = _Process()
            found = process.decode(data, limits, enough_side, self._timeout_s)
            keep = process
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise self._stopped(process, error) from error
        finally:
            if keep is None and process is not None:
                process.end()
            self._free.put(keep)
        if isinstance(found, DecodedImage):
            return found
        raise found

    @property
    def waiting(self) -> tuple[int, ...]:
        """The ids of the processes that wait for a file."""
        return tuple(one.pid for one in list(self._free.queue) if one is not None)

    def close(self) -> None:
        """Waits for the files at work, ends the processes, and refuses every file from now on."""
        self._closed = True
        held = [self._free.get() for _ in range(self._count)]
        for process in held:
            if process is not None:
                process.end()
            self._free.put(None)

    def _stopped(self, process: _Process | None, error: Exception) -> DecodingStoppedError:
        if process is None:
            log.error("no decoder process could be started: %s", error)
            return DecodingStoppedError("解码进程无法启动", field="image")
        if isinstance(error, TimeoutError):
            log.warning("a file took more than %g s to decode", self._timeout_s)
            return DecodingStoppedError(f"解码超过 {self._timeout_s:g} 秒，已经中止", field="image")
        log.warning("a file ended its decoder process: %r", error)
        return DecodingStoppedError("这张图片使解码进程意外结束", field="image")


class _Process:
    """One decoder process, the socket to it and the memory its pixels come in.

    Making one waits until it is ready, or raises `OSError`, `EOFError` or `ValueError`.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._wire, self._shared = ours, SharedPixels()
            given_to_it = [theirs.fileno(), self._shared.descriptor]
            command = [sys.executable, "-m", "app.intake.decoder_process", *map(str, given_to_it)]
            with _deaf():
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    command,
                    pass_fds=given_to_it,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                )
        self.pid = self._process.pid
        try:
            receive(self._wire, most=0, until=time.monotonic() + START_S)  # it is there
        except BaseException:
            self.end()
            raise

    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def decode(
        self, data: bytes, limits: Limits, enough_side: int | None, timeout_s: float
    ) -> DecodedImage | Exception:
        """The image or why it cannot be used; raises `OSError` (`TimeoutError`), `EOFError`, and
        `ValueError`, `KeyError` or `TypeError` for what is no answer.
        """
        until = time.monotonic() + timeout_s
        self._wire.settimeout(timeout_s)
        send(self._wire, {"limits": asdict(limits), "enough_side": enough_side}, data)
        header, pixels = receive(self._wire, most=3 * limits.max_image_pixels, until=until)
        return _found(header, pixels, self._shared)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._wire.close()
        self._process.kill()
        self._process.wait()
        self._shared.close()


def _environment() -> dict[str, str]:
    """What a process is told: none of our passwords, which a bad file might come to read."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    given = {name: v for name, v in os.environ.items() if not name.startswith("TUQIAN_")}
    return given | {
        "PYTHONPATH": paths.strip(os.pathsep),
        "OMP_NUM_THREADS": "1",  # there are as many processes as cores
        # Memory goes from one file to the next; to give it back to the system and ask for it again
        # takes a quarter of the time of a large photo.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    }


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started here do not hear what a keyboard or a supervisor tells the whole group.

    It is the service's to finish what it has, which takes decoders. A session of their own would
    do, but have the system share the processor between two sessions instead of among threads.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_SERVICE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def decoder_of(
    isolation: Isolation, processes: int, timeout_s: float, callback: Callable[..., Any]
) -> Decode:
    """How files are decoded: here, in processes, or (`risky`) as their format deserves.

    `callback` is told what closes the processes.
    """
    if isolation == "thread":
        return decode
    guarded = GuardedDecoder(processes, timeout_s)
    callback(guarded.close)
    if isolation == "process":
        return guarded

    def by_format(data: bytes, limits: Limits, enough_side: int | None) -> DecodedImage:
        check_bytes(len(data), limits)
        chosen = decode if sniff(data).name in TRUSTED else guarded
        return chosen(data, limits, enough_side)

    return by_format


def _found(
    header: dict[str, Any], pixels: bytearray, shared: SharedPixels
) -> DecodedImage | Exception:
    """The image, or the refusal; raises `ValueError`, `KeyError` or `TypeError` for neither.

    The pixels are in `shared` where none were sent.
    """
    if "refusal" in header:
        kind = REFUSALS[header["refusal"]]
        return kind(header["message"], field=header["field"], remedy=header["remedy"])
    width, height = header["size"]
    count = 3 * width * height
    with memoryview(pixels) if pixels else shared.view(count) as view:
        if len(view) != count or min(width, height) < 1:
            raise ValueError("not as many pixels as were announced")
        image = Image.frombytes("RGB", (width, height), view)  # a copy
    return DecodedImage(
        image, int(header["width"]), int(header["height"]), header["format"], header["sha256"]
    )
