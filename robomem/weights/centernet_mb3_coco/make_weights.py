"""Makes model.onnx from the TensorFlow.js graph of MB3-CenterNet; a developer's tool, never imported by robomem (needs `onnx`).

Usage: npm pack @vladmandic/human@3.3.6 && tar xzf vladmandic-human-3.3.6.tgz
       python make_weights.py package/models/centernet model.onnx

The graph is cut at the heatmap and at wh, and turned from NHWC to NCHW. The published weights are half precision already, so storing
them as float16 loses nothing; each gets a Cast node, which ONNX Runtime folds away once when the session opens.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
CONVOLUTIONS = {"_FusedConv2D": False, "FusedDepthwiseConv2dNative": True, "Conv2D": False, "DepthwiseConv2dNative": True}
OUTPUTS = {"tower_0/keypoints": "heatmap", "tower_0/wh": "wh"}


def read_weights(stem: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The graph's nodes by name and the weights by name, from `stem`.json and `stem`.bin.

    Raises:
        ValueError: a weight is stored in a type this script does not know.
    """
    graph = json.loads(stem.with_suffix(".json").read_text("utf-8"))
    raw, weights, offset = stem.with_suffix(".bin").read_bytes(), {}, 0
    for spec in graph["weightsManifest"][0]["weights"]:
        stored = spec.get("quantization", {}).get("dtype", spec["dtype"])
        if stored not in ("float16", "float32", "int32"):
            raise ValueError(f"{stem}: weight {spec['name']} has type {stored}; expected float16, float32 or int32")
        dtype = np.dtype(stored)
        count = int(np.prod(spec["shape"], dtype=int))
        weights[spec["name"]] = np.frombuffer(raw, dtype, count, offset).reshape(spec["shape"])
        offset += count * dtype.itemsize
    return {node["name"]: node for node in graph["modelTopology"]["node"]}, weights


def attribute(node: dict[str, Any], key: str) -> Any:
    """A TensorFlow.js attribute as a plain value; None where absent."""
    value = node.get("attr", {}).get(key)
    if value is None:
        return None
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "list" in value:
        items = value["list"]
        return [int(v) for v in items["i"]] if "i" in items else [base64.b64decode(v).decode() for v in items.get("s", [])]
    return next(iter(value.values()))


