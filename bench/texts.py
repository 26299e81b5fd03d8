"""New tags to vectors: ours beside cn_clip at its 52 tokens, with the same random weights.

Why: a tag is three characters and cn_clip pads it to 52 tokens; a new vocabulary of 10,000 tags
with all templates is most of a first start. Cost is linear in texts, so a sample of them is timed;
the answer is checked first: the cosine of each text's vector with cn_clip's.

python -m bench.texts --checkpoint vitb16.pt --data DIR --tags 32
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from app.bench.samples import timed
from app.encoders.catalog import open_encoder
from bench.rows import write_row
from vocab.prompts import DEFAULT_TEMPLATES
from vocab.starter import starter_tags

MODEL = "chinese-clip-vit-b-16"
BATCH = 32


def main() -> None:
    import torch
    from cn_clip import clip

    from app.encoders.chinese_clip import load_model
    from app.encoders.runtimes.torch import choose_placement

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tags", type=int, default=32)
    given = parser.parse_args()
    shipped = starter_tags()
    names = [d.name for d in shipped[:: max(1, len(shipped) // given.tags)]][: given.tags]
    texts = [template.format(name) for name in names for template in DEFAULT_TEMPLATES]
    theirs = load_model(MODEL, given.checkpoint, choose_placement("cpu", "fp32"))

    def by_cn_clip() -> np.ndarray:
        parts = []
        with torch.inference_mode():
            for at in range(0, len(texts), BATCH):
                rows = theirs.encode_text(clip.tokenize(texts[at : at + BATCH]))
                parts.append(torch.nn.functional.normalize(rows, dim=-1).numpy())
        return np.concatenate(parts)

    reference = by_cn_clip()
    base = timed(by_cn_clip, 0.0, least=3)
    for runtime in ("torch", "auto"):
        ours = open_encoder(
            MODEL,
            models_dir=given.data / "models",
            device="cpu",
            precision="fp32" if runtime == "torch" else "auto",
            checkpoint=given.checkpoint,
            runtime=runtime,
        )
        cosine = float((ours.encode_texts(texts) * reference).sum(axis=1).mean())
        assert cosine > 0.99, cosine
        spent = timed(lambda ours=ours: ours.encode_texts(texts), 0.0, least=3)  # type: ignore[misc]
        factor = float(np.median(base) / np.median(spent))
        row = {"texts": len(texts), "runtime": runtime, "cosine": cosine, "factor": factor}
        print(row)
        write_row("texts", row, spent, "ms", baseline=("cn_clip, 52 tokens", base))
        ours.close()


if __name__ == "__main__":
    main()
