"""Vectors of the patches of an image, from the vision transformers of cn_clip.

After TagCLIP (Lin et al., AAAI 2024, arXiv 2312.12828; read in github.com/linyq2117/TagCLIP, and
written anew). A patch that has passed the last self-attention has become a summary of the image,
as the class token needs it. So in the last block each token keeps to itself: attention gives back
the token's own value, through the output projection; residual and MLP stay as they are (MaskCLIP,
arXiv 2112.01071, drops those too). Then the mean attention of the deeper blocks lets patches that
belong together speak for one another, where at least a third of the blocks agree that they do.

Other than in the paper, the attention is applied to the vectors, before any tag is known, so that
a vocabulary of any size costs nothing more; its second mask, one for every class, and a second look
at a crop for every candidate are left out for the same reason. What of a patch counts for a tag is
in vocab.parts. No published weights were at hand: that this is right for them is a matter of
architecture; how much it gains is not measured.

Imported only where the `clip` extra is installed.
"""

from __future__ import annotations

import torch
from cn_clip.clip.model import ResidualAttentionBlock, VisualTransformer
from torch.nn import functional

# The paper's 9th to 11th of 12 blocks, and 4 of 12 votes.
DEEPER_FROM = 2 / 3
VOTES = 1 / 3


def encode_parts(visual: VisualTransformer, pixels: torch.Tensor) -> torch.Tensor:
    """`(n, 3, h, w)` to `(n, 1 + k, d)`: the image as `visual` embeds it, then its k patches.

    Patches are in the order of reading. Nothing is scaled to unit length.
    """
    tokens = _tokens(visual, pixels)
    *earlier, last = visual.transformer.resblocks
    attentions = []
    for block in earlier:
        tokens, attention = _with_attention(block, tokens)
        attentions.append(attention[:, 1:, 1:])
    image = last(tokens)[:1]
    patches = torch.einsum(
        "nij,jnd->ind", affinity(attentions), _embedded(visual, value_only(last, tokens)[1:])
    )
    return torch.cat([_embedded(visual, image), patches]).permute(1, 0, 2)


def value_only(block: ResidualAttentionBlock, tokens: torch.Tensor) -> torch.Tensor:
    """`(l, n, c)` tokens through a block in which each attends to itself alone."""
    weight, bias = block.attn.in_proj_weight, block.attn.in_proj_bias
    width = weight.shape[1]
    # The projections of query, key and value lie one below the other.
    value = functional.linear(block.ln_1(tokens), weight[2 * width :], bias[2 * width :])
    tokens = tokens + block.attn.out_proj(value)
    found: torch.Tensor = tokens + block.mlp(block.ln_2(tokens))
    return found


def affinity(attentions: list[torch.Tensor]) -> torch.Tensor:
    """`(n, k, k)` attention of each block, heads averaged, to how much patch j says of patch i.

    The mean over the deeper blocks, where enough of all blocks are above their own mean; rows sum
    to 1. A patch that none is left for says what it says itself.
    """
    stacked = torch.stack(attentions).float()
    above = stacked > stacked.mean(dim=(2, 3), keepdim=True)
    agreed = above.float().mean(dim=0) >= VOTES
    deeper = stacked[int(DEEPER_FROM * (len(attentions) + 1)) :].mean(dim=0) * agreed
    alone = deeper.sum(dim=2, keepdim=True) == 0
    deeper = torch.where(alone, torch.eye(deeper.shape[1], device=deeper.device), deeper)
    return (deeper / deeper.sum(dim=2, keepdim=True)).to(attentions[0].dtype)


def _tokens(visual: VisualTransformer, pixels: torch.Tensor) -> torch.Tensor:
    """`(l, n, c)`: the class token and the patches as they enter the first block."""
    patches = visual.conv1(pixels).flatten(2).permute(2, 0, 1)
    first = visual.class_embedding.to(patches.dtype).expand(1, patches.shape[1], -1)
    places = visual.positional_embedding.to(patches.dtype)[:, None, :]
    found: torch.Tensor = visual.ln_pre(torch.cat([first, patches]) + places)
    return found


def _with_attention(
    block: ResidualAttentionBlock, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A block's output, and its `(n, l, l)` attention with the heads averaged."""
    normed = block.ln_1(tokens)
    attended, attention = block.attn(normed, normed, normed, need_weights=True)
    tokens = tokens + attended
    return tokens + block.mlp(block.ln_2(tokens)), attention


def _embedded(visual: VisualTransformer, tokens: torch.Tensor) -> torch.Tensor:
    """`(l, n, c)` to `(l, n, d)`: each token as if it were the image's."""
    found: torch.Tensor = visual.ln_post(tokens) @ visual.proj
    return found
