"""Trains the image head against the shipped text tower, on frozen features.

Four pulls, each on its own photographs:
- captions: a photo and one of its sentences find each other in a batch (InfoNCE, both ways);
- mentions: tags that two or more captions mention stand above the others, within the photo and
  within the tag;
- classes: similarities to the class names stay near the classifier's own distribution, and on
  photos it is sure of the vector stays near the names' average, so that no concept is lost;
- concepts: photos filed under a name stand nearer to it than to the other names.

The head is trained twice: on everything (ships), and without the 200 held-out concepts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from app.encoders.base import unit_rows
from app.encoders.wordpiece import WordPieceTokenizer
from bench.builtin import data, features, head
from bench.builtin.export import export_text
from bench.builtin.held_out import HELD_OUT, WEIGHTS

EPOCHS, BATCH, RATE, DECAY = 60, 512, 1e-3, 0.05
CLASS_SCALE = 20.0
PULLS = {"captions": 3.0, "mentions": 1.0, "classes": 1.0, "keep": 10.0, "concepts": 0.5}
TRAINING_VIEWS = ("squash", "centre")


@dataclass(frozen=True)
class Truth:
    """Everything the head is pulled towards, as tensors; rows are rows of the features files."""

    names: Tensor
    allowed: Tensor
    captions: list[Tensor]
    tags: Tensor
    mentioned: Tensor
    open: Tensor
    concepts: Tensor
    filed: Tensor
    imagenet_rows: np.ndarray
    train_rows: np.ndarray
    concept_rows: np.ndarray


def text_vectors(texts: list[str]) -> Tensor:
    """Unit rows by the tower that ships."""
    session = onnxruntime.InferenceSession(
        str(data.WORK / "text.onnx"), providers=["CPUExecutionProvider"]
    )
    tokenize, parts = WordPieceTokenizer(), []
    for at in range(0, len(texts), 128):
        tokens = tokenize(texts[at : at + 128])
        parts.append(session.run(None, {"ids": tokens.ids, "mask": tokens.mask})[0])
    return torch.from_numpy(unit_rows(np.concatenate(parts)))


def read_truth(held_out: bool) -> Truth:
    """The truth of every list; with `held_out`, nothing of the 200 concepts is in it."""
    rows, names = features.rows(), data.imagenet_names()
    allowed = np.ones(1000, dtype=bool)
    allowed[HELD_OUT] = not held_out
    banned = {names[i] for i in HELD_OUT} if held_out else set()
    train, tags = data.photos_of("train"), data.caption_tags()
    counts = np.array([[p.label["mentions"].get(tag, 0) for tag in tags] for p in train])
    filed = [set(photo.label["names"]) for photo in data.photos_of("concepts")]
    kept = np.array([not (found & banned) for found in filed])
    concepts = sorted(set().union(*filed) - banned)
    spoken = text_vectors(data.captions("train"))
    return Truth(
        names=text_vectors(names),
        allowed=torch.from_numpy(allowed),
        captions=list(spoken.split([len(photo.label["captions"]) for photo in train])),
        tags=text_vectors(tags),
        mentioned=torch.from_numpy(counts >= 2),
        open=torch.from_numpy(counts == 1),
        concepts=text_vectors(concepts),
        filed=torch.tensor([[name in f for name in concepts] for f in filed])[kept],
        imagenet_rows=rows["imagenet"][allowed],
        train_rows=rows["train"],
        concept_rows=rows["concepts"][kept],
    )


def above(scores: Tensor, true: Tensor, left_out: Tensor, dim: int) -> Tensor:
    """Each true entry against the false ones of its row (dim 1) or column (dim 0)."""
    false = torch.logsumexp(scores.masked_fill(true | left_out, -1e9), dim, keepdim=True)
    each = (F.softplus(false - scores) * true).sum(dim)
    count = true.sum(dim)
    return (each / count.clamp(min=1))[count > 0].mean()


class Trainer:
    """One run over the truth; holds the view's tensors and the random state."""

    def __init__(self, truth: Truth, seed: int = 0):
        torch.manual_seed(seed)
        self.truth, self.rng = truth, np.random.RandomState(seed)
        self.views = [head.read_view(name) for name in TRAINING_VIEWS]
        pooled = self.views[0][0][truth.train_rows]
        self.head = head.Head(truth.names, truth.allowed, pooled.mean(0), pooled.std(0) + 1e-3)
        self.scale = torch.nn.Parameter(torch.tensor(3.0))

    def vectors(self, view: tuple[Tensor, Tensor], rows: np.ndarray) -> Tensor:
        """Unit rows of some photographs."""
        return F.normalize(self.head(view[0][rows], view[1][rows]), dim=1)

    def pick(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Positions of a random part of some rows."""
        return self.rng.randint(0, len(rows), count)

    def captions_and_mentions(self, view: tuple[Tensor, Tensor], batch: np.ndarray) -> Tensor:
        """The pull of sentences and of the tags they mention."""
        truth, scale = self.truth, self.scale.exp()
        images = self.vectors(view, truth.train_rows[batch])
        said = [truth.captions[i] for i in batch]
        texts = torch.stack([each[self.rng.randint(len(each))] for each in said])
        pairs, own = scale * images @ texts.T, torch.arange(len(batch))
        captions = (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2
        scores = scale * images @ truth.tags.T
        true, left_out = truth.mentioned[batch], truth.open[batch]
        mentions = (above(scores, true, left_out, 1) + above(scores, true, left_out, 0)) / 2
        return PULLS["captions"] * captions + PULLS["mentions"] * mentions

    def classes(self, view: tuple[Tensor, Tensor], batch: np.ndarray) -> Tensor:
        """The pull of the classifier, on photos of its concepts and on everyday ones."""
        truth = self.truth
        named = truth.imagenet_rows[self.pick(truth.imagenet_rows, 128)]
        rows = np.concatenate([named, truth.train_rows[batch[:128]]])
        images, logits = self.vectors(view, rows), view[1][rows]
        wanted = logits[:, truth.allowed].softmax(1)
        given = F.log_softmax(CLASS_SCALE * images @ truth.names[truth.allowed].T, 1)
        spread = F.kl_div(given, wanted, reduction="batchmean")
        sure = wanted.max(1).values
        apart = 1 - (images * F.normalize(self.head.average(logits), dim=1)).sum(1)
        return PULLS["classes"] * spread + PULLS["keep"] * (apart * sure).sum() / sure.sum()

    def concepts(self, view: tuple[Tensor, Tensor]) -> Tensor:
        """The pull of the names that photos are filed under."""
        truth = self.truth
        some = self.pick(truth.concept_rows, 256)
        images = self.vectors(view, truth.concept_rows[some])
        scores, true = self.scale.exp() * images @ truth.concepts.T, truth.filed[some]
        return PULLS["concepts"] * above(scores, true, torch.zeros_like(true), 1)

    def run(self) -> head.Head:
        """Trains and returns the head."""
        groups = [
            {"params": self.head.parameters(), "weight_decay": DECAY},
            {"params": [self.scale], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=RATE)
        steps = len(self.truth.train_rows) // BATCH * EPOCHS
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, total_steps=steps, pct_start=0.1
        )
        self.head.train()
        for _ in range(EPOCHS):
            order = self.rng.permutation(len(self.truth.train_rows))
            for at in range(0, len(order) - BATCH + 1, BATCH):
                batch = order[at : at + BATCH]
                view = self.views[self.rng.randint(len(self.views))]
                loss = self.captions_and_mentions(view, batch) + self.classes(view, batch)
                loss = loss + self.concepts(view)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return self.head.eval()


def save_held_out(trained: head.Head) -> None:
    """The held-out head's numbers for `bench.builtin_quality`, which has no torch."""
    first, last = trained.net[1], trained.net[4]
    arrays = {
        "w1": first.weight, "b1": first.bias, "w2": last.weight, "b2": last.bias,
        "mean": trained.mean, "spread": trained.spread,
    }  # fmt: skip
    np.savez_compressed(
        WEIGHTS,
        temperature=np.float32(head.TEMPERATURE),
        **{name: value.detach().numpy().astype(np.float16) for name, value in arrays.items()},
    )


def main() -> None:
    began = time.time()
    export_text(data.WORK / "text.onnx")
    save_held_out(Trainer(read_truth(held_out=True)).run())
    print(f"held-out head: {time.time() - began:.0f} s", flush=True)
    head.save(Trainer(read_truth(held_out=False)).run(), data.WORK / "head.pt")
    print(f"shipped head: {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
