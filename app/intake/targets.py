"""What a URL names, read once and strictly: two readers of one URL are how guards are fooled."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import urljoin

import httpx

from app.errors import FetchError

MAX_URL_CHARS = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}
# Below it are mail, shells and file shares: no photos, and a request's bytes can be commands there.
LOWEST_OTHER_PORT = 1024
SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x20\x7f]")
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
# WHATWG URL, "ends in a number": such a host is an IPv4 address in one of its many spellings.
NUMERIC_END = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")
PLAIN_IPV4 = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
REMEDY = "请用普通的 http(s) 图片地址，或下载后上传。"


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` is an ASCII name or a plain address, `path` has the query."""

    scheme: str
    host: str
    port: int
    path: bytes

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == DEFAULT_PORTS[self.scheme]
        return host if usual else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, without a fragment: what a relative redirect is relative to."""
        return f"{self.scheme}://{self.authority}{self.path.decode('ascii', 'replace')}"

    def follow(self, location: str) -> str:
        """The URL that a redirect from here names."""
        try:
            return urljoin(self.url, location)
        except ValueError as error:
            raise refused("跳转到的网址写法不对") from error


def read_target(url: str, schemes: Collection[str]) -> Target:
    """The target of a URL; raises `FetchError` for whatever is not plainly one of `schemes`."""
    if len(url) > MAX_URL_CHARS:
        raise refused(f"网址超过 {MAX_URL_CHARS} 个字符")
    if SPACE_OR_CONTROL.search(url) or "\\" in url:
        raise refused("网址里有空白、控制字符或反斜杠")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in schemes or scheme not in DEFAULT_PORTS:
        raise refused(f"网址应以 {' 或 '.join(f'{one}://' for one in sorted(schemes))} 开头")
    if "@" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
        raise refused("网址里不能带用户名或密码")
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, ValueError) as error:
        raise refused("网址写法不对") from error
    _check_host(host)
    port = DEFAULT_PORTS[scheme] if parsed.port is None else parsed.port
    if port not in DEFAULT_PORTS.values() and not LOWEST_OTHER_PORT <= port <= 65535:
        raise refused(f"不访问端口 {port}（可用 80、443 与 {LOWEST_OTHER_PORT} 以上）")
    return Target(scheme, host, port, parsed.raw_path)


def refused(message: str) -> FetchError:
    """The error of a URL that is not fetched."""
    return FetchError(message, field="url", remedy=REMEDY)


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError as error:
            raise refused("网址里的 IPv6 地址写法不对") from error
    elif len(host) > 253 or not NAME.fullmatch(host):
        raise refused("网址里的主机名写法不对")
    elif NUMERIC_END.fullmatch(host) and not PLAIN_IPV4.fullmatch(host):
        raise refused("网址里的 IP 地址要写成四段十进制")
