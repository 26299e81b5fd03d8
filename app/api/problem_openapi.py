"""What the OpenAPI pages say of refusals: their content type, and an example of every code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app import errors
from app.api.access_openapi import METHODS
from app.api.problem_examples import DETAILS, FIELDS, MORE
from app.api.problem_table import (
    TABLE,
    MalformedRequestError,
    RequestTooLargeError,
    Row,
    SlowRequestError,
    UnsupportedMediaTypeError,
)
from app.api.problems import MEDIA_TYPE
from index import errors as index_errors
from vocab import errors as vocab_errors

VOCABULARY, IMAGES, FEEDBACK, JOBS = (
    "/v1/vocabulary",
    "/v1/images",
    "/v1/feedback",
    "/v1/jobs",
)
PHOTOS = ("/v1/tag", "/predict", IMAGES, f"{VOCABULARY}/tags/{{tag_id}}/examples")
# Where errors of a kind can come from; the first kind that fits counts. No place: never over HTTP.
PLACES: tuple[tuple[type[Exception], tuple[str, ...]], ...] = (
    (errors.UnseenImageError, (FEEDBACK,)),
    (errors.ImageError, PHOTOS),
    (errors.JobNotFoundError, (JOBS,)),
    (errors.JobFinishedError, (JOBS,)),
    (errors.RemoteError, ()),
    (errors.CollectionError, ()),
    (errors.RunMismatchError, ()),
    (errors.SettingsError, ()),
    (errors.KeyNotFoundError, ()),
    (errors.KeyExistsError, ()),
    (errors.OptimizationRefusedError, ()),
    (errors.UnknownModelError, ()),
    (errors.MissingExtraError, ()),
    (errors.ModelDownloadError, ()),
    (errors.DeviceMemoryError, PHOTOS),
    (errors.EncoderError, ("/",)),
    (errors.ModelError, ()),
    (errors.BackupError, ()),
    (errors.RequestTimeoutError, PHOTOS),
    (vocab_errors.JudgementNotFoundError, (FEEDBACK,)),
    (vocab_errors.ReportError, ()),
    (vocab_errors.IdempotencyError, (VOCABULARY, JOBS)),
    (vocab_errors.TagNotFoundError, (VOCABULARY, FEEDBACK)),
    (vocab_errors.VocabularyError, (VOCABULARY,)),
    (index_errors.VectorIndexError, ("/v1/tag", IMAGES, FEEDBACK)),
    (errors.TuqianError, ("/",)),
)
# What any body may meet before its content is looked at.
OF_BODIES = {
    "400": "请求体无法解析",
    "408": "请求体接收超时",
    "413": "请求体或图片过大",
    "415": "不支持的请求类型",
    "422": "请求内容不符合要求",
}
ONLY_OF_BODIES = (
    MalformedRequestError,
    SlowRequestError,
    UnsupportedMediaTypeError,
    RequestTooLargeError,
    errors.ImageError,
    errors.UnseenImageError,
    vocab_errors.BulkEditError,
    vocab_errors.ExchangeError,
    vocab_errors.ImportRefusedError,
    vocab_errors.InvalidTagError,
    vocab_errors.UnknownParentError,
    index_errors.VectorShapeError,
    index_errors.InvalidImageError,
)
OF_ALL = {"500": "服务内部错误", "503": "服务繁忙或尚未就绪"}
ALWAYS_ANSWERS = "/healthz"


def describe_problems(schema: dict[str, Any]) -> None:
    """Makes every refusal of an OpenAPI document a problem, with an example of each code."""
    examples = schema["components"].setdefault("examples", {})
    examples.update({row.code: _example(row) for row in TABLE.values()})
    for path, operations in schema["paths"].items():
        for method in METHODS:
            if method in operations:
                _describe(path, operations[method])


def _describe(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    reads_a_body = "requestBody" in operation
    usual = (OF_BODIES if reads_a_body else {}) | ({} if path == ALWAYS_ANSWERS else OF_ALL)
    for status, text in usual.items():
        responses.setdefault(status, {"description": text})
    if "422" in responses and not reads_a_body:
        responses["422"]["description"] = "参数不符合要求"
    for status in sorted(responses):
        if status[0] in "45":
            codes = list(_codes(path, int(status), reads_a_body=reads_a_body))
            responses[status]["content"] = {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemOut"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
                }
            }
    operation["responses"] = dict(sorted(responses.items()))


def _codes(path: str, status: int, *, reads_a_body: bool) -> Iterator[str]:
    for error, row in TABLE.items():
        if row.status != status or (issubclass(error, ONLY_OF_BODIES) and not reads_a_body):
            continue
        places = next(where for base, where in PLACES if issubclass(error, base))
        if any(path.startswith(place) for place in places):
            yield row.code


def _example(row: Row) -> dict[str, Any]:
    value = {
        "type": f"urn:tuqian:problem:{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "detail": DETAILS.get(row.code, row.title),
        "remedy": row.remedy,
    }
    if field := FIELDS.get(row.code):
        value["field"] = field
    return {"summary": row.title, "value": value | MORE.get(row.code, {})}
