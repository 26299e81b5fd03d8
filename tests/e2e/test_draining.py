"""A signal to stop, while requests are under way, in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fixtures.running import Running, prepare, running
from vocab.tags import TagDraft

PHOTO = (Path(__file__).parents[1] / "data" / "cat.jpg").read_bytes()
HEAD = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n"
)
BODY = HEAD + PHOTO + b"\r\n--x--\r\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    folder = tmp_path / "data"
    prepare(folder, (TagDraft("猫", "动物"), TagDraft("狗", "动物")))
    with running(folder) as service:
        yield service


def begin(service: Running) -> socket.socket:
    """A tagging request of which half the photo has been sent."""
    where = urlsplit(service.address)
    caller = socket.create_connection((where.hostname, where.port), timeout=60)
    caller.sendall(
        b"POST /v1/tag HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n"
        + f"Content-Length: {len(BODY)}\r\n\r\n".encode()
        + BODY[: len(BODY) // 2]
    )
    return caller


def finish(caller: socket.socket) -> tuple[int, bytes]:
    """The rest of the photo; the status and the body of the answer."""
    caller.sendall(BODY[len(BODY) // 2 :])
    kept = b""
    while part := caller.recv(1 << 16):  # the server closes the connection when it has answered
        kept += part
    head, _, body = kept.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def refused_within(service: Running, seconds: float) -> bool:
    """Whether new connections come to be refused."""
    where = urlsplit(service.address)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection((where.hostname, where.port), timeout=5).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.02)
    return False


def test_what_is_under_way_is_answered_and_new_requests_are_refused(service: Running) -> None:
    callers = [begin(service) for _ in range(3)]
    time.sleep(0.3)  # for the service to have taken the connections
    service.process.send_signal(signal.SIGTERM)
    assert refused_within(service, 20)
    assert service.process.poll() is None
    for caller in callers:
        status, body = finish(caller)
        assert status == 200
        assert json.loads(body)["results"][0]["status"] == "ok"
        caller.close()
    assert service.process.wait(60) == 0


def test_a_caller_who_never_finishes_does_not_keep_the_process_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUQIAN_SHUTDOWN_TIMEOUT_S", "1")
    folder = tmp_path / "data"
    prepare(folder, (TagDraft("猫", "动物"),))
    with running(folder) as service, begin(service):
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
