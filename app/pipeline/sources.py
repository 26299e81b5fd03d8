"""What SOURCE is: told by looking at it, not by its name."""

from __future__ import annotations

from pathlib import Path

from app.errors import CollectionError
from app.intake.limits import Limits
from app.pipeline.filesystems import WILD, open_glob
from app.pipeline.folders import Folder
from app.pipeline.items import Listed, Sequential
from app.pipeline.lists import SCHEME, Fetch, Places, TextList
from app.pipeline.members import unreadable
from app.pipeline.tables import open_table
from app.pipeline.tars import TarArchive, is_tar
from app.pipeline.zips import ZipArchive

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PARQUET = b"PAR1"


def open_source(
    given: str, limits: Limits, *, column: str | None = None, fetch: Fetch | None = None
) -> Listed | Sequential:
    """A folder, a tar or zip file, a Parquet file, a list of images, or a glob.

    `column` is of a Parquet file; with `fetch` the addresses of a list or a table are fetched.
    Raises `CollectionError` for what is none of these.
    """
    path = Path(given)
    if is_remote(given):
        return _remote(given)
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        if not WILD.isdisjoint(given):
            return open_glob(str(path.absolute()))
        raise CollectionError(f"{given} 不存在", field="SOURCE", remedy="检查路径是否写对。")
    return _file(path, limits, column, fetch)


def is_remote(given: str) -> bool:
    """Whether SOURCE is an address of another file system than this machine's."""
    return SCHEME.match(given) is not None and not Path(given).exists()


def _file(
    path: Path, limits: Limits, column: str | None, fetch: Fetch | None
) -> Listed | Sequential:
    places = Places(path.parent, fetch)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise unreadable(path, error) from error
    if magic in ZIP:
        return ZipArchive(path, limits)
    if magic == PARQUET:
        return open_table(path, column, places)
    if is_tar(path):
        return TarArchive(path, limits)
    return TextList(path, places)


def _remote(address: str) -> Listed:
    if address.lower().startswith(("http://", "https://")):
        raise CollectionError(
            "SOURCE 不能是网址",
            field="SOURCE",
            remedy="把网址写进文本文件，每行一个，加上 --fetch-urls。",
        )
    return open_glob(address)
