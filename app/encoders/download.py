"""Fetching weights: a stream to `*.part`, resumed after a cut, checked, then renamed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.encoders.hubs import TIMEOUT, Hub, HubFile, Published, published
from app.encoders.identity import file_digest
from app.errors import ModelDownloadError, ModelError

# Told the bytes on disk so far and the bytes in all, which is None where the hub does not say.
Progress = Callable[[int, int | None], None]

ATTEMPTS = 5


@dataclass(frozen=True)
class Download:
    """One file on its way from a hub to `target`."""

    hub: Hub
    file: HubFile
    target: Path
    progress: Progress | None = None
    retry_pause_s: float = 1.0

    @property
    def part(self) -> Path:
        """What has arrived so far."""
        return self.target.with_name(self.target.name + ".part")


def fetch_weights(download: Download) -> Path:
    """The target file, downloaded unless it is there already.

    Raises `ModelDownloadError`, whose remedy names the file to place by hand and where.
    """
    if download.target.is_file():
        return download.target
    try:
        download.target.parent.mkdir(parents=True, exist_ok=True)
        with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
            wanted = published(client, download.hub, download.file)
            if not wanted.sha256:
                # Nothing would tell whether an old half and a new half belong together.
                download.part.unlink(missing_ok=True)
            _with_retries(client, download, wanted)
        _verify(download, wanted)
        download.part.replace(download.target)
    except ModelError as error:
        raise _by_hand(download, str(error)) from error
    except httpx.HTTPError as error:
        reason = f"连不上 {download.hub.title}（{_reason(error)}）"
        raise _by_hand(download, reason) from error
    except OSError as error:
        raise _by_hand(download, f"写不进 {download.target.parent}（{error}）") from error
    return download.target


def _with_retries(client: httpx.Client, download: Download, wanted: Published) -> None:
    """Streams until the file is whole; a cut is taken up where it happened, a few times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _stream(client, download, wanted)
            return
        except httpx.TransportError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(download.retry_pause_s * attempt)


def _stream(client: httpx.Client, download: Download, wanted: Published) -> None:
    """One request that appends what is missing to the part file."""
    have = download.part.stat().st_size if download.part.exists() else 0
    if wanted.size_bytes and have == wanted.size_bytes:
        return
    if wanted.size_bytes and have > wanted.size_bytes:
        have = 0
    # Compressed transfer would make the byte range mean something else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", wanted.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            download.part.unlink()
            raise httpx.ReadError("续传位置无效，重新下载")
        if response.status_code >= 400:
            raise ModelDownloadError(
                f"{download.hub.title} 回答了 {response.status_code}（{wanted.url}）"
            )
        if not _continues(response, have):
            have = 0
        total = wanted.size_bytes or _total(response, have)
        with download.part.open("ab" if have else "wb") as sink:
            for chunk in response.iter_bytes():  # as it comes: a buffer would be lost in a cut
                sink.write(chunk)
                have += len(chunk)
                if download.progress:
                    download.progress(have, total)


def _continues(response: httpx.Response, have: int) -> bool:
    """Whether the answer begins at the byte asked for; a server may send the whole file."""
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status_code == httpx.codes.PARTIAL_CONTENT and (
        begins is not None and int(begins.group(1)) == have
    )


def _total(response: httpx.Response, have: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdigit() else None


def _verify(download: Download, wanted: Published) -> None:
    """Raises `ModelDownloadError` and drops the part file where it is not what was published."""
    size = download.part.stat().st_size
    if wanted.size_bytes and size != wanted.size_bytes:
        download.part.unlink()
        raise ModelDownloadError(
            f"下载到 {size} 字节，而 {download.file.name} 应为 {wanted.size_bytes} 字节，已丢弃"
        )
    if not wanted.sha256:
        return
    digest = file_digest(download.part)
    if digest != wanted.sha256:
        download.part.unlink()
        raise ModelDownloadError(
            f"下载的 {download.file.name} 校验和是 {digest[:12]}…，"
            f"应为 {wanted.sha256[:12]}…，已丢弃"
        )


def _by_hand(download: Download, reason: str) -> ModelDownloadError:
    return ModelDownloadError(
        f"无法下载 {download.file.name}：{reason}",
        field="model",
        remedy=(
            f"请从 {download.file.page(download.hub)} 手动下载 {download.file.name}，"
            f"放到 {download.target}，再试一次；也可以换一个来源（modelscope 或 huggingface）"
        ),
    )


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
