"""Settings that the measurements speak for."""

from __future__ import annotations

from collections.abc import Sequence

from app.bench.samples import Measured

# A smaller batch is better for latency; it only has to come this near to the best.
NEARLY = 0.95
# Requests that should still wait no longer than this before they are encoded.
PATIENCE_S = 10.0


def advise(found: Sequence[Measured]) -> dict[str, str]:
    """Environment variables and values; empty where nothing was measured that tells."""
    encoded = [one for one in found if one.case == "encode" and one.samples]
    if not encoded:
        return {}
    best = max(encoded, key=lambda one: one.median)
    same = [one for one in encoded if one.parameters["runtime"] == best.parameters["runtime"]]
    good = [one for one in same if one.median >= NEARLY * best.median]
    batch = min(int(one.parameters["batch"]) for one in good)
    return {
        "TUQIAN_RUNTIME": str(best.parameters["runtime"]),
        "TUQIAN_MAX_BATCH": str(batch),
        # What can be encoded within the patience of a caller; more would only be late.
        "TUQIAN_MAX_QUEUE": str(max(4 * batch, int(best.median * PATIENCE_S))),
        "TUQIAN_DECODE": "fast",
    }