class Converter:
    """Walks the graph from its outputs back to the image and writes ONNX nodes."""

    def __init__(self, nodes: dict[str, Any], weights: dict[str, Array]) -> None:
        self.nodes, self.weights = nodes, weights
        self.initializers: dict[str, Array] = {"zero": np.float32(0), "six": np.float32(6)}
        self.out: list[onnx.NodeProto] = []
        self.done: set[str] = set()

    def visit(self, name: str) -> None:
        """Write everything `name` depends on, then `name`."""
        name = name.split(":")[0].lstrip("^")
        if name in self.done:
            return
        self.done.add(name)
        for source in self.nodes[name].get("input", []):
            self.visit(source)
        if self.nodes[name]["op"] != "Const":
            self.write(name, self.nodes[name])

    def emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Append one ONNX node."""
        self.out.append(helper.make_node(op, inputs, [output], **attributes))

    def constant(self, name: str, value: Array) -> str:
        """Register an initialiser once, and return its name."""
        self.initializers.setdefault(name, value)
        return name

    def source(self, name: str) -> str:
        """The tensor a node reads: another node, or a weight laid out to broadcast over NCHW."""
        name = name.split(":")[0]
        if name not in self.weights:
            return name
        w = self.weights[name]
        shaped = w if w.ndim == 0 else w.reshape(1, -1, 1, 1) if w.ndim == 1 else w.transpose(0, 3, 1, 2)
        return self.constant(f"{name}__b", shaped)

    def convolution(self, name: str, node: dict[str, Any], depthwise: bool) -> None:
        """Conv, its bias and its activation."""
        image, kernel_name = node["input"][0], node["input"][1].split(":")[0]
        kernel, fused = self.weights[kernel_name], attribute(node, "fused_ops") or []
        if depthwise:  # [kh, kw, c, m] -> [c * m, 1, kh, kw]
            weight = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])
        else:  # [kh, kw, in, out] -> [out, in, kh, kw]
            weight = kernel.transpose(3, 2, 0, 1)
        inputs = [self.source(image), self.constant(f"{name}__w", weight)]
        if "BiasAdd" in fused:
            inputs.append(self.constant(f"{name}__bias", self.weights[node["input"][2].split(":")[0]].reshape(-1)))
        activation = [f for f in fused if f != "BiasAdd"]
        output = f"{name}__linear" if activation else name
        self.emit(
            "Conv",
            inputs,
            output,
            strides=attribute(node, "strides")[1:3],
            kernel_shape=list(weight.shape[2:]),
            group=kernel.shape[2] if depthwise else 1,
            auto_pad="SAME_UPPER" if attribute(node, "padding") == "SAME" else "VALID",
        )
        if activation:
            self.activation(activation[0], output, name)

    def activation(self, op: str, source: str, output: str) -> None:
        """Relu, Elu, or Relu6 as a Clip."""
        if op == "Relu6":
            self.emit("Clip", [source, "zero", "six"], output)
        else:
            self.emit(op, [source], output)

    def write(self, name: str, node: dict[str, Any]) -> None:
        """One TensorFlow.js node as ONNX.

        Raises:
            ValueError: an operation this graph is not known to use.
        """
        op, inputs = node["op"], node.get("input", [])
        if op == "Placeholder":
            self.emit("Transpose", ["images"], name, perm=[0, 3, 1, 2])
        elif op in CONVOLUTIONS:
            self.convolution(name, node, CONVOLUTIONS[op])
        elif op in ("Mul", "Add"):
            self.emit(op, [self.source(i) for i in inputs], name)
        elif op in ("Relu", "Relu6", "Elu"):
            self.activation(op, self.source(inputs[0]), name)
        elif op in ("Sigmoid", "Identity"):
            self.emit(op, [self.source(inputs[0])], name)
        elif op == "Mean":
            axes = self.constant(f"{name}__axes", np.array([2, 3], np.int64))
            self.emit("ReduceMean", [self.source(inputs[0]), axes], name, keepdims=1)
        elif op == "ConcatV2":
            self.emit("Concat", [self.source(i) for i in inputs[:2]], name, axis=1)
        elif op == "ResizeBilinear":
            scale = self.constant("twice", np.array([1, 1, 2, 2], np.float32))
            self.emit("Resize", [self.source(inputs[0]), "", scale], name, mode="linear", coordinate_transformation_mode="asymmetric")
        else:
            raise ValueError(f"{name}: operation {op} is not part of this network")


def halved(initializers: dict[str, Array]) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Float weights as float16 tensors with a Cast back to float32 each; shapes and axes as they are.

    Raises:
        ValueError: a weight does not survive half precision exactly.
    """
    tensors, casts = [], []
    for name, value in initializers.items():
        value = np.ascontiguousarray(value)
        if not np.issubdtype(value.dtype, np.floating) or value.size < 8:
            tensors.append(numpy_helper.from_array(value.astype(np.float32) if value.dtype == np.float16 else value, name))
            continue
        half = value.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), value.astype(np.float32)):
            raise ValueError(f"{name} loses precision as float16; keep this tensor in float32")
        tensors.append(numpy_helper.from_array(half, f"{name}__half"))
        casts.append(helper.make_node("Cast", [f"{name}__half"], [name], to=TensorProto.FLOAT))
    return tensors, casts


def convert(stem: Path, target: Path) -> str:
    """Write `target` from `stem`.json and `stem`.bin; returns its sha256."""
    converter = Converter(*read_weights(stem))
    for name, output in OUTPUTS.items():
        converter.visit(name)
        converter.emit("Transpose", [name], output, perm=[0, 2, 3, 1])
    tensors, casts = halved(converter.initializers)
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 512, 512, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 128, 128, c]) for name, c in (("heatmap", 80), ("wh", 4))]
    graph = helper.make_graph(casts + converter.out, "centernet_mb3_coco", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], producer_name="robomem")
    model.ir_version = 9
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stem", type=Path, help="the package's models/centernet, without suffix")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    print(convert(arguments.stem, arguments.target))
