"""Writes the two ONNX files, their description and the background bank into the project.

Weights are stored small and computed in float32: matrices as float16 behind a Cast, the word-piece
table as int8 with a scale for each row. ONNX Runtime folds the casts when it loads the file.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from app.encoders.builtin import BUILTIN_DIR
from bench.builtin import data, features, head
from bench.builtin.backbone import MEAN, SIZE, STD, Backbone
from bench.builtin.tower import MAX_TOKENS, OUTPUT, Tower

HALVED_FROM = 1_024  # smaller tensors stay float32: they cost nothing and hold the fine numbers
BANK = {"train": 1_200, "concepts": 500, "imagenet": 300}


class Image(torch.nn.Module):
    """Backbone and head in one graph."""

    def __init__(self, trained: head.Head) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), trained

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels to the embedding, and what it was made of."""
        pooled, logits = self.backbone(pixels)
        return self.head(pooled, logits), pooled, logits


def halve(model: onnx.ModelProto) -> None:
    """Stores large float32 tensors as float16 behind a Cast."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < HALVED_FROM:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for position, cast in enumerate(casts):
        graph.node.insert(position, cast)


def quantise_table(model: onnx.ModelProto, rows: int) -> None:
    """Stores the table that a Gather reads as int8 with one scale a row."""
    graph = model.graph
    (table,) = [t for t in graph.initializer if list(t.dims)[:1] == [rows]]
    (gather,) = [n for n in graph.node if n.op_type == "Gather" and n.input[0] == table.name]
    values = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-8) / 127
    whole = np.round(values / scales).astype(np.int8)
    at, ids, found = list(graph.node).index(gather), gather.input[1], gather.output[0]
    graph.initializer.remove(table)
    graph.initializer.append(numpy_helper.from_array(whole, "words_int8"))
    graph.initializer.append(numpy_helper.from_array(scales.astype(np.float32), "words_scale"))
    graph.node.remove(gather)
    nodes = [
        helper.make_node("Gather", ["words_int8", ids], ["words_whole"]),
        helper.make_node("Cast", ["words_whole"], ["words_float"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["words_scale", ids], ["words_row_scale"]),
        helper.make_node("Mul", ["words_float", "words_row_scale"], [found]),
    ]
    for position, node in enumerate(nodes):
        graph.node.insert(at + position, node)


def export_image(path: Path) -> None:
    """`pixels` to `embedding`, with `pooled` and `logits` for whoever asks for them."""
    torch.onnx.export(
        Image(head.load(data.WORK / "head.pt")).eval(), (torch.zeros(2, 3, SIZE, SIZE),), path,
        input_names=["pixels"], output_names=["embedding", "pooled", "logits"],
        dynamic_axes={n: {0: "n"} for n in ("pixels", "embedding", "pooled", "logits")},
        dynamo=False, opset_version=17,
    )  # fmt: skip
    model = onnx.load(path)
    halve(model)
    onnx.save(model, path)


def export_text(path: Path) -> None:
    """`ids` and `mask` to `embedding`."""
    net = Tower()
    net.load_state_dict(torch.load(data.WORK / "tower_all.pt", weights_only=True))
    ids, mask = torch.ones(2, 7, dtype=torch.long), torch.ones(2, 7, dtype=torch.long)
    shape = {0: "n", 1: "length"}
    torch.onnx.export(
        net.eval(), (ids, mask), path, input_names=["ids", "mask"], output_names=["embedding"],
        dynamic_axes={"ids": shape, "mask": shape, "embedding": {0: "n"}},
        dynamo=False, opset_version=17,
    )  # fmt: skip
    model = onnx.load(path)
    quantise_table(model, net.emb.num_embeddings)
    halve(model)
    onnx.save(model, path)


def export_bank(path: Path) -> None:
    """Vectors of a fixed sample of the training photographs, float16."""
    trained, rows = head.load(data.WORK / "head.pt"), features.rows()
    rng = np.random.RandomState(0)
    chosen = np.concatenate(
        [rng.choice(rows[name], count, replace=False) for name, count in BANK.items()]
    )
    np.savez(path, vectors=head.embed(trained, "squash", chosen).astype(np.float16))


def main() -> None:
    BUILTIN_DIR.mkdir(parents=True, exist_ok=True)
    image, text = BUILTIN_DIR / "image.onnx", BUILTIN_DIR / "text.onnx"
    export_image(image)
    shutil.copyfile(data.WORK / "text.onnx", text)  # the very file the head was trained against
    export_bank(BUILTIN_DIR / "background.npz")
    described = BUILTIN_DIR / "model.json"
    stated = {
        "name": "builtin",
        "dim": OUTPUT,
        "max_tokens": MAX_TOKENS,
        "preprocessing": {
            "size": SIZE, "mean": MEAN, "std": STD, "fit": "squash", "interpolation": "bicubic",
        },
        "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in (image, text)},
    }  # fmt: skip
    described.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")
    for file in sorted(BUILTIN_DIR.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
