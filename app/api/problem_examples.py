"""What a problem of each code looks like on the OpenAPI pages: a detail, and the place at fault."""

from __future__ import annotations

from typing import Any

# Codes without a line never come over HTTP, or have nothing to say beyond their title.
DETAILS: dict[str, str] = {
    "device_memory": "一批只有一张图，设备内存仍然不足",
    "encoder_failed": "编码这一批图片时失败",
    "exchange_file": "第 1 行没有 name 或“名称”这一列",
    "fetch_failed": "对方回答 404",
    "forbidden": "这个地址需要 edit，密钥“前台”只有 tag",
    "idempotency_conflict": "幂等键 20261124-1 已用于另一个请求",
    "image_corrupt": "JPEG 文件不完整",
    "image_decoding_stopped": "解码超过 20 秒",
    "image_empty": "文件是 0 字节",
    "image_not_found": "没有图片 cover-1",
    "image_record_invalid": "id 最长 256 个字符",
    "image_source": "base64 无法解码",
    "image_too_large": "图片有 144000000 像素，上限是 100000000",
    "image_unseen": "最近没有为这张图片打过标",
    "image_unsupported": "这不是图片",
    "internal_error": "处理请求时发生了意外错误",
    "invalid_request": "必须大于或等于 1",
    "job_finished": "任务 8c1f… 已经是 done",
    "job_not_found": "没有任务 8c1f…",
    "judgement_not_found": "没有编号为 17 的评判",
    "malformed_request": "请求体不是 JSON",
    "name_clash": "名称“猫”已被标签“猫”占用",
    "not_found": "没有 /v2/tag 这个地址",
    "not_ready": "服务还在加载",
    "overloaded": "同时处理的图片已达上限 256",
    "parent_cycle": "动物 → 猫 → 动物",
    "quota_exhausted": "密钥 前台 今天的 10000 次已用完",
    "rate_limited": "密钥 前台 的用量超过每秒 5 次",
    "request_slow": "请求体在 300 秒内没有传完",
    "request_too_large": "请求体超过 67108864 字节",
    "revision_not_found": "没有版本 99",
    "stale_edit": "标签“猫”现在是版本 9，不是 7",
    "storage_full": "数据目录所在的磁盘已满",
    "tag_exists": "id 为 cat 的标签已存在",
    "tag_invalid": "名称不能为空",
    "tag_not_found": "没有标签 t0d17ec7ff3ba",
    "timeout": "处理用时超过 30 秒",
    "unauthenticated": "没有带密钥",
    "unknown_parent": "没有上级标签“动物界”",
    "unsupported_media_type": "不支持 text/plain",
    "vector_shape": "向量有 512 维，模型是 384 维",
}
FIELDS: dict[str, str] = {
    "image_record_invalid": "images.0.id",
    "image_source": "images.0.base64",
    "invalid_request": "options.top_k",
    "name_clash": "name",
    "parent_cycle": "parents",
    "stale_edit": "if_match",
    "tag_invalid": "name",
    "unknown_parent": "parents",
    "vector_shape": "vector",
}
MORE: dict[str, dict[str, Any]] = {
    "bulk_edit": {
        "problems": [
            {
                "type": "urn:tuqian:problem:name_clash",
                "code": "name_clash",
                "status": 409,
                "title": "名称已被占用",
                "detail": DETAILS["name_clash"],
                "remedy": "换一个名称，或者修改、停用已占用它的标签。",
                "field": "tags.3.name",
            }
        ]
    },
    "invalid_request": {"errors": [{"field": "options.top_k", "message": "必须大于或等于 1"}]},
    "stale_edit": {"current_revision": 9},
}
