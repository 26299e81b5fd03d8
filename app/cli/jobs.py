"""`tuqian jobs`: the background jobs from the shell, in the database or in a running service."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.job_desks import jobs_of
from app.cli.options import JsonOption, UrlOption
from app.cli.remote import Json

app = typer.Typer(help="查看与取消后台任务。", no_args_is_help=True)
out = Console()

STATES = {
    "queued": "排队",
    "running": "进行中",
    "done": "完成",
    "failed": "失败",
    "cancelled": "已取消",
}
JobArgument = Annotated[str, typer.Argument(metavar="ID", help="任务 id。")]


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, max=100, help="最多列多少个。")] = 20,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """列出任务，最新的在前。"""
    with jobs_of(url) as desk:
        page = desk.page(limit)
    if as_json:
        return _print_json(page)
    table = Table("id", "状态", "进度", "失败", "提交时间")
    for job in page["items"]:
        progress = f"{job['done'] + job['failed']}/{job['total']}"
        created = job["created_at"][:19].replace("T", " ")
        table.add_row(job["id"], STATES[job["state"]], progress, str(job["failed"]), created)
    out.print(table)
    return None


@app.command()
def show(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """一个任务的进度。"""
    with jobs_of(url) as desk:
        job = desk.get(job_id)
    return _print_json(job) if as_json else _print_job(job)


@app.command()
def cancel(job_id: JobArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """取消任务；已有的结果保留。"""
    with jobs_of(url) as desk:
        job = desk.cancel(job_id)
    return _print_json(job) if as_json else _print_job(job)


@app.command()
def results(job_id: JobArgument, url: UrlOption = None) -> None:
    """输出已有的结果，JSONL，每行一张图。"""
    with jobs_of(url) as desk:
        for line in desk.results(job_id):
            sys.stdout.write(f"{line}\n")


def _print_job(job: Json) -> None:
    through = job["done"] + job["failed"]
    parts = [f"{STATES[job['state']]}：{through}/{job['total']} 张，{job['failed']} 张失败"]
    if job["rate"]:
        parts.append(f"每秒 {job['rate']:g} 张")
    if job["eta_s"] is not None:
        parts.append(f"还要约 {job['eta_s']:.0f} 秒")
    out.print("，".join(parts), highlight=False)
    if job["problem"]:
        out.print(f"原因：{job['problem']['detail']}", highlight=False, markup=False)
    if hook := job["webhook"]:
        told = {"waiting": "未送达", "delivered": "已送达", "given_up": "已放弃"}[hook["state"]]
        said = f"（{hook['last_error']}）" if hook["last_error"] else ""
        out.print(f"通知：{told}，{hook['attempts']} 次{said}", highlight=False, markup=False)


def _print_json(value: Json) -> None:
    out.print_json(json.dumps(value, ensure_ascii=False))
