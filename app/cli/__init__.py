"""The `tuqian` command."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from app import console as show
from app.api.context import Service
from app.api.tag import render
from app.choice import Options
from app.cli import bench, images, jobs, keys, models, quality, vocabulary
from app.cli.backup import backup, restore
from app.cli.doctor import doctor
from app.cli.reindex import reindex
from app.cli.remote import API_KEY
from app.cli.run import run
from app.doctor import summary
from app.errors import TuqianError
from app.intake.sources import PathSource
from app.main import assemble, create_app
from app.photos import find_photos
from app.serving import listen
from app.serving import serve as serve_app
from app.settings import load_settings
from app.tagger import Answer, Problem, Tagged
from index.errors import VectorIndexError
from vocab.errors import VocabularyError

OUR_ERRORS = (TuqianError, VocabularyError, VectorIndexError)
# Photos sent to the tagger together: enough to fill batches, few enough for the bar to move.
PHOTOS_AT_ONCE = 16

out = Console()
err = Console(stderr=True)
app = typer.Typer(help="图签：图片进，中文标签出。", no_args_is_help=True, add_completion=False)

app.add_typer(vocabulary.app, name="vocab")
app.add_typer(images.app, name="images")
app.add_typer(models.app, name="models")
app.add_typer(jobs.app, name="jobs")
app.add_typer(keys.app, name="keys")
app.command()(images.retag)
app.command()(reindex)
app.command()(run)
app.command()(doctor)
app.command()(backup)
app.command()(restore)
app.command()(bench.bench)
app.command()(quality.calibrate)
app.command()(quality.evaluate)

Results = list[tuple[Path, Tagged | Problem]]
ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


def main() -> None:
    """Runs the command; an error of ours ends in a sentence and a remedy, not a traceback."""
    try:
        app()
    except OUR_ERRORS as error:
        _fail(error)


@app.callback()
def begin(
    api_key: Annotated[
        str | None,
        typer.Option("--api-key", envvar="TUQIAN_API_KEY", help="访问服务（--url）用的密钥。"),
    ] = None,
) -> None:
    """图签：图片进，中文标签出。"""
    API_KEY.set(api_key or "")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="监听的地址。")] = None,
    port: Annotated[int | None, typer.Option(help="监听的端口，0 为任意空闲端口。")] = None,
    model: ModelOption = None,
) -> None:
    """启动服务（HTTP 接口与文档页）。"""
    settings = load_settings(host=host, port=port, model=model)
    listener = listen(settings.host, settings.port)
    err.print(f"图签正在启动（{summary()}）", highlight=False)
    steps = show.Steps(err)
    with steps:

        def ready() -> None:
            steps.stop()
            _announce(listener.getsockname()[1], settings.host)

        failure = serve_app(
            create_app(settings, steps),
            listener,
            settings.log_level,
            settings.log_format,
            ready,
            settings.shutdown_timeout_s,
        )
    if failure is not None:
        _fail(failure)


@app.command()
def tag(
    photos: Annotated[list[Path], typer.Argument(help="图片或目录；目录会包含其下所有图片。")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="每张图最多几个标签。")] = 10,
    min_confidence: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="置信度下限。")
    ] = None,
    model: ModelOption = None,
) -> None:
    """给图片打标签；有图片失败时退出码为 1。"""
    found = find_photos(photos)
    if not found:
        err.print("没有找到图片", highlight=False)
        raise typer.Exit(2)
    settings = load_settings(model=model).for_a_command()
    with ExitStack() as stack:
        with show.Steps(err) as steps:
            service = assemble(settings, stack, steps)
        with show.Steps(err) as steps:
            wanted = Options(top_k=top_k, min_confidence=min_confidence)
            results = asyncio.run(_tag_all(service, found, wanted, steps))
    if as_json:
        out.file.write(json.dumps(_as_json(service, results), ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(show.tag_table([(str(path), result) for path, result in results]))
    _exit_for(results)


async def _tag_all(
    service: Service, paths: list[Path], options: Options, steps: show.Steps
) -> Results:
    """The result of every photo, in order."""
    results: Results = []
    for at in range(0, len(paths), PHOTOS_AT_ONCE):
        chosen = paths[at : at + PHOTOS_AT_ONCE]
        answer = await service.tagger.tag([PathSource(path) for path in chosen], options)
        results.extend(zip(chosen, answer.results, strict=True))
        steps("打标", len(results), len(paths))
    return results


def _as_json(service: Service, results: Results) -> dict[str, Any]:
    """The answer of `POST /v1/tag`, with the path of each photo."""
    answer = Answer(
        service.tagger.encoder.name,
        service.live.current().revision,
        tuple(result for _, result in results),
    )
    body = render(answer).model_dump(exclude_none=True)
    for (path, _), result in zip(results, body["results"], strict=True):
        result["path"] = str(path)
    return body


def _announce(port: int, host: str) -> None:
    """Where the pages are, and a command to paste."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    address = f"http://{shown}:{port}"
    lines = [
        f"图签已就绪：{address}",
        f"接口文档：  {address}/docs",
        f"试一试：    curl -F files=@{_sample()} {address}/v1/tag",
    ]
    err.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)


def _sample() -> str:
    """A photo that ships with the project, as a path from here where that is shorter."""
    photo = Path(__file__).parents[2] / "tests" / "data" / "tiger.jpg"
    if not photo.is_file():  # an installed package has no tests beside it
        return "photo.jpg"
    return str(photo.relative_to(Path.cwd()) if photo.is_relative_to(Path.cwd()) else photo)


def _exit_for(results: Results) -> None:
    """Names the photos that failed; one is enough for the command to fail."""
    failed = [(path, result) for path, result in results if isinstance(result, Problem)]
    if not failed:
        return
    err.print(f"{len(failed)} 张图片失败：", highlight=False)
    for path, result in failed:
        err.print(f"  {path}：{result.error}", highlight=False, markup=False)
    raise typer.Exit(1)


def _fail(error: Exception) -> NoReturn:
    show.show_error(err, error)
    raise SystemExit(2)
