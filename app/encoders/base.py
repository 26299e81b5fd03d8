"""What an encoder is: one model that embeds images and texts into the same space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]
# Prepared pixels: normalised floats, or bytes for a tower that normalises on its own device.
PixelArray = NDArray[np.float32 | np.uint8]
IntArray = NDArray[np.int64]


@runtime_checkable
class Encoder(Protocol):
    """Turns images and texts into unit vectors of one space.

    Safe to call from several threads. `prepare` may run anywhere and is pure; the `encode_*`
    methods may be slow and never run on an event loop.
    """

    @property
    def name(self) -> str:
        """Catalogue name of the model, such as `builtin`."""

    @property
    def model_key(self) -> str:
        """Name, digest of the weights and preprocessing: vectors of two keys never mix."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def device(self) -> str:
        """Where the graph runs, such as `cpu` or `cuda:0`."""

    @property
    def input_size(self) -> int:
        """Height and width, in pixels, of what the image tower takes."""

    def prepare(self, image: Image.Image) -> PixelArray:
        """`(3, height, width)` pixels of one RGB image, as the image tower takes them.

        Normalised `float32`; `uint8` where the tower normalises on its own device.
        """

    def encode_pixels(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, height, width)` prepared pixels to `(n, dim) float32`, unit rows."""

    @property
    def copy_dim(self) -> int:
        """Length of the model's copy-detection vectors; 0 where it has none."""

    @property
    def copy_bank(self) -> FloatArray:
        """`(m, copy_dim)` copy-detection vectors of unrelated photos, unit rows; maybe none."""

    def encode_pixels_full(self, pixels: PixelArray) -> FloatArray:
        """As `encode_pixels`, to `(n, dim + copy_dim)`: each part for itself of unit length."""

    @property
    def gives_parts(self) -> bool:
        """Whether it embeds the parts of an image in the pass that embeds the whole."""

    def encode_parts(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, height, width)` to `(n, 1 + k, dim) float32`, unit rows: the image, then parts.

        Raises `EncoderError` for a model that gives none.
        """

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Decoded RGB images to `(n, dim) float32`, unit rows."""

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Strings to `(n, dim) float32`, unit rows."""

    def close(self) -> None:
        """Gives back what the encoder holds; calling it twice does nothing."""


@dataclass(frozen=True)
class TokenBatch:
    """Texts for the text tower: both arrays `(n, length) int64`, padded to the longest."""

    ids: IntArray
    mask: IntArray


class Tokenizer(Protocol):
    """Turns texts into token ids."""

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Tokens of the texts, padded to the longest of them."""


class ImageTower(Protocol):
    """A runtime holding the graph that embeds pixels."""

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""

    @property
    def takes_bytes(self) -> bool:
        """Whether it would rather have pixels as `uint8`, and normalises them itself."""

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, height, width)` pixels to `(n, dim) float32`, not yet unit rows."""

    def close(self) -> None:
        """Gives the graph back."""


class TextTower(Protocol):
    """A runtime holding the graph that embeds tokens."""

    device: str

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, dim) float32`, not yet unit rows."""

    def close(self) -> None:
        """Gives the graph back."""


def unit_rows(vectors: NDArray[np.floating]) -> FloatArray:
    """`(n, d)` vectors scaled to unit length, as float32; a zero row stays zero."""
    rows = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: FloatArray = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return scaled
