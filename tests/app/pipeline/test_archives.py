"""Archives that mean harm, or are damaged, cost one failed item each."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import CollectionError, ImageError, ImageSourceError, ImageTooLargeError
from app.intake.limits import Limits
from app.pipeline.sources import open_source
from app.pipeline.tars import TarArchive
from app.pipeline.zips import ZipArchive
from tests.app.pipeline.conftest import LIMITS, Reader
from tests.fixtures.collection_files import jpeg, write_tar, write_zip

ONE, TWO = jpeg(1), jpeg(2)
OUTSIDE = ["../up.jpg", "/etc/root.jpg", "a/../../b.jpg", "..\\up.jpg", "C:\\x.jpg"]


def patched(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_out_of_the_archive_fail_and_the_others_do_not(
    read: Reader, tmp_path: Path, write: object
) -> None:
    files = dict.fromkeys(OUTSIDE, ONE) | {"good..jpg": ONE, "a/b.jpg": TWO}
    before = set(tmp_path.rglob("*"))
    path = write(tmp_path / "photos", files)  # type: ignore[operator]
    found = read(path)
    assert found.pop("good..jpg") == ONE
    assert found.pop("a/b.jpg") == TWO
    assert len(found) == len(OUTSIDE)
    assert all(isinstance(error, ImageSourceError) for error in found.values())
    written = set(tmp_path.rglob("*")) - before
    assert {p.name for p in written if ".partial" not in str(p)} == {"photos"}


def test_a_zip_bomb_is_refused_by_what_it_declares(read: Reader, tmp_path: Path) -> None:
    files = {"large.jpg": b"\0" * (2 << 20), "good.jpg": ONE}
    found = read(write_zip(tmp_path / "bomb", files))
    assert isinstance(found["large.jpg"], ImageTooLargeError)
    assert found["good.jpg"] == ONE


def test_a_zip_bomb_below_the_size_limit_is_refused_by_its_ratio(tmp_path: Path) -> None:
    limits = Limits(max_image_bytes=64 << 20)
    files = {"flat.jpg": b"\0" * (8 << 20), "small.jpg": b"\0" * 100_000}
    flat, small = ZipArchive(write_zip(tmp_path / "bomb", files), limits).items(0)
    with pytest.raises(ImageTooLargeError, match="炸弹"):
        flat.source.read(limits)
    assert flat.held_bytes == 0
    assert len(small.source.read(limits)) == 100_000


def test_a_zip_bomb_that_lies_about_its_size_is_not_believed(read: Reader, tmp_path: Path) -> None:
    data = b"\0" * (3 << 20)
    path = write_zip(tmp_path / "bomb", {"liar.jpg": data, "good.jpg": ONE})
    patched(path, struct.pack("<I", len(data)), struct.pack("<I", 1000))
    found = read(path)
    assert isinstance(found["liar.jpg"], ImageError)
    assert found["good.jpg"] == ONE


def test_members_with_a_password_or_an_odd_packing_fail(read: Reader, tmp_path: Path) -> None:
    path = tmp_path / "photos"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("secret.jpg", ONE)
        archive.writestr("odd.jpg", ONE, zipfile.ZIP_LZMA)
        archive.writestr("good.jpg", ONE)
    data = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    path.write_bytes(data)
    found = read(path)
    assert "密码" in str(found["secret.jpg"])
    assert "压缩方式" in str(found["odd.jpg"])
    assert found["good.jpg"] == ONE


def test_a_damaged_member_of_a_zip_is_one_failure(read: Reader, tmp_path: Path) -> None:
    path = tmp_path / "photos"
    with zipfile.ZipFile(path, "w") as archive:  # stored, so that its bytes can be found
        archive.writestr("bad.jpg", ONE)
        archive.writestr("good.jpg", TWO)
    patched(path, ONE[-40:], b"x" * 40)
    found = read(path)
    assert "损坏" in str(found["bad.jpg"])
    assert found["good.jpg"] == TWO


def test_chinese_names_of_a_zip_made_on_windows_are_legible(read: Reader, tmp_path: Path) -> None:
    raw = "猫/照片.jpg".encode("gbk")
    path = write_zip(tmp_path / "photos", {"x" * len(raw): ONE, "狗.jpg": TWO})
    patched(path, b"x" * len(raw), raw)
    assert read(path) == {"猫/照片.jpg": ONE, "狗.jpg": TWO}


def test_links_and_devices_in_a_tar_fail(read: Reader, tmp_path: Path) -> None:
    path = tmp_path / "photos"
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    found = read(path)
    assert len(found) == 4
    assert all("链接或设备" in str(error) for error in found.values())


def test_a_tar_bomb_is_refused_before_it_is_unpacked(read: Reader, tmp_path: Path) -> None:
    files = {"large.jpg": b"\0" * (20 << 20), "good.jpg": ONE}
    found = read(write_tar(tmp_path / "bomb", files, "w:gz"))
    assert isinstance(found["large.jpg"], ImageTooLargeError)
    assert found["good.jpg"] == ONE


def test_a_tar_header_that_claims_gigabytes_ends_the_archive(read: Reader, tmp_path: Path) -> None:
    good = tarfile.TarInfo("good.jpg")
    good.size = len(ONE)
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    data = good.tobuf() + ONE.ljust(-(-len(ONE) // 512) * 512, b"\0") + header.tobuf()
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(data + b"\0" * (1 << 20)))
    found = read(path)
    assert found.pop("good.jpg") == ONE
    (error,) = found.values()
    assert "读不下去" in str(error)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_that_breaks_off_keeps_what_came_before(
    read: Reader, tmp_path: Path, mode: str
) -> None:
    files = {f"{seed}.jpg": jpeg(seed) for seed in range(40)}
    path = write_tar(tmp_path / "photos", files, mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    found = read(path)
    whole = [name for name, data in found.items() if isinstance(data, bytes)]
    assert whole == list(files)[: len(whole)]
    assert 10 < len(whole) < 40
    assert 1 <= len(found) - len(whole) <= 2
    again = read(path, len(whole))
    assert len(again) == len(found) - len(whole)
    assert all(isinstance(error, ImageError) for error in again.values())


def test_a_tar_of_many_members_does_not_pile_them_up(tmp_path: Path) -> None:
    files = {f"{number}.jpg": b"x" for number in range(300)}
    archive = TarArchive(write_tar(tmp_path / "photos", files), LIMITS)
    assert archive.count() == 300
    items = archive.items(0)
    next(items)
    opened = items.gi_frame.f_locals["archive"]  # type: ignore[attr-defined]
    for _ in range(200):
        next(items)
    assert len(opened.members) <= 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_does_more_than_fail(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    files = {"a.jpg": ONE, "b.jpg": TWO, "c/d.jpg": ONE}
    write, mode = data.draw(
        st.sampled_from([(write_zip, ()), (write_tar, ()), (write_tar, ("w:gz",))])
    )
    path = write(folder / "photos", files, *mode)  # type: ignore[arg-type]
    good = path.read_bytes()
    at = data.draw(st.integers(4, len(good) - 1))
    with BytesIO(good) as file:
        file.seek(at)
        file.write(data.draw(st.binary(min_size=1, max_size=8)))
        path.write_bytes(file.getvalue())
    try:
        items = list(open_source(str(path), LIMITS).items(0))  # type: ignore[union-attr]
    except CollectionError:
        return
    except AttributeError:  # no archive any more: a list, which is read as text
        return
    for item in items:
        try:
            item.source.read(LIMITS)
        except ImageError:
            continue
