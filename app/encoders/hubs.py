"""The two hubs that publish model weights, and what each says about a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import httpx

from app.errors import ModelDownloadError, SettingsError

HubKind = Literal["modelscope", "huggingface"]

HUGGINGFACE = "https://huggingface.co"
MODELSCOPE = "https://www.modelscope.cn"
TIMEOUT = httpx.Timeout(60, connect=10)


@dataclass(frozen=True)
class Hub:
    """One hub; `endpoint` is its address without a slash at the end."""

    kind: HubKind
    endpoint: str

    @property
    def title(self) -> str:
        """The hub's name for a reader."""
        return "ModelScope" if self.kind == "modelscope" else "Hugging Face"


@dataclass(frozen=True)
class HubFile:
    """A published file: its repository on each hub, and its digest and bytes where known.

    `sha256` is empty and `size_bytes` zero where the project has no record of them; then the hub's
    own listing is what a download is checked against.
    """

    name: str
    modelscope_repo: str
    huggingface_repo: str
    sha256: str = ""
    size_bytes: int = 0

    def repo(self, hub: Hub) -> str:
        """The repository on that hub."""
        return self.modelscope_repo if hub.kind == "modelscope" else self.huggingface_repo

    def page(self, hub: Hub) -> str:
        """The page where a person can find the file."""
        if hub.kind == "modelscope":
            return f"{hub.endpoint}/models/{self.repo(hub)}/files"
        return f"{hub.endpoint}/{self.repo(hub)}/tree/main"


@dataclass(frozen=True)
class Published:
    """Where a file is downloaded from and what it must be; `sha256` is empty where not said."""

    url: str
    sha256: str
    size_bytes: int


def hub_named(name: str) -> Hub:
    """`modelscope`, `huggingface`, or the address of a mirror that speaks as Hugging Face does.

    Raises `SettingsError` for anything else.
    """
    if name == "modelscope":
        return Hub("modelscope", MODELSCOPE)
    if name == "huggingface":
        return Hub("huggingface", HUGGINGFACE)
    if name.startswith(("http://", "https://")):
        return Hub("huggingface", name.rstrip("/"))
    raise SettingsError(
        f"模型来源 {name!r} 不认识",
        field="hub",
        remedy="请用 modelscope、huggingface，或一个 Hugging Face 镜像的网址",
    )


def published(client: httpx.Client, hub: Hub, file: HubFile) -> Published:
    """The address of a file on a hub, with the digest and bytes that the hub lists for it.

    What the project itself has on record comes before what the hub says. Raises
    `ModelDownloadError` where the hub says that there is no such file, `httpx.HTTPError` where it
    cannot be reached.
    """
    entries = _listing(client, hub, file)
    found = entries.get(file.name)
    if entries and found is None:
        raise ModelDownloadError(f"{hub.title} 的 {file.repo(hub)} 里没有文件 {file.name}")
    sha256, size_bytes = found or ("", 0)
    return Published(
        url=_file_url(hub, file),
        sha256=(file.sha256 or sha256).lower(),
        size_bytes=file.size_bytes or size_bytes,
    )


def _file_url(hub: Hub, file: HubFile) -> str:
    repo, name = file.repo(hub), quote(file.name)
    if hub.kind == "modelscope":
        return f"{hub.endpoint}/api/v1/models/{repo}/repo?Revision=master&FilePath={name}"
    return f"{hub.endpoint}/{repo}/resolve/main/{name}"


def _listing(client: httpx.Client, hub: Hub, file: HubFile) -> dict[str, tuple[str, int]]:
    """Digest and bytes of each file of the repository; empty where the hub does not say."""
    repo = file.repo(hub)
    if hub.kind == "modelscope":
        url = f"{hub.endpoint}/api/v1/models/{repo}/repo/files?Revision=master&Recursive=true"
    else:
        url = f"{hub.endpoint}/api/models/{repo}/tree/main"
    response = client.get(url)
    if response.status_code != httpx.codes.OK:
        return {}  # a mirror may have no listing; the file's own answer decides
    try:
        return _modelscope(response) if hub.kind == "modelscope" else _huggingface(response)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _modelscope(response: httpx.Response) -> dict[str, tuple[str, int]]:
    files = response.json()["Data"]["Files"]
    return {entry["Path"]: (entry.get("Sha256") or "", entry.get("Size") or 0) for entry in files}


def _huggingface(response: httpx.Response) -> dict[str, tuple[str, int]]:
    # `oid` beside `lfs` is a git digest; only large files carry a sha256.
    return {
        entry["path"]: ((entry.get("lfs") or {}).get("oid", ""), entry.get("size") or 0)
        for entry in response.json()
    }
