"""Distils the teacher's text space into the small tower that ships.

The target of a text is the teacher's vector less the mean vector of the 1,000 ImageNet names,
scaled to unit length: the space in which images are placed. The first epochs leave the 200
held-out names out, and that state is kept for the strict zero-shot figure; the last take all.
"""

from __future__ import annotations

import json
import time

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from app.encoders.base import unit_rows
from app.encoders.wordpiece import WordPieceTokenizer
from bench.builtin import data, teacher
from bench.builtin.held_out import HELD_OUT
from bench.builtin.tower import Tower

BATCH = 384
WORDS_AN_EPOCH = 0.4  # most headwords are no picture; each epoch sees another part of them
HELD_OUT_EPOCHS, ALL_EPOCHS = 8, 2
PEAK_RATES = {"held_out": 1.2e-3, "all": 4e-4}


def centred_teacher() -> tuple[dict[str, int], np.ndarray]:
    """Row of each text and the `(n, 384) float32` targets, unit rows."""
    rows, vectors = teacher.load()
    mean = vectors[[rows[name] for name in data.imagenet_names()]].mean(axis=0)
    return rows, unit_rows(vectors - mean)


def loss_of(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Distance to the teacher, and between the two's similarities within the batch."""
    output = F.normalize(output.float(), dim=1)
    distance = (1 - (output * target).sum(1)).mean()
    relation = ((output @ output.T - target @ target.T) ** 2).mean()
    neighbours = F.kl_div(
        F.log_softmax(20 * output @ target.T, 1), F.softmax(20 * target @ target.T, 1),
        reduction="batchmean",
    )  # fmt: skip
    return distance + 2 * relation + 0.1 * neighbours


def batches(texts: list[str], rng: np.random.RandomState) -> list[list[str]]:
    """Batches of texts of similar length, in random order."""
    lengths = np.array([len(text) + rng.randint(2) for text in texts])
    order = np.lexsort((rng.rand(len(texts)), lengths))
    found = [[texts[i] for i in order[at : at + BATCH]] for at in range(0, len(order), BATCH)]
    rng.shuffle(found)  # type: ignore[arg-type]
    return found


def one_epoch(
    groups: dict[str, list[str]], left_out: set[str], rng: np.random.RandomState
) -> list[str]:
    """The texts of one epoch: names and phrases twice, a part of the dictionary."""
    words = [word for word in groups["words"] if rng.rand() < WORDS_AN_EPOCH]
    named = groups["names"] + groups["phrases"]
    return [text for text in named + named + groups["train"] + words if text not in left_out]


def train(net: Tower, stage: str, epochs: int, left_out: set[str]) -> None:
    """One stage of training, with a warm-up and a cosine to the end."""
    groups = json.loads((data.WORK / "groups.json").read_text(encoding="utf-8"))
    rows, targets = centred_teacher()
    tokenize, rng = WordPieceTokenizer(), np.random.RandomState(0)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01, betas=(0.9, 0.98))
    plan = [one_epoch(groups, left_out, rng) for _ in range(epochs)]
    steps = sum(-(-len(texts) // BATCH) for texts in plan)
    step, began = 0, time.time()
    for texts in plan:
        for batch in batches(texts, rng):
            rate = min(1, (step + 1) / 400) * max(0.02, 0.5 * (1 + np.cos(np.pi * step / steps)))
            optimizer.param_groups[0]["lr"] = PEAK_RATES[stage] * rate
            tokens = tokenize(batch)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                output = net(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.mask))
            loss = loss_of(output, torch.from_numpy(targets[[rows[text] for text in batch]]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
        print(f"{stage} step {step}/{steps}, loss {loss.item():.3f}, {time.time() - began:.0f} s")
        torch.save(net.state_dict(), data.WORK / f"tower_{stage}.pt")


def main() -> None:
    torch.manual_seed(0)
    net = Tower()
    names = data.imagenet_names()
    val = set(data.captions("val")) - set(data.captions("train"))
    train(net, "held_out", HELD_OUT_EPOCHS, val | {names[i] for i in HELD_OUT})
    train(net, "all", ALL_EPOCHS, val)


if __name__ == "__main__":
    main()
