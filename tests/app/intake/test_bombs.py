"""A small file that declares a vast image is refused without the memory that image would take."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PEAK = """
import resource, sys
from pathlib import Path
from app.intake.decode import decode
from app.intake.limits import Limits
from app.errors import ImageTooLargeError
import PIL.PngImagePlugin, PIL.TiffImagePlugin, PIL.GifImagePlugin, PIL.WebPImagePlugin

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
for path in sys.argv[1:]:
    try:
        decode(Path(path).read_bytes(), Limits())
    except ImageTooLargeError as error:
        assert "50000" in str(error) or "65535" in str(error) or "30000" in str(error), error
    else:
        raise SystemExit(f"{path} was decoded")
print(peak() - before)
"""


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


def peak_mib(tmp_path: Path, *files: bytes) -> int:
    paths = []
    for number, data in enumerate(files):
        paths.append(tmp_path / f"bomb{number}")
        paths[-1].write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PEAK, *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_decompression_bombs_are_refused_within_a_few_megabytes(tmp_path: Path) -> None:
    assert peak_mib(tmp_path, png_bomb(), tiff_bomb(), gif_bomb(), webp_bomb()) < 32


def test_a_gif_frame_larger_than_its_screen_is_refused(tmp_path: Path) -> None:
    from app.errors import ImageTooLargeError
    from app.intake.decode import decode
    from app.intake.limits import Limits

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
