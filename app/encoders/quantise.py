"""ONNX graphs with 8-bit matrix products. Needs the package `onnx`, of the `clip` extra."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.encoders.base import FloatArray

# Products with weights are nearly all of the work; the rest (attention, norms) stays in fp32.
PRODUCTS = ["MatMul", "Gemm"]
PER_STEP = 4


class _Pixels(CalibrationDataReader):  # type: ignore[misc]
    """Hands prepared pixels to the calibrator, a few at a time."""

    def __init__(self, pixels: FloatArray):
        steps = range(0, len(pixels), PER_STEP)
        self._steps: Iterator[FloatArray] = (pixels[at : at + PER_STEP] for at in steps)

    def get_next(self) -> dict[str, Any] | None:
        """The next few, or None at the end."""
        step = next(self._steps, None)
        return None if step is None else {"pixels": step}


def quantise_dynamic(source: Path, target: Path) -> None:
    """8-bit weights, a scale for each column; activations are scaled as they come."""
    with _Quiet():
        prepared = _prepared(source, target)
        quantize_dynamic(
            prepared,
            target,
            op_types_to_quantize=PRODUCTS,
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=_is_large(source),
        )
    if prepared != source:
        prepared.unlink()


def quantise_static(source: Path, target: Path, pixels: FloatArray) -> None:
    """The same with scales of activations fixed beforehand, from `(n, 3, h, w)` real photos."""
    with _Quiet():
        prepared = _prepared(source, target)
        quantize_static(
            prepared,
            target,
            _Pixels(pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=PRODUCTS,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
            use_external_data_format=_is_large(source),
            # What a product gives goes on in fp32: rounding it to 8 bits would cost time and
            # accuracy, and save nothing.
            extra_options={
                "MatMulConstBOnly": True,
                "OpTypesToExcludeOutputQuantization": PRODUCTS,
            },
        )
    if prepared != source:
        prepared.unlink()


def _prepared(source: Path, target: Path) -> Path:
    """The graph simplified and with its shapes worked out, beside the target.

    A large one is left as it is: the tool loses weights that lie in a file of their own.
    """
    if _is_large(source):
        return source
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    return prepared


def _is_large(path: Path) -> bool:
    """Whether it comes near the two gigabytes that one protobuf file can hold."""
    data = path.with_name(path.name + ".data")
    size = path.stat().st_size + (data.stat().st_size if data.exists() else 0)
    return size > 1_500_000_000


class _Quiet:
    """Silences the quantiser's advice on the root logger while it works."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
