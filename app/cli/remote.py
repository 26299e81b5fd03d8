"""A running service as the commands see it: JSON in and out, its refusals as our errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx

from app.errors import RemoteError

Json = dict[str, Any]
# Long enough for an import of many tags by a slow model.
TIMEOUT_S = 600.0
# The key that `tuqian --api-key` was given, for every service that a command speaks to.
API_KEY: ContextVar[str] = ContextVar("api_key", default="")


class Remote:
    """What lies under one path of a service."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str] | None = None):
        shown = {"Authorization": f"Bearer {key}"} if (key := API_KEY.get()) else {}
        self._client = httpx.Client(
            base_url=url.rstrip("/") + path, headers=shown | dict(headers or {}), timeout=TIMEOUT_S
        )

    def json(self, method: str, path: str, **request: Any) -> Json:
        """The answer's JSON object. Raises `RemoteError`."""
        answer: Json = self.send(method, path, **request).json()
        return answer

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer, where it is not a refusal. Raises `RemoteError`."""
        with self._reached():
            response = self._client.request(method, path, **request)
        if response.is_success:
            return response
        raise _refusal(response)

    def lines(self, path: str) -> Iterator[str]:
        """The answer line by line, as it comes. Raises `RemoteError`."""
        with self._reached(), self._client.stream("GET", path) as response:
            if not response.is_success:
                response.read()
                raise _refusal(response)
            yield from response.iter_lines()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(
                f"连不上服务 {self._client.base_url.host}：{error}",
                field="--url",
                remedy="检查地址与端口，例如 --url http://127.0.0.1:8000。",
            ) from error


def _refusal(response: httpx.Response) -> RemoteError:
    """The service's problem as an error of ours, every line of a file included."""
    try:
        problem: Json = response.json()
        lines = [problem["detail"]]
        for one in problem.get("problems", [])[:20]:
            place = f"第 {one['line']} 行：" if "line" in one else ""
            lines.append(f"  {place}{one.get('message') or one.get('detail')}")
        return RemoteError(
            "\n".join(lines), field=problem.get("field"), remedy=problem.get("remedy")
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return RemoteError(f"服务回答 {response.status_code}，内容不是图签的格式", field="--url")
