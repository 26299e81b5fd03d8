"""One table: route -> the role it asks for, and what the audit calls it; no row, no entry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.access.roles import Role


@dataclass(frozen=True)
class Rule:
    """`role` is None where anybody may come in; `action` is set where something is changed."""

    role: Role | None
    action: str = ""


OPEN, READ, TAG = Rule(None), Rule(Role.READ), Rule(Role.TAG)


def _edit(action: str) -> Rule:
    return Rule(Role.EDIT, action)


TABLE: dict[tuple[str, str], Rule] = {
    # the page and its files hold nothing; what it shows, it asks for with the visitor's key
    ("GET", "/"): OPEN,
    ("GET", "/assets/{path:path}"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): READ,
    ("GET", "/v1/models"): READ,
    # tags; keeping an image with them (`index`) asks for `edit` besides
    ("POST", "/v1/tag"): TAG,
    ("POST", "/predict"): TAG,
    # stored images
    ("POST", "/v1/images"): _edit("图片入库"),
    ("POST", "/v1/images/search"): READ,
    ("GET", "/v1/images/duplicates"): READ,
    ("POST", "/v1/images/retag"): _edit("重新打标"),
    ("GET", "/v1/images/{image_id}"): READ,
    ("GET", "/v1/images/{image_id}/thumbnail"): READ,
    ("DELETE", "/v1/images/{image_id}"): _edit("删除图片"),
    # judgements move what every caller is answered
    ("GET", "/v1/feedback"): READ,
    ("POST", "/v1/feedback"): _edit("评判标签"),
    ("DELETE", "/v1/feedback/{number}"): _edit("撤回评判"),
    # jobs hold what others submitted, so looking at them asks for more than to read
    ("GET", "/v1/jobs"): TAG,
    ("POST", "/v1/jobs"): TAG,
    ("GET", "/v1/jobs/{job_id}"): TAG,
    ("GET", "/v1/jobs/{job_id}/results"): TAG,
    ("POST", "/v1/jobs/{job_id}/cancel"): Rule(Role.TAG, "取消任务"),
    ("DELETE", "/v1/jobs/{job_id}"): Rule(Role.TAG, "删除任务"),
    # the vocabulary
    ("GET", "/v1/vocabulary"): READ,
    ("GET", "/v1/vocabulary/tags"): READ,
    ("POST", "/v1/vocabulary/tags"): _edit("添加标签"),
    ("GET", "/v1/vocabulary/tags/{tag_id}"): READ,
    ("PATCH", "/v1/vocabulary/tags/{tag_id}"): _edit("修改标签"),
    ("DELETE", "/v1/vocabulary/tags/{tag_id}"): _edit("删除标签"),
    ("GET", "/v1/vocabulary/tags/{tag_id}/background"): READ,
    ("GET", "/v1/vocabulary/tags/{tag_id}/examples"): READ,
    ("POST", "/v1/vocabulary/tags/{tag_id}/examples"): _edit("添加示例图"),
    ("DELETE", "/v1/vocabulary/tags/{tag_id}/examples/{example_id}"): _edit("去掉示例图"),
    ("POST", "/v1/vocabulary/import"): _edit("导入词表"),
    ("GET", "/v1/vocabulary/export"): READ,
    ("GET", "/v1/vocabulary/revisions"): READ,
    ("GET", "/v1/vocabulary/diff"): READ,
    ("POST", "/v1/vocabulary/rollback"): _edit("回滚词表"),
    ("POST", "/v1/vocabulary/preview"): TAG,
    ("GET", "/v1/vocabulary/lint"): READ,
    ("GET", "/v1/quality"): READ,
    ("GET", "/v1/quality/review"): READ,
    # administration
    ("GET", "/v1/audit"): Rule(Role.ADMIN),
}


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    made = (
        (".*" if part.endswith(":path}") else "[^/]+") if part.startswith("{") else re.escape(part)
        for part in parts
    )
    return re.compile("".join(made), re.DOTALL)


# A literal address comes before one with a parameter that would fit it too.
_PATTERNS = [
    (method, _pattern(template), template)
    for method, template in sorted(TABLE, key=lambda row: row[1].count("{"))
]


def methods_of(path: str) -> str:
    """The methods an address takes, as the header `Allow` lists them; empty where it is unknown."""
    fitting = [
        (template, method) for method, pattern, template in _PATTERNS if pattern.fullmatch(path)
    ]
    nearest = fitting[0][0] if fitting else ""
    return ", ".join(sorted(method for template, method in fitting if template == nearest))


def row_for(method: str, path: str) -> tuple[str, Rule | None]:
    """The template of the route that serves this request and its rule; None where it has no row."""
    wanted = "GET" if method == "HEAD" else method
    for known, pattern, template in _PATTERNS:
        if known == wanted and pattern.fullmatch(path):
            return template, TABLE[known, template]
    return "", None
