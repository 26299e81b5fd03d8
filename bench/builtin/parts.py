"""Writes what is added to `image.onnx` so that it also embeds the parts of an image.

The backbone ends in a map of places, averaged before the head. Here the head runs at each place
instead, over the same weights, so the addition has nodes and no numbers: two serialised protobuf
messages one after the other are read as one, with the nodes and outputs of both.

    python -m bench.builtin.parts
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from app.encoders.builtin import BUILTIN_DIR, PARTS_FILE
from app.encoders.folder import IMAGE_FILE
from app.encoders.runtimes.onnx_parts import OUTPUT

PREFIX = "part:"


def head_nodes(graph: GraphProto) -> list[NodeProto]:
    """The nodes that make `embedding` of `pooled`, in order."""
    depends, found = {"pooled"}, []
    for node in graph.node:
        if depends & set(node.input):
            depends |= set(node.output)
            found.append(node)
    return found


def at_each_place(nodes: list[NodeProto], pooled: str) -> list[NodeProto]:
    """The same nodes over rows of places; what they make gets other names."""
    made = {name for node in nodes for name in node.output}
    renamed = {"pooled": pooled} | {name: PREFIX + name for name in made}
    copies = []
    for node in nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.name = PREFIX + node.name
        copy.input[:] = [renamed.get(name, name) for name in node.input]
        copy.output[:] = [renamed[name] for name in node.output]
        copies.append(copy)
    return copies


def addition(model: ModelProto) -> ModelProto:
    """Nodes and the output `parts (n, 1 + k, d)`: the image, then the places row by row."""
    (pool,) = [node for node in model.graph.node if "pooled" in node.output]
    (embedding,) = [value for value in model.graph.output if value.name == "embedding"]
    dim = embedding.type.tensor_type.shape.dim[1].dim_value
    (pooled,) = [value for value in model.graph.output if value.name == "pooled"]
    channels = pooled.type.tensor_type.shape.dim[1].dim_value
    numbers = {"rows": [-1, channels], "parts": [-1, dim], "one": [1]}
    names = {name: f"{PREFIX}{name}" for name in (*numbers, "last", "flat", "n", "shape", "places")}
    nodes = [
        helper.make_node("Transpose", [pool.input[0]], [names["last"]], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", [names["last"], names["rows"]], [names["flat"]]),
        *at_each_place(head_nodes(model.graph), names["flat"]),
        helper.make_node("Shape", [pool.input[0]], [names["n"]], start=0, end=1),
        helper.make_node("Concat", [names["n"], names["parts"]], [names["shape"]], axis=0),
        helper.make_node("Reshape", [f"{PREFIX}embedding", names["shape"]], [names["places"]]),
        helper.make_node("Unsqueeze", ["embedding", names["one"]], [f"{PREFIX}whole"]),
        helper.make_node("Concat", [f"{PREFIX}whole", names["places"]], [OUTPUT], axis=1),
    ]
    graph = GraphProto(
        node=nodes,
        initializer=[
            numpy_helper.from_array(np.asarray(value, np.int64), names[name])
            for name, value in numbers.items()
        ],
        output=[helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", "k", dim])],
    )
    return ModelProto(graph=graph)


def main() -> None:
    model = onnx.load(BUILTIN_DIR / IMAGE_FILE)
    (BUILTIN_DIR / PARTS_FILE).write_bytes(addition(model).SerializeToString())


if __name__ == "__main__":
    main()
