"""The caches: what is found again, what is forgotten, and a Redis that comes and goes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batching.cache import (
    OVERHEAD_BYTES,
    BoundedCache,
    KnownImage,
    ResultCache,
    VectorCache,
)
from app.errors import MissingExtraError, SettingsError


def image(seed: int = 0, copies: bool = True) -> KnownImage:
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=8).astype(np.float32)
    return KnownImage(640, 480, vector, rng.normal(size=4).astype(np.float32) if copies else None)


def assert_same(found: KnownImage | None, expected: KnownImage) -> None:
    assert found is not None
    assert (found.width, found.height) == (expected.width, expected.height)
    np.testing.assert_array_equal(found.vector, expected.vector)
    if expected.copy_vector is None:
        assert found.copy_vector is None
    else:
        np.testing.assert_array_equal(found.copy_vector, expected.copy_vector)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400), st.booleans()), max_size=60),
    st.integers(1, 3000),
)
def test_a_bounded_cache_is_a_dict_that_forgets_the_least_recently_used(
    steps: list[tuple[int, int, bool]], limit: int
) -> None:
    cache: BoundedCache[int] = BoundedCache(limit)
    kept: dict[int, tuple[int, int]] = {}  # in order of use
    for number, (key, size, writes) in enumerate(steps):
        if writes:
            cache.put(key, number, size)
            if size + OVERHEAD_BYTES <= limit:
                kept.pop(key, None)
                kept[key] = number, size + OVERHEAD_BYTES
                while sum(size for _, size in kept.values()) > limit:
                    kept.pop(next(iter(kept)))
        else:
            expected = kept.pop(key, None)
            assert cache.get(key) == (expected[0] if expected else None)
            if expected:
                kept[key] = expected
        assert cache.bytes == sum(size for _, size in kept.values()) <= limit
        assert len(cache) == len(kept)


def test_hits_misses_and_evictions_are_counted() -> None:
    cache: BoundedCache[str] = BoundedCache(2 * (OVERHEAD_BYTES + 10))
    for key in "abc":
        cache.put(key, key, 10)
    assert cache.get("a") is None
    assert cache.get("c") == "c"
    assert (cache.hits, cache.misses, cache.evicted) == (1, 1, 1)


@pytest.mark.parametrize("copies", [True, False])
def test_an_image_is_found_again_as_it_was(copies: bool) -> None:
    cache = VectorCache("model@1", 10_000)
    assert cache.get("sha") is None
    cache.put("sha", image(copies=copies))
    assert_same(cache.get("sha"), image(copies=copies))


def test_an_answer_of_an_older_vocabulary_is_never_given() -> None:
    cache: ResultCache[str] = ResultCache(10_000)
    cache.put((1, 0), "sha", "options", "old", 10)
    assert cache.get((1, 0), "sha", "options") == "old"
    assert cache.get((1, 0), "sha", "other options") is None
    assert cache.get((2, 0), "sha", "options") is None
    cache.put((1, 1), "sha", "options", "recalibrated", 10)
    assert len(cache.memory) == 1  # the old one takes no room
    cache.put((1, 0), "late", "options", "of a request that began before", 10)
    assert cache.get((1, 0), "late", "options") is None


class Shared(dict[str, bytes]):
    """A shared store in this process."""

    def put(self, key: str, value: bytes) -> None:
        self[key] = value


def test_another_process_finds_vectors_in_the_shared_store_but_not_those_of_another_model() -> None:
    shared = Shared()
    VectorCache("model@1", 10_000, shared).put("sha", image())
    other = VectorCache("model@1", 10_000, shared)
    assert_same(other.get("sha"), image())
    assert other.shared_hits == 1
    shared.clear()
    assert_same(other.get("sha"), image())  # it is in memory now
    assert VectorCache("model@2", 10_000, shared).get("sha") is None


@pytest.mark.parametrize("found", [b"", b"short", b"x" * 100])
def test_bytes_of_another_version_in_the_shared_store_are_a_miss(found: bytes) -> None:
    cache = VectorCache("m", 10_000, Shared({"m:sha": found}))
    assert cache.get("sha") is None


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A real Redis on a free port."""
    pytest.importorskip("redis", reason="needs the `redis` extra")
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield port, process
    process.kill()
    process.wait(10)


def test_a_real_redis_keeps_vectors_and_its_death_is_only_a_miss(
    redis_port: tuple[int, subprocess.Popen[bytes]],
) -> None:
    from app.batching.redis_store import RedisStore

    port, process = redis_port
    store = RedisStore(f"redis://127.0.0.1:{port}/0")
    VectorCache("model@1", 10_000, store).put("sha", image())
    assert_same(VectorCache("model@1", 10_000, store).get("sha"), image())
    assert store.failures == 0
    process.kill()
    process.wait(10)
    orphan = VectorCache("model@1", 10_000, store)
    assert orphan.get("sha") is None
    orphan.put("new", image(1))
    assert_same(orphan.get("new"), image(1))
    assert store.failures == 1  # asked once, then left alone
    store.close()


def test_an_address_that_is_none_or_a_missing_package_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.batching import redis_store

    with monkeypatch.context() as patched:
        patched.setattr(redis_store.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match="redis"):
            redis_store.RedisStore("redis://127.0.0.1")
    pytest.importorskip("redis", reason="needs the `redis` extra")
    with pytest.raises(SettingsError, match="Redis"):
        redis_store.RedisStore("not an address")
