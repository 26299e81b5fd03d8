"""The image tower on a device: eager, compiled, and as CUDA graphs, against the roofline there.

The roofline is the floating-point operations of one image over the rate that a large matrix
product reaches in the same numbers on the same device, in the same run. Pixels lie on the device
already: what it costs to bring them there is `bench.gpu_pipeline`'s question.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from cn_clip.clip.model import CLIP

from app.bench.samples import timed
from app.encoders.chinese_clip import KEPT_IN_FP32, SHAPES, Shape, empty_model
from app.encoders.runtimes.torch import PRECISIONS

Graph = Callable[[torch.Tensor], torch.Tensor]

# A form that strays further from fp32 than this is not timed.
SAME = 0.98
FORMS = ("eager", "compiled", "cuda graphs", "compiled, cuda graphs")


@dataclass(frozen=True)
class Measured:
    """One form at one batch size: images a second, and its share of the roofline."""

    parameters: dict[str, Any]
    rates: tuple[float, ...]
    error: str = ""


def flops_of(shape: Shape) -> float:
    """Floating-point operations of one image through a vision transformer (Dosovitskiy, 2021)."""
    if shape.patch is None or not isinstance(shape.vision_layers, int):
        return float("nan")
    tokens, width = (shape.resolution // shape.patch) ** 2 + 1, shape.vision_width
    layer = 24 * tokens * width**2 + 4 * tokens**2 * width
    return shape.vision_layers * layer + 2 * 3 * shape.resolution**2 * width


def matrix_rate(device: str, precision: str) -> float:
    """Operations a second of a large matrix product."""
    size = 8192 if device.startswith("cuda") else 2048
    left = torch.randn(size, size, device=device).to(PRECISIONS[precision])

    def product() -> None:
        _ = left @ left
        wait(device)

    return float(2 * size**3 / (statistics.median(timed(product, 1.0)) / 1000))


def wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def random_model(name: str, device: str) -> CLIP:
    """A published size in fp32 with random weights, which are as fast as real ones."""
    model = empty_model(SHAPES[name], torch.float32).to_empty(device=device)
    chance = torch.Generator(device=device).manual_seed(0)
    for module in model.modules():
        for part, weight in module.named_parameters(recurse=False):
            if isinstance(module, KEPT_IN_FP32):
                torch.nn.init.constant_(weight, 1.0 if part == "weight" else 0.0)
            else:
                fan_in = weight[0].numel() if weight.dim() > 1 else 400
                torch.nn.init.normal_(weight, std=fan_in**-0.5, generator=chance)
    return model.eval().requires_grad_(False)


def narrowed(model: CLIP, precision: str) -> CLIP:
    """The same model in other numbers, with the layers in fp32 that the service keeps so."""
    for module in model.modules():
        if not isinstance(module, KEPT_IN_FP32):
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.to(PRECISIONS[precision])
    return model


def formed(form: str, encode: Graph, example: torch.Tensor) -> Graph:
    """The graph in a form, for batches of the example's size."""
    if form == "eager":
        return encode
    if form == "cuda graphs":
        return _captured(encode, example)
    mode = "reduce-overhead" if "graphs" in form else None
    compiled: Graph = torch.compile(encode, mode=mode, dynamic=False)
    return compiled


def _captured(encode: Graph, example: torch.Tensor) -> Graph:
    """The kernels of one forward recorded once, and replayed as a whole."""
    held = example.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # libraries choose their algorithms before the recording
        for _ in range(3):
            encode(held)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        given = encode(held)

    def replay(pixels: torch.Tensor) -> torch.Tensor:
        held.copy_(pixels)
        graph.replay()
        return given

    return replay


def measure(
    name: str,
    device: str,
    precisions: Sequence[str],
    batches: Sequence[int],
    forms: Sequence[str] = FORMS,
    seconds: float = 2.0,
) -> Iterator[Measured]:
    """Every form of a model in each precision, at each batch size; checked, then timed."""
    side = SHAPES[name].resolution
    pixels = torch.randn(max(batches), 3, side, side, device=device)
    for precision in precisions:
        model = random_model(name, device)
        with torch.no_grad():
            expected = model.encode_image(pixels[:1])
        encode = narrowed(model, precision).encode_image
        limit = matrix_rate(device, precision) / flops_of(SHAPES[name])
        batch_of = {batch: pixels[:batch].to(PRECISIONS[precision]) for batch in batches}
        for form in forms:
            for batch, given in batch_of.items():
                parameters = {
                    "model": name,
                    "form": form,
                    "precision": precision,
                    "batch": batch,
                    "device": device,
                    "roofline_images_per_s": round(limit, 1),
                }
                yield _timed(form, encode, given, expected, parameters, limit, seconds)
            torch.compiler.reset()


def _timed(
    form: str,
    encode: Graph,
    given: torch.Tensor,
    expected: torch.Tensor,
    parameters: dict[str, Any],
    limit: float,
    seconds: float,
) -> Measured:
    device = str(parameters["device"])

    def once() -> torch.Tensor:
        found = run(given)
        wait(device)
        return found

    with torch.no_grad():
        try:
            run = formed(form, encode, given)
            first = once()[:1].float()
            cosine = float(torch.nn.functional.cosine_similarity(first, expected).min())
            if cosine < SAME:
                return Measured(parameters, (), f"another answer: cosine {cosine:.4f}")
            spent = timed(once, seconds)
        except (RuntimeError, AssertionError) as error:
            return Measured(parameters, (), f"{type(error).__name__}: {str(error)[:300]}")
    rates = tuple(len(given) * 1000 / ms for ms in spent)
    share = statistics.median(rates) / limit
    told = {**parameters, "cosine": round(cosine, 5), "of_roofline": round(share, 3)}
    return Measured(told, rates)
