"""What FastAPI cannot derive for the OpenAPI pages: bodies we read ourselves, and examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.access_openapi import describe_access
from app.api.feedback_schemas import FeedbackIn
from app.api.image_schemas import ImagesIn, RetagIn, SearchIn
from app.api.job_schemas import JobIn
from app.api.problem_openapi import describe_problems
from app.api.schemas import TagRequest
from app.api.vocabulary_schemas import (
    ExamplesIn,
    PreviewIn,
    RollbackIn,
    TagChangesIn,
    TagIn,
    TagsIn,
)

# The bodies whose routes read them themselves.
READ_BY_HAND = (
    TagRequest,
    FeedbackIn,
    TagIn,
    TagsIn,
    TagChangesIn,
    ExamplesIn,
    PreviewIn,
    RollbackIn,
    ImagesIn,
    SearchIn,
    RetagIn,
    JobIn,
)

DESCRIPTION = """
图片进，中文标签出。错误一律是 `application/problem+json`（RFC 9457），
带稳定的 `code`、出错位置 `field` 与解决办法 `remedy`。

每个响应的 `Server-Timing` 头说明时间花在哪里（毫秒）。
"""

SMALL_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR42mM8"
    "ISfHwMDAxMDAwMDAAAANBAEIf62CUQAAAABJRU5ErkJggg=="
)
OPTIONS_EXAMPLE = {"top_k": 5, "min_confidence": 0.5, "categories": ["动物"]}

TAG_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "additionalProperties": False,
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                        "description": "一张或多张图片。",
                    },
                    "options": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": "#/components/schemas/OptionsIn"},
                        "description": "选项，JSON 文本。",
                        "example": '{"top_k": 5}',
                    },
                },
            }
        },
        "application/json": {
            "schema": {"$ref": "#/components/schemas/TagRequest"},
            "examples": {
                "base64": {
                    "summary": "base64 图片",
                    "value": {
                        "images": [{"base64": SMALL_PNG}],
                        "options": OPTIONS_EXAMPLE,
                    },
                },
                "url": {
                    "summary": "图片地址",
                    "value": {"images": [{"url": "https://example.com/corgi.jpg"}]},
                },
            },
        },
    },
}

IMAGES_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "additionalProperties": False,
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                    },
                    "images": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "description": "与 files 一一对应的 JSON 数组：id、source、metadata。",
                        "example": '[{"id": "cover-1", "metadata": {"album": "夏天"}}]',
                    },
                },
            }
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/ImagesIn"}},
    },
}

TAG_EXAMPLE: dict[str, Any] = {
    "model": "builtin",
    "vocabulary_revision": 1,
    "results": [
        {
            "status": "ok",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "width": 1024,
            "height": 768,
            "tags": [
                {
                    "id": "corgi",
                    "name": "柯基犬",
                    "confidence": 0.93,
                    "similarity": 0.41,
                    "score": 5.2,
                    "threshold": 0.27,
                    "category": "动物",
                    "parents": [{"id": "dog", "name": "狗"}],
                    "implied": False,
                }
            ],
        },
        {
            "status": "error",
            "problem": {
                "type": "urn:tuqian:problem:image_corrupt",
                "code": "image_corrupt",
                "status": 422,
                "title": "图片已损坏",
                "detail": "JPEG 文件不完整",
                "remedy": "用看图软件确认能打开，或重新导出后再传。",
            },
        },
    ],
}


def complete_openapi(app: FastAPI) -> None:
    """Adds the schemas of the bodies that the routes read themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            known = schema.setdefault("components", {}).setdefault("schemas", {})
            for model in READ_BY_HAND:
                body = model.model_json_schema(ref_template="#/components/schemas/{model}")
                known.update(body.pop("$defs", {}))
                known[model.__name__] = body
            describe_access(schema)
            describe_problems(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
