"""Every number and name an operator may set, each by one environment variable `TUQIAN_...`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingsError
from vocab.prompts import DEFAULT_TEMPLATES

MIB = 1 << 20

# As good as no limit, for what needs a number.
NO_HURRY_S = 24 * 3600.0


class Settings(BaseSettings):
    """What the service is started with; the description of a field is its documentation."""

    model_config = SettingsConfigDict(
        env_prefix="TUQIAN_", frozen=True, protected_namespaces=(), extra="ignore"
    )

    host: str = Field("127.0.0.1", description="监听的地址；`0.0.0.0` 表示接受其他机器的访问。")
    port: int = Field(8000, ge=0, le=65535, description="监听的端口；0 表示由系统挑一个空闲的。")
    data_dir: Path = Field(
        Path("data"), description="数据目录：词表数据库、下载的模型权重、背景库都在这里。"
    )
    database_url: str = Field(
        "",
        description="SQLAlchemy 形式的数据库地址；留空则用数据目录下的 SQLite 文件 `tuqian.db`。",
    )
    model: str = Field("builtin", description="要加载的模型，名称见 `tuqian models`。")
    checkpoint: Path | None = Field(
        None, description="本地权重文件；给出后不再下载，结构仍由 `model` 决定。"
    )
    model_hub: Literal["modelscope", "huggingface"] = Field(
        "modelscope", description="从哪里下载权重：`modelscope` 或 `huggingface`。"
    )
    device: str = Field(
        "auto",
        description=(
            "运行设备：`auto`（有 GPU 就用）、`cpu`、`cuda`、`cuda:1` 或 `tensorrt`；"
            "多块 GPU 写成 `cuda:0,cuda:1`，每块一个编码线程。"
        ),
    )
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = Field(
        "auto",
        description=(
            "计算精度；`auto` 在 GPU 上用 fp16，在 CPU 上用已安装的最快的优化结果，没有则用 fp32；"
            "`int8` 只能来自 `tuqian models optimize`。"
        ),
    )
    runtime: Literal["auto", "onnx", "openvino", "torch", "torch-compile"] = Field(
        "auto",
        description=(
            "用什么运行模型；`auto` 选已安装且核对过的最快的一种。"
            "`onnx` 与 `openvino` 需先 `tuqian models optimize`（内置模型不需要）。"
        ),
    )
    threads: int = Field(
        0, ge=0, le=1024, description="一次编码使用的 CPU 线程数；0 由运行时自己决定。"
    )
    prompt_templates: tuple[str, ...] = Field(
        DEFAULT_TEMPLATES,
        description="标签文本的提示模板（JSON 数组），`{}` 处填标签名；改动后重新计算向量。",
    )
    example_weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description=(
            "示例图在标签向量里的比重 w：向量 = 单位化((1−w)·文本 + w·示例均值)；0 表示只用文本。"
        ),
    )
    image_vectors: Literal["float32", "float16"] = Field(
        "float32", description="入库图片的向量类型；`float16` 省一半空间，相似度略有舍入。"
    )
    max_request_bytes: int = Field(
        64 * MIB, ge=1024, description="一个请求体的字节上限；调大可以一次传更多图，也更占内存。"
    )
    body_timeout_s: float = Field(
        300.0, gt=0, description="一个请求体最多传多少秒；超时回答 408，慢速连接不会一直占着。"
    )
    max_image_bytes: int = Field(32 * MIB, ge=1024, description="一张图片文件的字节上限。")
    max_image_pixels: int = Field(
        100_000_000, ge=1, description="一张图片的像素上限（宽 × 高），挡住解压炸弹。"
    )
    max_images_per_request: int = Field(32, ge=1, le=10_000, description="一个请求里的图片数上限。")
    fetch_urls: bool = Field(
        False,
        description=(
            "是否允许用 url 提交图片，由服务去下载；默认关闭。开启后只访问公网的 http(s) 地址，"
            "内网、回环与云元数据地址一律拒绝，每次跳转都重新检查。"
        ),
    )
    fetch_timeout_s: float = Field(
        10.0, gt=0, le=600, description="下载一张图的总时限（秒），含域名解析与跳转。"
    )
    decode: Literal["fast", "exact"] = Field(
        "fast",
        description=(
            "`fast`：大 JPEG 直接解码成 1/2、1/4 或 1/8（仍不小于模型输入的两倍），向量几乎不变；"
            "`exact`：完整解码，预处理与 cn_clip 逐位相同。"
        ),
    )
    decode_isolation: Literal["thread", "risky", "process"] = Field(
        "process",
        description=(
            "在哪里解码：`process` 在单独的、有时限与内存上限的进程里，坏图最多只影响它自己；"
            "`risky` 只把 JPEG、PNG、BMP 以外的格式放进进程；`thread` 都在服务进程里，没有时限。"
        ),
    )
    decode_timeout_s: float = Field(
        20.0, gt=0, le=600, description="解码进程解一张图最多多少秒；超时的图片失败，进程换新。"
    )
    decode_threads: int = Field(
        0, ge=0, le=1024, description="解码图片的线程数；0 表示与 CPU 核数相同。"
    )
    max_batch: int = Field(
        16, ge=1, le=4096, description="一批最多编码多少张图；调大提高吞吐，也更占内存。"
    )
    max_wait_ms: float = Field(
        5.0,
        ge=0,
        le=10_000,
        description="繁忙时一批未满最多再等多少毫秒；空闲时从不等待。",
    )
    max_queue: int = Field(
        256,
        ge=1,
        description="同时处理和排队的图片总数上限；超过时立即回答 503，不会越积越多。",
    )
    max_job_images: int = Field(
        100_000, ge=1, le=1_000_000, description="一个后台任务里的图片数上限。"
    )
    max_jobs: int = Field(
        100, ge=1, le=100_000, description="未完成的后台任务数上限；超过时新任务回答 503。"
    )
    job_images_in_flight: int = Field(
        16,
        ge=1,
        le=1024,
        description="后台任务同时下载与解码的图片数；调大更快，也更占内存与带宽，总是让着即时请求。",
    )
    job_keep_days: float = Field(
        7.0, gt=0, le=3650, description="后台任务结束多少天后，连同结果一起清理。"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="任务完成通知（webhook）的签名密钥，请用足够长的随机串；留空则不接受 webhook。",
    )
    webhook_attempts: int = Field(
        10,
        ge=1,
        le=20,
        description="一个完成通知最多尝试几次；间隔从 10 秒起逐次加倍，最长 1 小时。",
    )
    cache_bytes: int = Field(
        64 * MIB,
        ge=0,
        description=(
            "内存缓存的字节上限：四分之三给图片向量（改词表后仍有效），四分之一给打标结果；"
            "0 表示不缓存。"
        ),
    )
    redis_url: str = Field(
        "",
        description=(
            "多个进程共用的图片向量缓存，例如 `redis://127.0.0.1:6379/0`；留空则只用内存。"
            "需要附加包 `redis`。"
        ),
    )
    request_timeout_s: float = Field(
        30.0, gt=0, description="一个请求的时限（秒）；超时回答 504，尚未编码的图片直接丢弃。"
    )
    shutdown_timeout_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        description=(
            "收到停止信号后，最多等进行中的请求多少秒；不应小于 `TUQIAN_REQUEST_TIMEOUT_S`，"
            "并小于容器平台强行结束前的宽限时间。"
        ),
    )
    bank_learn: bool = Field(
        True,
        description=(
            "背景库是否随真实流量学习：只保存打过标的图片的向量样本，不保存图片；"
            "`false` 只用附带的或 `tuqian calibrate` 建立的背景库。"
        ),
    )
    bank_size: int = Field(
        20_000, ge=0, le=50_000, description="流量样本最多保存多少张图片的向量；0 表示不保存。"
    )
    recent_images: int = Field(
        2_000,
        ge=1,
        le=100_000,
        description="内存中记住最近多少张打过标的图片的向量，供评判与质量检查；重启后清空。",
    )
    feedback_author_cap: float = Field(
        2.0,
        gt=0,
        le=10_000,
        description=(
            "同一个人对同一个标签的评判最多算多少次；评判人都可信（例如内部审核）时可调大。"
        ),
    )
    allow_anonymous: bool = Field(
        False,
        description=(
            "允许不带密钥的请求。默认只有监听回环地址、且从未创建过密钥时，本机的请求不需要密钥；"
            "监听其他地址而没有密钥时拒绝启动。"
        ),
    )
    anonymous_role: Literal["read", "tag", "edit", "admin"] = Field(
        "admin", description="`TUQIAN_ALLOW_ANONYMOUS=true` 时，不带密钥的请求有什么角色。"
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description=(
            '允许哪些网站的网页跨域访问（JSON 数组，如 `["https://cms.example.com"]`）；默认都不允许。'
        ),
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="日志格式：`text` 给人看，`json` 每行一个 JSON 对象。"
    )
    otel_endpoint: str = Field(
        "",
        description=(
            "OpenTelemetry 收集器的 OTLP/HTTP 地址，如 `http://127.0.0.1:4318`；"
            "留空不发送。需要附加包 `otel`。"
        ),
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="日志级别。"
    )

    @field_validator("prompt_templates")
    @classmethod
    def _templates_hold_a_name(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if not templates or not all("{}" in template for template in templates):
            raise ValueError("每个模板都要有 {}，且至少一个模板")
        return templates

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tuqian.db'}"

    @property
    def models_dir(self) -> Path:
        """Where downloaded weights lie."""
        return self.data_dir / "models"

    @property
    def decoders(self) -> int:
        """How many threads decode."""
        return self.decode_threads or os.cpu_count() or 1

    def for_a_command(self) -> Settings:
        """The same for work nobody waits for with a connection open: it takes what it takes."""
        return self.model_copy(update={"request_timeout_s": NO_HURRY_S})


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"TUQIAN_{name.upper()}"


def load_settings(**given: object) -> Settings:
    """Settings from the environment, with those given (and not None) before it.

    Raises `SettingsError` naming the variable at fault and what it may be.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        field = Settings.model_fields.get(name)
        raise SettingsError(
            f"设置 {variable(name)} 的值 {first['input']!r} 不能用：{first['msg']}",
            field=variable(name),
            remedy=field.description if field else None,
        ) from error
    except Exception as error:  # pydantic-settings: a value that should be JSON and is not
        raise SettingsError(
            f"环境变量无法解析：{error}", remedy='数组类设置请写成 JSON，例如 ["{}"]。'
        ) from error
