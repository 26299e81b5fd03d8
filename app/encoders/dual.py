"""The one encoder class: preprocessing and a tokenizer in front of two towers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from app.encoders.base import (
    FloatArray,
    ImageTower,
    PixelArray,
    TextTower,
    Tokenizer,
    unit_rows,
)
from app.encoders.copy_space import CopySpace, FeatureTower
from app.encoders.preprocessing import Preprocessing
from app.errors import EncoderError

TEXT_BATCH = 128
IMAGE_BATCH = 32


@dataclass(frozen=True)
class DualEncoder:
    """A model (weights, preprocessing, tokenizer) with the runtimes that run its graphs."""

    name: str
    model_key: str
    dim: int
    preprocessing: Preprocessing
    tokenizer: Tokenizer
    image_tower: ImageTower
    text_tower: TextTower
    copy_tower: FeatureTower | None = None
    copy_space: CopySpace | None = None
    part_tower: ImageTower | None = None

    @property
    def copy_dim(self) -> int:
        """Length of a copy-detection vector; 0 where the model has none."""
        return self.copy_space.dim if self.copy_space and self.copy_tower else 0

    @property
    def copy_bank(self) -> FloatArray:
        """`(m, copy_dim)` copy-detection vectors of unrelated photos; none where it has none."""
        space = self.copy_space
        return space.bank if space and self.copy_tower else np.zeros((0, 0), dtype=np.float32)

    @property
    def input_size(self) -> int:
        """Height and width of the prepared pixels."""
        return self.preprocessing.size

    @property
    def device(self) -> str:
        """Where the image graph runs."""
        return self.image_tower.device

    def prepare(self, image: Image.Image) -> PixelArray:
        """`(3, size, size)` pixels of one RGB image, as the image tower takes them."""
        how = self.preprocessing
        return how.planes(image) if self.image_tower.takes_bytes else how(image)

    def encode_pixels(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, size, size)` prepared pixels to `(n, dim) float32`, unit rows."""
        if len(pixels) == 0:
            return np.zeros((0, self.dim), dtype=np.float32)
        return self._unit(self.image_tower(pixels), "图像")

    def encode_pixels_full(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, size, size)` to `(n, dim + copy_dim)`: the vector, then the copy vector.

        Each of the two parts has unit length.
        """
        if self.copy_tower is None or self.copy_space is None or len(pixels) == 0:
            vectors = self.encode_pixels(pixels)
            empty = np.zeros((len(pixels), self.copy_dim), dtype=np.float32)
            return np.concatenate([vectors, empty], axis=1)
        embedding, features = self.copy_tower.with_features(pixels)
        copies = self._unit(self.copy_space(features), "图像")
        return np.concatenate([self._unit(embedding, "图像"), copies], axis=1)

    @property
    def gives_parts(self) -> bool:
        """Whether it embeds the parts of an image in the pass that embeds the whole."""
        return self.part_tower is not None

    def encode_parts(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, size, size)` prepared pixels to `(n, 1 + k, dim) float32`, unit rows.

        The first is the image itself, as `encode_pixels` has it. Raises `EncoderError` for a model
        that gives no parts.
        """
        if self.part_tower is None:
            raise EncoderError(f"模型 {self.name} 这样运行时不能给出图片各处的向量")
        return self._unit(self.part_tower(pixels), "图像")

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
        """Decoded RGB images to `(n, dim) float32`, unit rows."""
        parts = [
            self.encode_pixels(np.stack([self.prepare(i) for i in images[at : at + IMAGE_BATCH]]))
            for at in range(0, len(images), IMAGE_BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Strings to `(n, dim) float32`, unit rows.

        Texts of similar length share a batch, so that short ones are not padded to long ones.
        """
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        for at in range(0, len(order), TEXT_BATCH):
            chosen = order[at : at + TEXT_BATCH]
            tokens = self.tokenizer([texts[i] for i in chosen])
            vectors[chosen] = self._unit(self.text_tower(tokens), "文本")
        return vectors

    def close(self) -> None:
        """Closes its towers."""
        self.image_tower.close()
        if self.part_tower is not None:
            self.part_tower.close()
        self.text_tower.close()

    def _unit(self, vectors: FloatArray, kind: str) -> FloatArray:
        # Before scaling: a row with a NaN has no length, and would pass as a zero row.
        if not np.isfinite(vectors).all():
            raise EncoderError(
                f"模型 {self.name} 的{kind}塔输出了非数值结果",
                remedy="请检查模型文件是否损坏；半精度溢出时请把 precision 设为 fp32 或 bf16。",
            )
        return unit_rows(vectors)
