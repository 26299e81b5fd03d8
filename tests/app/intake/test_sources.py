"""An image's bytes from an upload, base64, a path; and a URL that is not fetched."""

from __future__ import annotations

import base64
import os
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import EmptyImageError, ImageError, ImageSourceError, ImageTooLargeError
from app.intake.limits import Limits
from app.intake.sources import Base64Source, PathSource, UploadSource, UrlSource

LIMITS = Limits(max_image_bytes=1000)


def test_an_upload_is_read_from_its_beginning() -> None:
    file = BytesIO(b"photo")
    file.seek(3)
    assert UploadSource(file).read(LIMITS) == b"photo"


def test_an_upload_is_never_read_far_past_the_limit() -> None:
    file = BytesIO(bytes(5000))
    with pytest.raises(ImageTooLargeError):
        UploadSource(file).read(LIMITS)
    assert file.tell() == 1001


def test_an_empty_upload_is_called_empty() -> None:
    with pytest.raises(EmptyImageError):
        UploadSource(BytesIO()).read(LIMITS)


@given(st.binary(min_size=1, max_size=300), st.booleans(), st.booleans(), st.booleans())
def test_base64_comes_back_however_it_is_spelt(
    data: bytes, url_safe: bool, padded: bool, prefixed: bool
) -> None:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    text = f"data:image/png;charset=x;base64,{text}" if prefixed else text
    wrapped = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert Base64Source(f" {wrapped}\r\n").read(LIMITS) == data


@given(st.text(max_size=200))
def test_any_text_is_base64_or_an_image_error(text: str) -> None:
    try:
        Base64Source(text).read(LIMITS)
    except ImageError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right


def test_a_bad_character_is_shown_with_its_place() -> None:
    with pytest.raises(ImageSourceError, match=r"'!'.*第 5 个") as caught:
        Base64Source("aGVs!G8=").read(LIMITS)
    assert caught.value.field == "base64"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("aGVsbG8hX", "被截断"), ("data:image/png,%89PNG", "没有标明 base64"), ("data:;x", "字符")],
)
def test_broken_base64_says_what_is_wrong(text: str, wrong: str) -> None:
    with pytest.raises(ImageSourceError, match=wrong):
        Base64Source(text).read(LIMITS)


@pytest.mark.parametrize("text", ["", "  \n", "data:image/png;base64,", "===="])
def test_empty_base64_is_called_empty(text: str) -> None:
    with pytest.raises(EmptyImageError):
        Base64Source(text).read(LIMITS)


def test_base64_over_the_limit_is_refused_before_it_is_decoded() -> None:
    assert len(Base64Source(base64.b64encode(bytes(1000)).decode()).read(LIMITS)) == 1000
    with pytest.raises(ImageTooLargeError):
        Base64Source("!" * 2000).read(LIMITS)


def test_a_url_is_not_fetched_and_the_error_says_how_to_upload() -> None:
    with pytest.raises(ImageSourceError, match="没有开启") as caught:
        UrlSource("http://127.0.0.1:1/cat.jpg").read(LIMITS)
    assert caught.value.field == "url"
    assert "files" in (caught.value.remedy or "")
    assert "base64" in (caught.value.remedy or "")


def test_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "图片.jpg"
    path.write_bytes(b"photo")
    assert PathSource(path).read(LIMITS) == b"photo"


def test_a_path_that_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, wrong in (
        (tmp_path / "none.jpg", "文件不存在"),
        (tmp_path, "不是文件"),
        (pipe, "不是文件"),
        (Path("a\0b"), "路径无效"),
        (Path("x" * 5000), "读取失败"),
    ):
        with pytest.raises(ImageSourceError, match=wrong):
            PathSource(path).read(LIMITS)


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageTooLargeError):
        PathSource(path).read(LIMITS)
