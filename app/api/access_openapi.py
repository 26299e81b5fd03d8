"""What the OpenAPI pages say of keys: the ways to send one, and the role each address asks for."""

from __future__ import annotations

from typing import Any

from app.access.roles import WORDS
from app.api.access_table import TABLE, Rule

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
REFUSALS = {
    "401": "需要有效的密钥",
    "403": "密钥的角色不够",
    "429": "超过密钥的频率或当天次数；见响应头 Retry-After",
}
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": f"密钥（tq_…），由 tuqian keys create 创建；角色：{' < '.join(WORDS)}。",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe_access(schema: dict[str, Any]) -> None:
    """Adds the security of every operation of an OpenAPI document to it."""
    schema["components"]["securitySchemes"] = SCHEMES
    for path, operations in schema["paths"].items():
        for method in METHODS:
            if method in operations:
                _describe(operations[method], TABLE.get((method.upper(), path)))


def _describe(operation: dict[str, Any], rule: Rule | None) -> None:
    if rule is None or rule.role is None:
        operation["security"] = []
        return
    # An empty requirement among others: where no key was ever made, none is needed.
    operation["security"] = [{"bearer": []}, {"header": []}, {}]
    operation["x-required-role"] = rule.role.word
    for status, text in REFUSALS.items():
        operation["responses"].setdefault(status, {"description": text, "content": PROBLEM})
