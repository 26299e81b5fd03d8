"""The process that `test_kill_images` kills: adds and deletes images, saying what is over."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from app.database import Database
from tests.fixtures.images import new_image, open_collection


def main(url: str, folder: Path, first: int) -> None:
    collection = open_collection(Database(url), folder)
    saying = threading.Lock()

    def say(line: str) -> None:
        with saying:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def work(start: int) -> None:
        for seed in range(start, start + 1_000_000, 3):
            collection.add(new_image(seed))
            say(f"added {seed}")
            if seed % 4 == 0:
                say(f"deleting {seed}")
                collection.delete(f"image-{seed}")
                say(f"deleted {seed}")
            if seed % 50 == 0:
                collection.save()

    say("begin")
    for number in range(3):
        threading.Thread(target=work, args=(first + number,)).start()


main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
