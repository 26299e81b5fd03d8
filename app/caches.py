"""The caches of a service, as its operator sized them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from app.batching.cache import ResultCache, VectorCache
from app.batching.redis_store import RedisStore
from app.deciding import Tagged


@dataclass(frozen=True)
class Caches:
    """Vectors of files seen before and answers given before; absent where nothing is kept.

    Vectors get three quarters of the bytes, as they outlive an edit of the vocabulary.
    """

    seen: VectorCache | None = None
    answers: ResultCache[Tagged] | None = None
    shared: RedisStore | None = None


def caches_of(
    model_key: str, decode: str, max_bytes: int, redis_url: str, stack: ExitStack
) -> Caches:
    """Caches for the vectors of one model and one way of decoding files.

    Raises as `RedisStore` does.
    """
    shared = RedisStore(redis_url) if redis_url else None
    if shared is not None:
        stack.callback(shared.close)
    if not max_bytes and shared is None:
        return Caches()
    return Caches(
        VectorCache(f"{model_key}:{decode}", max_bytes * 3 // 4, shared),
        ResultCache(max_bytes // 4),
        shared,
    )
