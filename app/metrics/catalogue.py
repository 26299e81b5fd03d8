"""Every metric: its name, kind, labels and meaning. The reference page is written from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Metric:
    """One family; a counter's `name` ends in `_total`, and seconds and bytes are named as such."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# counted as it happens
REQUESTS = Metric(
    "tuqian_requests_total", "counter", "HTTP 请求数。", ("method", "route", "status")
)
REQUEST_SECONDS = Metric(
    "tuqian_request_seconds", "histogram", "一个 HTTP 请求从到达到答完的用时。", ("route",), SECONDS
)
STAGE_SECONDS = Metric(
    "tuqian_stage_seconds",
    "histogram",
    "打标请求各阶段的用时（decode、queue、encode、search、calibrate、recall、render）；"
    "逐张经过的阶段取最慢的一张。",
    ("stage",),
    SECONDS,
)
PROBLEMS = Metric(
    "tuqian_problems_total",
    "counter",
    "按错误代码计的问题；`of` 是 `request`（整个请求）或 `image`（请求或任务里的一张图）。",
    ("code", "of"),
)
IMAGES_TAGGED = Metric(
    "tuqian_images_total",
    "counter",
    "打过标的图片：`tagged` 有标签、`untagged` 没有、`blank` 空画面、`failed` 无法使用。",
    ("result",),
)
TAGS_FIRED = Metric("tuqian_tags_fired_total", "counter", "按类别计的给出的标签数。", ("category",))
BATCH_IMAGES = Metric("tuqian_batch_images", "histogram", "一批编码的图片数。", buckets=IMAGES)
ENCODER_BUSY = Metric(
    "tuqian_encoder_busy_seconds_total",
    "counter",
    "编码线程工作的秒数之和；`rate(...)` 除以 `tuqian_encoder_threads` 就是利用率。",
)

# read when asked
INFO = Metric(
    "tuqian_info", "gauge", "恒为 1；标签说明版本、模型与设备。", ("version", "model", "device")
)
READY = Metric("tuqian_ready", "gauge", "都已加载时为 1；编码器连续失败时为 0。")
DATABASE_UP = Metric("tuqian_database_up", "gauge", "数据库能读时为 1。")
ENCODER_THREADS = Metric("tuqian_encoder_threads", "gauge", "编码线程数，每块 GPU 一个。")
ENCODER_RESTARTS = Metric(
    "tuqian_encoder_restarts_total", "counter", "编码线程意外结束、重新启动的次数。"
)
QUEUE = Metric("tuqian_queue_images", "gauge", "等待编码的图片数。")
IN_PROGRESS = Metric(
    "tuqian_images_in_progress",
    "gauge",
    "处理中的图片数；`interactive` 是即时请求，`bulk` 是任务与集合。",
    ("priority",),
)
CAPACITY = Metric(
    "tuqian_images_capacity", "gauge", "同时处理的图片数上限，超过时回答 503。", ("priority",)
)
REFUSED = Metric("tuqian_images_refused_total", "counter", "因为已满而拒绝的图片数（即时请求）。")
CACHE_HITS = Metric("tuqian_cache_hits_total", "counter", "内存缓存命中次数。", ("cache",))
CACHE_MISSES = Metric("tuqian_cache_misses_total", "counter", "内存缓存未命中次数。", ("cache",))
CACHE_EVICTED = Metric("tuqian_cache_evicted_total", "counter", "内存缓存挤出的条数。", ("cache",))
CACHE_BYTES = Metric("tuqian_cache_bytes", "gauge", "内存缓存占用的字节数。", ("cache",))
CACHE_ENTRIES = Metric("tuqian_cache_entries", "gauge", "内存缓存的条数。", ("cache",))
SHARED_HITS = Metric(
    "tuqian_cache_shared_hits_total", "counter", "内存没有而共用缓存（Redis）有的次数。"
)
INDEX_ENTRIES = Metric(
    "tuqian_index_entries",
    "gauge",
    "索引里的条数：`tags` 启用的标签、`images` 入库的图片。",
    ("index",),
)
BANK_IMAGES = Metric("tuqian_bank_images", "gauge", "背景库的图片数。")
DRIFT_INDEX = Metric(
    "tuqian_drift_index",
    "gauge",
    "最近图片的最高分与背景库相比的稳定性指数（PSI），最多每分钟算一次；"
    "0.1 以下可忽略，0.25 以上明显偏移。不足 50 张图时没有。",
)
DRIFT_NOTABLE = Metric("tuqian_drift_notable", "gauge", "偏移超出偶然时为 1；不足 50 张图时没有。")
DRIFT_TAGS = Metric(
    "tuqian_drift_tags", "gauge", "分数的偏移超出偶然的标签数；不足 50 张图时没有。"
)
JOBS = Metric("tuqian_jobs", "gauge", "后台任务数，按状态。", ("state",))
REVISION = Metric("tuqian_vocabulary_revision", "gauge", "当前快照的词表版本。")
GENERATION = Metric("tuqian_calibration_generation", "gauge", "当前快照是该版本的第几次校准。")
SNAPSHOTS = Metric("tuqian_live_snapshots", "gauge", "内存里的快照数；只增不减就是泄漏。")
DISK_FREE = Metric("tuqian_disk_free_bytes", "gauge", "数据目录所在磁盘的可用字节数。")
DISK_SIZE = Metric("tuqian_disk_size_bytes", "gauge", "数据目录所在磁盘的字节数。")

CATALOGUE: tuple[Metric, ...] = tuple(
    found for found in list(globals().values()) if isinstance(found, Metric)
)

# From the client library itself, on Linux only.
PROCESS: tuple[tuple[str, str], ...] = (
    ("process_cpu_seconds_total", "进程用掉的 CPU 秒数。"),
    ("process_max_fds", "进程最多能打开的文件数。"),
    ("process_open_fds", "进程打开的文件数。"),
    ("process_resident_memory_bytes", "进程占用的内存。"),
    ("process_start_time_seconds", "进程启动的时间（Unix 秒）。"),
    ("process_virtual_memory_bytes", "进程的虚拟内存。"),
)
