"""A job's body as what it asks for, refused where it could never be done."""

from __future__ import annotations

from app.api.job_schemas import JobImageIn, JobIn
from app.api.reading import options_of, parse_json
from app.choice import rows_of
from app.errors import FetchError, InvalidRequestError
from app.intake.targets import DEFAULT_PORTS, read_target
from app.jobs.desk import JobDesk
from app.jobs.job import Draft, Kind
from app.snapshot import Snapshot


def read_job(body: bytes, desk: JobDesk, snapshot: Snapshot) -> Draft:
    """The job in a body; slow where it has many images.

    Raises `InvalidRequestError`, `FetchError` for a webhook's address, or pydantic's
    `ValidationError`. Addresses of images are looked at when their turn comes: a wrong one among
    thousands spoils none of the others.
    """
    wanted = JobIn.model_validate(parse_json(body, "body"))
    if len(wanted.images) > desk.max_images:
        raise InvalidRequestError(
            f"任务有 {len(wanted.images)} 张图片，一个任务最多 {desk.max_images} 张",
            field="images",
            remedy="分成几个任务，或调大 TUQIAN_MAX_JOB_IMAGES。",
        )
    options = options_of(wanted.options)
    rows_of(snapshot, options)
    items = tuple(_item(at, image, desk) for at, image in enumerate(wanted.images))
    return Draft(items, options, _webhook(wanted.webhook, desk))


def _item(position: int, image: JobImageIn, desk: JobDesk) -> tuple[Kind, str]:
    if image.url is not None and not desk.fetches:
        raise InvalidRequestError(
            "没有开启按网址取图（TUQIAN_FETCH_URLS），任务里不能有 url",
            field=f"images[{position}].url",
            remedy="请管理员设置 TUQIAN_FETCH_URLS=true，或先把图片入库，再用 image_id。",
        )
    kind: Kind = "image_id" if image.url is None else "url"
    value = (image.image_id if image.url is None else image.url) or ""
    if not value.isprintable():  # control characters, halves of pairs: no database keeps them
        raise InvalidRequestError("含有控制字符或无效的字符", field=f"images[{position}].{kind}")
    return kind, value


def _webhook(url: str | None, desk: JobDesk) -> str | None:
    if url is None:
        return None
    if not desk.signs:
        raise InvalidRequestError(
            "没有设置签名密钥（TUQIAN_WEBHOOK_SECRET），不能发送 webhook",
            field="webhook",
            remedy="请管理员设置 TUQIAN_WEBHOOK_SECRET，或去掉 webhook，改为查询任务进度。",
        )
    try:
        read_target(url, DEFAULT_PORTS)
    except FetchError as error:
        error.field = "webhook"
        error.remedy = "请用普通的 http(s) 地址；通知只发往公网。"
        raise
    return url
