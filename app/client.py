"""A running service from Python: `Client("http://127.0.0.1:8000").tag("photo.jpg")`.

Answers are the classes that the service renders them from, so editors and type checkers know
every member; a refusal is raised as `ProblemError`, with the code and the whole problem.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from app.api.feedback_schemas import FeedbackOut
from app.api.image_schemas import ImageOut, ImagesOut, SearchOut
from app.api.schemas import ResultOk, TagResponse
from app.api.vocabulary_schemas import EditOut, TagListOut
from app.errors import RemoteError

Json = dict[str, Any]
Photo = str | Path | bytes
# Long enough for an import of many tags by a slow model.
TIMEOUT_S = 600.0


class ProblemError(RemoteError):
    """A running service refused; `problem` is its whole answer (RFC 9457), `code` its kind."""

    def __init__(self, message: str, problem: Mapping[str, Any]):
        super().__init__(message, field=problem.get("field"), remedy=problem.get("remedy"))
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.status = int(problem.get("status", 0))


class Client:
    """A service at an address; close it, or use it in a `with`. Safe to share between threads.

    Every method raises `ProblemError` where the service refuses, `RemoteError` where it cannot be
    reached, and `OSError` for a photo that cannot be read.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str = "",
        *,
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
    ):
        shown = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"), headers=shown | dict(headers or {}), timeout=timeout_s
        )

    def tag(self, photo: Photo, **options: Any) -> ResultOk:
        """The tags of one photo (a path or a file's bytes), strongest first.

        `options` are those of `POST /v1/tag`: `top_k`, `min_confidence`, `precision_target`, ...
        A photo that cannot be used raises `ProblemError` too.
        """
        (result,) = self.tag_batch([photo], **options).results
        if isinstance(result, ResultOk):
            return result
        raise problem_error(result.problem.model_dump(exclude_none=True))

    def tag_batch(self, photos: Sequence[Photo], **options: Any) -> TagResponse:
        """The results of several photos, in their order; some may be errors."""
        form = {"options": _json(options)} if options else None
        answer = self.send("POST", "/v1/tag", files=_files(photos), data=form)
        return TagResponse.model_validate_json(answer.content)

    def tags(self, query: str = "", **wanted: Any) -> TagListOut:
        """One page of the vocabulary; `wanted` are `category`, `state`, `limit` and `cursor`."""
        return TagListOut.model_validate(
            self.json("GET", "/v1/vocabulary/tags", params={"query": query} | wanted)
        )

    def add_tag(self, name: str, **fields: Any) -> EditOut:
        """A new tag, live when this returns; `fields` are those of `POST /v1/vocabulary/tags`."""
        body = {"name": name} | fields
        return EditOut.model_validate(self.json("POST", "/v1/vocabulary/tags", json=body))

    def update_tag(self, tag_id: str, **changes: Any) -> EditOut:
        """Changes fields of a tag; those left out stay as they are."""
        answer = self.json("PATCH", f"/v1/vocabulary/tags/{_part(tag_id)}", json=changes)
        return EditOut.model_validate(answer)

    def delete_tag(self, tag_id: str) -> EditOut:
        """Removes a tag."""
        return EditOut.model_validate(self.json("DELETE", f"/v1/vocabulary/tags/{_part(tag_id)}"))

    def feedback(self, *judgements: Mapping[str, Any]) -> FeedbackOut:
        """Judges tags: each names `tag`, `verdict` and one of `image_id`, `sha256` and `vector`."""
        body = {"judgements": [dict(one) for one in judgements]}
        return FeedbackOut.model_validate(self.json("POST", "/v1/feedback", json=body))

    def add_images(
        self, photos: Sequence[Photo], names: Sequence[Mapping[str, Any]] | None = None
    ) -> ImagesOut:
        """Stores photos; `names` gives each its `id`, `source` and `metadata`, in their order."""
        form = {"images": _json([dict(name) for name in names])} if names else None
        answer = self.send("POST", "/v1/images", files=_files(photos), data=form)
        return ImagesOut.model_validate_json(answer.content)

    def image(self, image_id: str) -> ImageOut:
        """A stored image."""
        return ImageOut.model_validate(self.json("GET", f"/v1/images/{_part(image_id)}"))

    def delete_image(self, image_id: str) -> None:
        """Removes a stored image."""
        self.send("DELETE", f"/v1/images/{_part(image_id)}")

    def search(self, text: str | None = None, **wanted: Any) -> SearchOut:
        """Stored images by Chinese text, or by `id`, `image` or `vector`, best first."""
        body = ({"text": text} if text is not None else {}) | wanted
        return SearchOut.model_validate(self.json("POST", "/v1/images/search", json=body))

    def json(self, method: str, path: str, **request: Any) -> Json:
        """The answer's JSON object, for what has no method of its own."""
        answer: Json = self.send(method, path, **request).json()
        return answer

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer, where it is not a refusal."""
        with self._reached():
            response = self._http.request(method, path, **request)
        if response.is_success:
            return response
        raise _refusal(response)

    def lines(self, path: str) -> Iterator[str]:
        """The answer line by line, as it comes."""
        with self._reached(), self._http.stream("GET", path) as response:
            if not response.is_success:
                response.read()
                raise _refusal(response)
            yield from response.iter_lines()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(
                f"连不上服务 {self._http.base_url.host}：{error}",
                field="--url",
                remedy="检查地址与端口，例如 --url http://127.0.0.1:8000。",
            ) from error


def problem_error(problem: Json) -> ProblemError:
    """A problem of the service as an error, every line of a refused file included."""
    lines = [str(problem["detail"])]
    for one in problem.get("problems", [])[:20]:
        place = f"第 {one['line']} 行：" if "line" in one else ""
        lines.append(f"  {place}{one.get('message') or one.get('detail')}")
    return ProblemError("\n".join(lines), problem)


def _refusal(response: httpx.Response) -> RemoteError:
    try:
        return problem_error(response.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        return RemoteError(f"服务回答 {response.status_code}，内容不是图签的格式", field="--url")


def _files(photos: Sequence[Photo]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", _file(photo)) for photo in photos]


def _file(photo: Photo) -> tuple[str, bytes]:
    if isinstance(photo, bytes):
        return "photo", photo
    return Path(photo).name, Path(photo).read_bytes()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _part(name: str) -> str:
    return quote(name, safe="")
