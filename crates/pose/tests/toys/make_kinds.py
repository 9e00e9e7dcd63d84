#!/usr/bin/env python3
"""Writes a toy model of every kind but single-instance beside it; needs the Python package onnx.

Such a toy has the outputs of its kind and reads them off the pixels of a gray frame of 16x12, in
the order in which `KINDS` lists them: a coordinate is the pixel's value, a score is the value / 100
(less 1 for lines), a truth is whether the value is not 0. Points of top-down crops whose score is
below 0.2 are NaN, as in real exports. What to answer is thus up to the frame, and every frame of a
batch can answer something else.

NODES, SLOTS (centroids or peaks a node), EDGES and CLASSES are what tests/it/kinds.rs expects.
"""

import json
from pathlib import Path

import onnx
from onnx import TensorProto as T
from onnx import helper as h

HERE = Path(__file__).parent
WIDTH, HEIGHT = 16, 12
NODES = ["head", "thorax", "tail"]
EDGES = [[0, 1], [1, 2]]
CLASSES = ["female", "male"]
SLOTS = 2
CROPS = 3
N, C, E, K, I = len(NODES), len(CLASSES), len(EDGES), SLOTS, CROPS

CENTROIDS = [("centroids", "xy", [I, 2]), ("centroid_vals", "score", [I]), ("instance_valid", "truth", [I])]
TOPDOWN = [*CENTROIDS, ("peak_vals", "score", [I, N]), ("peaks", "found xy", [I, N, 2])]
PEAKS = [("peaks", "xy", [N, K, 2]), ("peak_vals", "score", [N, K]), ("peak_mask", "truth", [N, K])]
KINDS = {
    "centroid": CENTROIDS,
    "topdown": TOPDOWN,
    "bottomup": [*PEAKS, ("line_scores", "line", [E, K * K]), ("candidate_mask", "truth", [E, K * K])],
    "multi_class_bottomup": [*PEAKS, ("class_probs", "score", [N, K, C])],
    "multi_class_topdown_combined": [*TOPDOWN, ("class_logits", "score", [I, C])],
}


def constant(name, values, kind=T.INT64):
    dims = [len(values)] if isinstance(values, list) else []
    return h.make_tensor(name, kind, dims, values if dims else [values])


def graph(outputs):
    nodes = [
        h.make_node("Cast", ["image"], ["light"], to=T.FLOAT),
        h.make_node("Flatten", ["light"], ["pixels"]),
    ]
    constants = [
        constant("axis", [1]),
        constant("hundred", 100.0, T.FLOAT),
        constant("one", 1.0, T.FLOAT),
        constant("zero", 0.0, T.FLOAT),
        constant("least", 0.2, T.FLOAT),
        constant("last", [-1]),
        constant("nan", float("nan"), T.FLOAT),
    ]
    start = 0
    for name, what, shape in outputs:
        count = 1
        for length in shape:
            count *= length
        constants += [
            constant(f"{name}_from", [start]),
            constant(f"{name}_to", [start + count]),
            constant(f"{name}_shape", [-1, *shape]),
        ]
        start += count
        nodes += [
            h.make_node("Slice", ["pixels", f"{name}_from", f"{name}_to", "axis"], [f"{name}_flat"]),
            h.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [f"{name}_raw"]),
        ]
        raw = f"{name}_raw"
        if what == "xy":
            nodes.append(h.make_node("Identity", [raw], [name]))
        elif what == "found xy":
            nodes += [
                h.make_node("Less", ["peak_vals", "least"], ["below"]),
                h.make_node("Unsqueeze", ["below", "last"], ["below_xy"]),
                h.make_node("Where", ["below_xy", "nan", raw], [name]),
            ]
        elif what == "score":
            nodes.append(h.make_node("Div", [raw, "hundred"], [name]))
        elif what == "line":
            nodes.append(h.make_node("Div", [raw, "hundred"], [f"{name}_score"]))
            nodes.append(h.make_node("Sub", [f"{name}_score", "one"], [name]))
        else:
            nodes.append(h.make_node("Greater", [raw, "zero"], [name]))
    assert start <= WIDTH * HEIGHT
    return h.make_graph(
        nodes,
        "toy",
        [h.make_tensor_value_info("image", T.UINT8, ["batch", 1, "height", "width"])],
        [
            h.make_tensor_value_info(name, T.BOOL if what == "truth" else T.FLOAT, ["batch", *shape])
            for name, what, shape in outputs
        ],
        constants,
    )


def save(kind, outputs):
    folder = HERE / kind
    folder.mkdir(exist_ok=True)
    model = h.make_model(graph(outputs), opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")
    multi_class = kind.startswith("multi_class")
    edges = EDGES if kind == "bottomup" else []
    fields = {
        "model_type": kind,
        "model_name": f"toy_{kind}",
        "n_nodes": N,
        "n_edges": len(edges),
        "node_names": NODES,
        "edge_inds": edges,
        "input_channels": 1,
        "input_dtype": "uint8",
        "input_scale": 0.5 if "bottomup" in kind else 1.0,
        "output_stride": 1,
        "peak_threshold": 0.2,
        "max_instances": None if "bottomup" in kind else I,
        "max_peaks_per_node": K if "bottomup" in kind else None,
        "n_classes": C if multi_class else None,
        "class_names": CLASSES if multi_class else None,
        "max_height": HEIGHT,
        "max_width": WIDTH,
    }
    (folder / "export_metadata.json").write_text(json.dumps(fields, indent=2) + "\n")


if __name__ == "__main__":
    for kind, outputs in KINDS.items():
        save(kind, outputs)
