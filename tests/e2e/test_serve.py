"""`tuqian serve` as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
START_S = 240


@dataclass(frozen=True)
class Running:
    """A service that answers, and what it said while it started."""

    process: subprocess.Popen[str]
    address: str
    said: str


@contextmanager
def serving(data_dir: Path) -> Iterator[Running]:
    """The command on a free port, killed at the end unless it has left by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"TUQIAN_DATA_DIR": str(data_dir)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        until = time.monotonic() + START_S
        while "curl" not in said and time.monotonic() < until:
            line = process.stderr.readline()
            assert line, f"the service left while it started:\n{said}"
            said += line
        address = re.search(r"图签已就绪：(\S+)", said)
        assert address, said
        yield Running(process, address[1], said)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def test_the_first_start_tags_a_photo_and_a_signal_ends_it_cleanly(data_dir: Path) -> None:
    with serving(data_dir) as service:
        assert "/docs" in service.said
        photo = re.search(r"files=@(\S+)", service.said)
        assert photo, service.said
        response = httpx.post(
            f"{service.address}/v1/tag", files={"files": (ROOT / photo[1]).read_bytes()}, timeout=60
        )
        assert response.status_code == 200
        assert response.json()["results"][0]["status"] == "ok"
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0


def test_the_second_start_computes_nothing(data_dir: Path) -> None:
    with serving(data_dir) as service:
        assert "计算" not in service.said
        assert httpx.get(f"{service.address}/readyz").json()["tags"] > 2_000
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0


def test_a_taken_port_is_said_at_once_with_a_way_out(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        left = subprocess.run(
            [sys.executable, "-m", "app", "serve", "--port", port],
            cwd=ROOT,
            env=os.environ | {"TUQIAN_DATA_DIR": str(data_dir)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert left.returncode == 2
    assert "--port" in left.stderr
    assert "Traceback" not in left.stderr


def test_a_model_that_does_not_exist_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    left = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", "--model", "buildin"],
        cwd=ROOT,
        env=os.environ | {"TUQIAN_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert left.returncode == 2
    assert "builtin" in left.stderr
    assert "Traceback" not in left.stderr
