"""A small file that declares a vast image is refused without the memory that image would take."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.errors import ImageTooLargeError
from app.intake.decode import decode
from app.intake.formats import FORMATS, Format
from app.intake.limits import Limits

ROOT = Path(__file__).parents[3]
PEAK = """
import importlib, sys
from pathlib import Path
from app.intake.decode import decode
from app.intake.formats import FORMATS
from app.intake.limits import Limits
from app.errors import ImageTooLargeError

def peak():
    # Not getrusage: a child's ru_maxrss begins at its parent's.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

for form in FORMATS:
    importlib.import_module(form.plugin.partition(":")[0])
decode(Path("tests/data/cat.jpg").read_bytes(), Limits())
files = [Path(path).read_bytes() for path in sys.argv[1:]]
before = peak()
for data in files:
    try:
        decode(data, Limits())
        print("decoded")
    except ImageTooLargeError as error:
        print(error)
print(peak() - before)
"""
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 6, 0, 0, 0)
    squeezer = zlib.compressobj(9)
    nothing = squeezer.compress(bytes(8 << 20)) + squeezer.flush()
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", nothing) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    entries = [
        (256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1),
        (278, height), (279, 4),
    ]  # fmt: skip
    ifd = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + ifd + bytes(4)


def gif_bomb() -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\0;"
    return screen + frame


def webp_bomb() -> bytes:
    canvas = (50_000 - 1).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + bytes(200)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_with_a_vast_frame() -> bytes:
    """The screen is 10 by 10 pixels; its frame is not, and asks to be cleared."""
    data = bytearray(gif_bomb())
    data[6:10] = struct.pack("<HH", 10, 10)
    control = b"!\xf9\x04\x08\0\0\0\0"
    return bytes(data[:19] + control + data[19:])


def outcomes_and_peak_mib(folder: Path, *files: bytes) -> tuple[list[str], float]:
    """What became of each file in a process of its own, and the memory that took."""
    paths = []
    for number, data in enumerate(files):
        paths.append(folder / f"image{number}")
        paths[-1].write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PEAK, *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *outcomes, peak = done.stdout.splitlines()
    return outcomes, float(peak)


@ON_LINUX
def test_decompression_bombs_are_refused_within_a_few_megabytes(tmp_path: Path) -> None:
    bombs = (png_bomb(), tiff_bomb(), gif_bomb(), webp_bomb())
    outcomes, peak = outcomes_and_peak_mib(tmp_path, *bombs)
    sizes = ("50000×50000", "30000×30000", "65535×65535", "50000×50000")
    assert all(size in outcome for size, outcome in zip(sizes, outcomes, strict=True))
    assert peak < 16


@ON_LINUX
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_decoding_takes_the_memory_the_format_says(
    tmp_path: Path, write: Any, form: Format
) -> None:
    image = Image.new("RGB", (2000, 1500), "olive")
    pillow_name = {"WebP": "WEBP", "HEIC": "HEIF"}.get(form.name, form.name)
    outcomes, peak = outcomes_and_peak_mib(tmp_path, write(image, pillow_name))
    assert outcomes == ["decoded"]
    # Some megabytes belong to libraries that make themselves at home, whatever the image.
    assert 5 < peak < form.decode_bytes_per_pixel * 3_000_000 / 2**20 + 12


def test_a_gif_frame_far_larger_than_its_screen_is_refused() -> None:
    with pytest.raises(ImageTooLargeError):
        decode(gif_with_a_vast_frame(), Limits())


def test_no_global_of_pillow_is_changed() -> None:
    script = (
        "from PIL import Image, ImageFile; from pathlib import Path;"
        "before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, dict(Image.OPEN));"
        "from app.intake.decode import decode; from app.intake.limits import Limits;"
        "from app.intake import sources;"
        "assert dict(Image.OPEN) == before[2], 'a plugin was registered at import';"
        "decode(Path('tests/data/cat.jpg').read_bytes(), Limits());"
        "after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES);"
        "assert after == before[:2]; assert 'HEIF' not in Image.OPEN"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)
