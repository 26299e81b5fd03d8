"""How an error leaves: as an RFC 9457 problem, by the table, from whatever raised it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import errors
from app.api.access_table import methods_of
from app.api.problem_table import (
    TABLE,
    InternalError,
    MalformedRequestError,
    MethodNotAllowedError,
    NoSuchPageError,
    RequestTooLargeError,
    Row,
)
from app.api.validation import field_problems
from index import errors as index_errors
from vocab import errors as vocab_errors

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
# The status nginx made customary for a caller who left: seen in logs, never by anyone else.
CLIENT_CLOSED_REQUEST = 499


# What some errors know beyond the message, given under the same names.
EXTRAS = ("item", "tag_id", "tag_name", "current_revision", "path")


def row_of(error: Exception) -> Row:
    """The row of the nearest class in the error's ancestry; an unforeseen error is internal."""
    for cls in type(error).__mro__:
        if cls in TABLE:
            return TABLE[cls]
    return TABLE[InternalError]


def code_of(error: Exception) -> str:
    """The code of the problem that an error becomes."""
    return row_of(error).code


def problem_of(error: Exception) -> dict[str, Any]:
    """The error as the members of a problem; an unforeseen error tells nothing of its inside."""
    row = row_of(error)
    foreseen = row is not TABLE[InternalError]
    problem: dict[str, Any] = {
        "type": f"urn:tuqian:problem:{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "detail": str(error) if foreseen else "处理请求时发生了意外错误",
        "remedy": getattr(error, "remedy", None) or row.remedy,
    }
    if field := getattr(error, "field", None):
        problem["field"] = field
    for name in EXTRAS:
        if (value := getattr(error, name, None)) not in (None, ""):
            problem[name] = value
    if isinstance(error, vocab_errors.BulkEditError):
        problem["problems"] = [problem_of(one) for one in error.problems]
    elif isinstance(error, vocab_errors.ImportRefusedError):
        problem["problems"] = [asdict(one) for one in error.problems]
    return problem


class ProblemResponse(Response):
    """A problem that leaves its code with the request, where who counts can find it."""

    media_type = MEDIA_TYPE

    def __init__(self, body: bytes, status: int, headers: dict[str, str], code: str):
        super().__init__(body, status, headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response."""
        scope.setdefault("state", {})["problem"] = self._code
        await super().__call__(scope, receive, send)


def problem_response(
    error: Exception,
    more: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The response of an error, with members beyond the table's where there are `more`."""
    problem = problem_of(error) | (more or {})
    headers = dict(headers or {})
    if problem["status"] == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    elif (wait_s := getattr(error, "retry_after_s", None)) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    elif problem["status"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    # A caller's text may hold half a surrogate pair, which UTF-8 has no bytes for.
    body = json.dumps(problem, ensure_ascii=False).encode("utf-8", "replace")
    return ProblemResponse(body, problem["status"], headers, problem["code"])


def add_handlers(app: FastAPI) -> None:
    """Makes every error of the application leave as a problem."""

    async def known(request: Request, error: Exception) -> Response:
        return problem_response(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
        return invalid_response(error.errors())

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one of the routes alone
            headers["Allow"] = methods_of(request.url.path)
        return problem_response(_from_http(request, error), headers=headers)

    async def unforeseen(request: Request, error: Exception) -> Response:
        return problem_response(error)

    async def left(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    app.add_exception_handler(ClientDisconnect, left)
    for base in (errors.TuqianError, vocab_errors.VocabularyError, index_errors.VectorIndexError):
        app.add_exception_handler(base, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def invalid_response(found: Any) -> Response:
    """The response to a body that pydantic refused: every place at fault, in Chinese."""
    places = field_problems(found)
    first = places[0]
    error = errors.InvalidRequestError(first["message"], field=first["field"])
    return problem_response(error, {"errors": places})


def _from_http(request: Request, error: HTTPException) -> Exception:
    """Starlette's own refusals as ours."""
    if error.status_code == 404:
        return NoSuchPageError(f"没有 {request.url.path} 这个地址")
    if error.status_code == 405:
        return MethodNotAllowedError(f"{request.url.path} 不支持 {request.method}")
    if error.status_code == 413:
        return RequestTooLargeError("请求体过大")
    if 400 <= error.status_code < 500:
        return MalformedRequestError(f"请求体无法解析：{error.detail}")
    return InternalError("处理请求时发生了意外错误")
