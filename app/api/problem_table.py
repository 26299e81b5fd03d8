"""One table: exception -> code, status, title and remedy."""

from __future__ import annotations

from dataclasses import dataclass

from app import errors
from index import errors as index_errors
from vocab import errors as vocab_errors


class NoSuchPageError(errors.TuqianError):
    """No resource has that address."""


class MethodNotAllowedError(errors.TuqianError):
    """The resource exists but does not take that method."""


class MalformedRequestError(errors.InvalidRequestError):
    """The body is not what its content type says."""


class UnsupportedMediaTypeError(errors.InvalidRequestError):
    """The body is of a kind the resource does not read."""


class RequestTooLargeError(errors.InvalidRequestError):
    """The body has more bytes than a request may."""


class SlowRequestError(errors.InvalidRequestError):
    """The body takes longer to arrive than a request may."""


class InternalError(errors.TuqianError):
    """A fault of the service, not of the caller."""


@dataclass(frozen=True)
class Row:
    """What callers are told about one class of exceptions, and its subclasses without a row."""

    code: str
    status: int
    title: str
    remedy: str


TABLE: dict[type[Exception], Row] = {
    # the request
    errors.InvalidRequestError: Row(
        "invalid_request",
        422,
        "请求内容不符合要求",
        "按 field 与 errors 指出的位置修改后重试，接口说明见 /docs。",
    ),
    MalformedRequestError: Row(
        "malformed_request",
        400,
        "请求体无法解析",
        "检查请求体是否完整，以及 Content-Type 是否与内容一致。",
    ),
    UnsupportedMediaTypeError: Row(
        "unsupported_media_type",
        415,
        "不支持的请求类型",
        "请使用 multipart/form-data 或 application/json。",
    ),
    RequestTooLargeError: Row(
        "request_too_large",
        413,
        "请求体过大",
        "减少一次上传的图片或先压缩；上限由 TUQIAN_MAX_REQUEST_BYTES 设置。",
    ),
    errors.UnseenImageError: Row(
        "image_unseen",
        404,
        "不认得这张图片",
        "重新用 POST /v1/tag 打一次标后再评判，或改用已入库图片的 image_id，或直接给出 vector。",
    ),
    SlowRequestError: Row(
        "request_slow",
        408,
        "请求体接收超时",
        "检查网络，或减少一次上传的图片；时限由 TUQIAN_BODY_TIMEOUT_S 设置。",
    ),
    errors.NotAvailableError: Row("not_available", 501, "当前版本尚不支持", "去掉该选项后重试。"),
    NoSuchPageError: Row("not_found", 404, "地址不存在", "可用的接口见 /docs。"),
    MethodNotAllowedError: Row(
        "method_not_allowed", 405, "该地址不支持此方法", "可用的方法见响应头 Allow 与 /docs。"
    ),
    # access
    errors.UnauthenticatedError: Row(
        "unauthenticated", 401, "需要有效的密钥", "在请求头里带上 Authorization: Bearer <密钥>。"
    ),
    errors.ForbiddenError: Row(
        "forbidden", 403, "没有权限", "换一个角色足够的密钥，或请管理员创建。"
    ),
    errors.RateLimitedError: Row(
        "rate_limited", 429, "请求过于频繁", "按响应头 Retry-After 稍后重试，或请管理员调高上限。"
    ),
    errors.QuotaExhaustedError: Row(
        "quota_exhausted", 429, "今天的次数已用完", "明天（UTC）再试，或请管理员调高上限。"
    ),
    errors.KeyNotFoundError: Row(
        "key_not_found", 404, "没有这个密钥", "用 tuqian keys list 查看。"
    ),
    errors.KeyExistsError: Row(
        "key_exists", 409, "密钥名已被使用", "换一个名称；吊销的名称也不能再用。"
    ),
    # images
    errors.ImageError: Row("image_invalid", 422, "图片无法使用", "换一张图片重试。"),
    errors.EmptyImageError: Row(
        "image_empty", 422, "图片为空", "确认文件已完整上传，且不是 0 字节。"
    ),
    errors.UnsupportedImageError: Row(
        "image_unsupported",
        415,
        "不支持的图片格式",
        "请使用 JPEG、PNG、WebP、GIF、BMP、TIFF、HEIC 或 AVIF。",
    ),
    errors.CorruptImageError: Row(
        "image_corrupt", 422, "图片已损坏", "用看图软件确认能打开，或重新导出后再传。"
    ),
    errors.DecodingStoppedError: Row(
        "image_decoding_stopped",
        422,
        "图片无法在限定的时间与内存里解码",
        "重新导出后再传；时限由 TUQIAN_DECODE_TIMEOUT_S 设置。",
    ),
    errors.ImageTooLargeError: Row(
        "image_too_large",
        413,
        "图片过大",
        "先缩小图片；上限由 TUQIAN_MAX_IMAGE_BYTES 与 TUQIAN_MAX_IMAGE_PIXELS 设置。",
    ),
    errors.ImageSourceError: Row(
        "image_source", 422, "图片来源无法使用", "检查图片地址或编码，或改为直接上传文件。"
    ),
    errors.FetchError: Row(
        "fetch_failed", 422, "网址无法取得", "确认网址在浏览器里能打开，或下载后上传。"
    ),
    # the service's state
    errors.OverloadedError: Row(
        "overloaded",
        503,
        "服务繁忙",
        "按响应头 Retry-After 稍后重试；可调大 TUQIAN_MAX_QUEUE 或增加机器。",
    ),
    errors.NotReadyError: Row("not_ready", 503, "服务尚未就绪", "稍后重试，就绪状态见 /readyz。"),
    errors.RequestTimeoutError: Row(
        "timeout", 504, "处理超时", "减少一次请求的图片，或调大 TUQIAN_REQUEST_TIMEOUT_S。"
    ),
    errors.JobNotFoundError: Row(
        "job_not_found", 404, "没有这个任务", "用 GET /v1/jobs 确认 id；结束已久的任务会被清理。"
    ),
    errors.JobFinishedError: Row(
        "job_finished", 409, "任务已经结束", "结果仍可读取；不再需要时可删除任务。"
    ),
    errors.RemoteError: Row(
        "remote_refused", 502, "服务没有照办", "按提示修改后重试，或检查服务地址。"
    ),
    errors.CollectionError: Row(
        "collection_unusable", 422, "无法处理这个图片集合", "检查 SOURCE 与 RESULT。"
    ),
    errors.RunMismatchError: Row(
        "run_mismatch", 409, "不能接着上次的进度", "加上 --restart 从头开始，或恢复上次的条件。"
    ),
    errors.BackupError: Row("backup_failed", 500, "备份或恢复没有完成", "检查路径与磁盘后重试。"),
    errors.SettingsError: Row(
        "settings_invalid", 500, "设置有误", "按 docs/reference/settings.md 修改后重新启动。"
    ),
    errors.TuqianError: Row("service_error", 500, "服务出错", "查看服务日志。"),
    InternalError: Row(
        "internal_error", 500, "服务内部错误", "这是服务自身的问题，请查看日志并反馈。"
    ),
    # models
    errors.ModelError: Row("model_error", 500, "模型无法使用", "查看服务日志。"),
    errors.UnknownModelError: Row(
        "unknown_model", 404, "没有这个模型", "可用的模型见 `tuqian models`。"
    ),
    errors.MissingExtraError: Row(
        "missing_extra", 501, "缺少该模型需要的软件包", "运行 `make install-clip`。"
    ),
    errors.ModelFileError: Row(
        "model_file", 500, "模型文件有问题", "删除该文件后重新下载，或换一个权重文件。"
    ),
    errors.ModelDownloadError: Row(
        "model_download", 502, "模型下载失败", "检查网络，换一个 TUQIAN_MODEL_HUB，或手工放置文件。"
    ),
    errors.EncoderError: Row(
        "encoder_failed", 503, "编码失败", "按响应头 Retry-After 稍后重试；若仍失败，请查看日志。"
    ),
    errors.DeviceMemoryError: Row(
        "device_memory",
        503,
        "设备内存不足",
        "减小 TUQIAN_MAX_BATCH，或换用更小的模型、更低的精度。",
    ),
    errors.OptimizationRefusedError: Row(
        "optimization_refused",
        422,
        "优化后的模型偏差过大，没有安装",
        "换一种精度，或用 --images 给出更有代表性的图片。",
    ),
    # the vocabulary
    vocab_errors.VocabularyError: Row(
        "vocabulary_error", 422, "词表操作失败", "按提示修改后重试。"
    ),
    vocab_errors.InvalidTagError: Row(
        "tag_invalid", 422, "标签内容不符合要求", "按 field 修改后重试。"
    ),
    vocab_errors.NameClashError: Row(
        "name_clash", 409, "名称已被占用", "换一个名称，或者修改、停用已占用它的标签。"
    ),
    vocab_errors.TagExistsError: Row(
        "tag_exists", 409, "标签 id 已存在", "换一个 id，或修改已有标签。"
    ),
    vocab_errors.UnknownParentError: Row(
        "unknown_parent", 422, "没有这个上级标签", "先创建上级标签，或改用已有标签的 id 或名称。"
    ),
    vocab_errors.CycleError: Row(
        "parent_cycle", 422, "上下级关系成环", "去掉路径中的任意一条父子关系。"
    ),
    vocab_errors.TagNotFoundError: Row(
        "tag_not_found", 404, "没有这个标签", "用列表或搜索确认标签 id。"
    ),
    vocab_errors.RevisionNotFoundError: Row(
        "revision_not_found", 404, "没有这个版本", "用版本列表确认版本号。"
    ),
    vocab_errors.StaleEditError: Row(
        "stale_edit", 412, "内容已被他人修改", "重新读取当前内容，合并后再提交。"
    ),
    vocab_errors.BulkEditError: Row(
        "bulk_edit", 422, "批量修改有误，整批未生效", "逐条修改 problems 中的问题后重新提交。"
    ),
    vocab_errors.IdempotencyError: Row(
        "idempotency_conflict", 409, "幂等键已用于另一个请求", "换一个幂等键。"
    ),
    vocab_errors.ExchangeError: Row(
        "exchange_file", 422, "词表文件无法读取", "检查文件的编码、格式与表头。"
    ),
    vocab_errors.ImportRefusedError: Row(
        "import_refused",
        422,
        "导入的词表有误，整批未生效",
        "逐行修改 problems 中的问题后重新导入。",
    ),
    vocab_errors.JudgementNotFoundError: Row(
        "judgement_not_found", 404, "没有这条评判", "用 GET /v1/feedback 查看现有评判的编号。"
    ),
    vocab_errors.ReportError: Row(
        "report_invalid", 422, "评测报告无法使用", "用 tuqian evaluate 重新写一份报告。"
    ),
    vocab_errors.EmbeddingError: Row("embedding_invalid", 500, "向量无法保存", "查看服务日志。"),
    vocab_errors.BackgroundError: Row(
        "background_invalid", 500, "背景库无法使用", "为当前模型重新生成背景库。"
    ),
    # vectors
    index_errors.VectorIndexError: Row("index_error", 500, "向量索引出错", "查看服务日志。"),
    index_errors.ModelMismatchError: Row(
        "model_mismatch", 409, "向量来自另一个模型", "用同一个模型重新计算向量。"
    ),
    index_errors.VectorShapeError: Row(
        "vector_shape", 422, "向量形状不符", "确认向量由同一个模型算出。"
    ),
    index_errors.ImageNotFoundError: Row(
        "image_not_found", 404, "没有这张图片", "确认图片 id；换过模型的图片需要重新入库。"
    ),
    index_errors.InvalidImageError: Row(
        "image_record_invalid", 422, "图片的 id、附加信息或向量不符合要求", "按 field 修改后重试。"
    ),
    index_errors.StorageFullError: Row(
        "storage_full", 507, "磁盘空间不足", "清理数据目录所在的磁盘后重试；已确认的内容不受影响。"
    ),
}
