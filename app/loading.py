"""The model the operator chose, on each device it should run on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from app.encoders.base import Encoder
from app.encoders.catalog import open_encoder
from app.matrix_threads import one_thread_a_product
from app.settings import Settings


def encoders_of(
    settings: Settings, stack: ExitStack, report: Callable[[str, int, int], None]
) -> list[Encoder]:
    """One encoder for each device named (`cuda:0,cuda:1`); the stack closes them.

    All of them have the same weights; the first encodes texts and is asked what the model is.
    Raises as `open_encoder` does.
    """
    one_thread_a_product()
    encoders: list[Encoder] = []
    for device in settings.device.split(","):
        report(f"加载模型 {settings.model}", 0, 0)
        encoder = open_encoder(
            settings.model,
            models_dir=settings.models_dir,
            device=device.strip(),
            precision=settings.precision,
            threads=settings.threads,
            hub=settings.model_hub,
            checkpoint=settings.checkpoint,
            runtime=settings.runtime,
            progress=lambda done, total: report(
                f"下载模型 {settings.model}（字节）", done, total or 0
            ),
        )
        stack.callback(encoder.close)
        encoders.append(encoder)
    return encoders
