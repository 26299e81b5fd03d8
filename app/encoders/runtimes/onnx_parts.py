"""A second session over an image graph, for those who ask for the parts of an image."""

from __future__ import annotations

import threading
from pathlib import Path

from app.encoders.base import FloatArray, PixelArray
from app.encoders.runtimes.onnx import ON_CPU, OnnxGraph
from app.encoders.runtimes.providers import Providers

OUTPUT = "parts"


class OnnxPartTower:
    """An image graph and an addition to it, whose output `parts (n, 1 + k, d)` it gives.

    ONNX Runtime computes every node of a graph whichever outputs are asked for, so the ordinary
    tower is another session, and this one is made when it is first needed.
    """

    takes_bytes = False

    def __init__(self, path: Path, addition: Path, threads: int = 0, providers: Providers = ON_CPU):
        self._arguments = path, threads, providers
        self._addition = addition
        self._graph: OnnxGraph | None = None
        self._making = threading.Lock()

    @property
    def device(self) -> str:
        """Where the graph runs; makes it."""
        return self._made().device

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, 1 + k, d) float32`, the image itself first."""
        (parts,) = self._made()([OUTPUT], {"pixels": pixels})
        return parts

    def close(self) -> None:
        """Gives the session back; it is made again where it is still needed."""
        self._graph = None

    def _made(self) -> OnnxGraph:
        with self._making:
            if self._graph is None:
                self._graph = OnnxGraph(*self._arguments, addition=self._addition)
            return self._graph
