"""The text tower's network: a small transformer over Chinese-CLIP's word pieces."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

VOCABULARY = 21_128
MAX_TOKENS = 52
WIDTH = 256
LAYERS = 4
HEADS = 4
OUTPUT = 384


class Block(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.a, self.b = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`(n, length, WIDTH)`; `bias` hides the padding."""
        n, length, _ = x.shape
        heads = self.qkv(self.n1(x)).reshape(n, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        attention = ((q @ k.transpose(-1, -2)) * (WIDTH // HEADS) ** -0.5 + bias).softmax(-1)
        x = x + self.o((attention @ v).transpose(1, 2).reshape(n, length, WIDTH))
        return x + self.b(F.gelu(self.a(self.n2(x))))


class Tower(nn.Module):
    """Token ids and mask `(n, length) int64` to `(n, OUTPUT)`, not unit rows."""

    def __init__(self) -> None:
        super().__init__()
        self.emb, self.pos = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(MAX_TOKENS, WIDTH)
        self.ln, self.nf = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.proj = nn.Linear(2 * WIDTH, OUTPUT)
        nn.init.normal_(self.emb.weight, std=0.05)
        nn.init.normal_(self.pos.weight, std=0.02)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The first token's state beside the mean of all, projected."""
        shown = mask.to(self.emb.weight.dtype)
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.ln(self.emb(ids) + self.pos(positions))
        bias = (1 - shown[:, None, None, :]) * -1e4
        for block in self.blocks:
            x = block(x, bias)
        x = self.nf(x)
        mean = (x * shown[:, :, None]).sum(1) / shown.sum(1, keepdim=True)
        return self.proj(torch.cat([x[:, 0], mean], 1))
