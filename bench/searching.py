"""Search, calibrate and choose for 32 images against 1,000, 10,000 and 100,000 tags.

Why: a vocabulary may grow without the answer becoming slow. The similarities are checked against
NumPy before anything is timed. Bars: 10 ms at 10,000 tags, 60 ms at 100,000.

python -m bench.searching
"""

from __future__ import annotations

from app.bench.parts import searching
from bench.rows import write_row

DIM = 512
BARS_MS = {10_000: 10.0, 100_000: 60.0}


def main() -> None:
    for one in searching(DIM):
        bar = BARS_MS.get(one.parameters["tags"])
        passes = bar is None or one.median < bar
        print(one.parameters, f"{one.median:.2f} ms", "" if passes else f"bar {bar} ms missed")
        row = {**one.parameters, "bar_ms": bar, "passes": passes}
        write_row("searching", row, one.samples, "ms", error=one.error)


if __name__ == "__main__":
    main()
