#!/usr/bin/env python3
"""Writes the toy models beside it; needs the Python package onnx.

A toy answers with the brightest pixel of each channel, under the contract of a single-instance
export: image uint8 [B, C, H, W] -> peaks [B, C, 2] (x, y; NaN below 0.2), peak_vals [B, C].
Like a real export its width is frozen although its axes look dynamic.
"""

import json
from pathlib import Path

import onnx
from onnx import TensorProto as T
from onnx import helper as h

HERE = Path(__file__).parent
WIDTH, HEIGHT = 16, 12


def const(name, values, kind):
    dims = [] if not isinstance(values, list) else [len(values)]
    return h.make_tensor(name, kind, dims, values if isinstance(values, list) else [values])


def graph(channels, input_kind=T.UINT8, peaks="peaks", flat=False):
    nodes = [
        h.make_node("Cast", ["image"], ["pixels"], to=T.FLOAT),
        h.make_node("Div", ["pixels", "white"], ["light"]),
        h.make_node("Reshape", ["light", "flat_shape"], ["flat"]),
        h.make_node("ReduceMax", ["flat"], ["best"], axes=[2], keepdims=0),
        h.make_node("ArgMax", ["flat"], ["at"], axis=2, keepdims=1),
        h.make_node("Mod", ["at", "width"], ["x"]),
        h.make_node("Div", ["at", "width"], ["y"]),
        h.make_node("Concat", ["x", "y"], ["xy"], axis=2),
        h.make_node("Cast", ["xy"], ["xy_float"], to=T.FLOAT),
        h.make_node("Less", ["best", "threshold"], ["below"]),
        h.make_node("Unsqueeze", ["below", "last"], ["below_xy"]),
        h.make_node("Where", ["below_xy", "nan", "xy_float"], ["found"]),
        h.make_node("Where", ["below", "zero", "best"], ["peak_vals"]),
    ]
    last = h.make_node("Flatten", ["found"], [peaks]) if flat else h.make_node("Identity", ["found"], [peaks])
    shape = ["batch", channels * 2] if flat else ["batch", channels, 2]
    return h.make_graph(
        nodes + [last],
        "toy",
        [h.make_tensor_value_info("image", input_kind, ["batch", channels, "height", "width_"])],
        [
            h.make_tensor_value_info(peaks, T.FLOAT, shape),
            h.make_tensor_value_info("peak_vals", T.FLOAT, ["batch", channels]),
        ],
        [
            const("white", 255.0, T.FLOAT),
            const("flat_shape", [0, 0, -1], T.INT64),
            const("width", WIDTH, T.INT64),
            const("threshold", 0.2, T.FLOAT),
            const("last", [-1], T.INT64),
            const("nan", float("nan"), T.FLOAT),
            const("zero", 0.0, T.FLOAT),
        ],
    )


def save(path, config=None, **options):
    model = h.make_model(graph(**options), opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    if config is not None:
        h.set_model_props(model, {"training_config": config})
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path)


def metadata(folder, nodes, channels, **more):
    fields = {
        "model_type": "single_instance",
        "model_name": f"toy_{folder}",
        "n_nodes": len(nodes),
        "n_edges": 0,
        "node_names": nodes,
        "edge_inds": [],
        "input_channels": channels,
        "input_dtype": "uint8",
        "input_scale": 1.0,
        "output_stride": 1,
        "peak_threshold": 0.2,
        "max_height": None,
        "max_width": None,
    } | more
    (HERE / folder / "export_metadata.json").write_text(json.dumps(fields, indent=2) + "\n")


CONFIG = f"""data_config:
  preprocessing:
    max_height: {HEIGHT}
    max_width: {WIDTH}
  skeletons:
  - name: colours
    nodes:
    - name: red
    - name: green
    - name: blue
    edges:
    - source:
        name: red
      destination:
        name: blue
"""

if __name__ == "__main__":
    save(HERE / "gray/model.onnx", channels=1)
    metadata("gray", ["light"], 1, max_height=HEIGHT, max_width=WIDTH)
    save(HERE / "rgb/model.onnx", config=CONFIG, channels=3)
    metadata("rgb", ["red", "green", "blue"], 3)
    save(HERE / "misfits/float_input.onnx", channels=1, input_kind=T.FLOAT)
    save(HERE / "misfits/other_output.onnx", channels=1, peaks="points")
    save(HERE / "misfits/flat_output.onnx", channels=1, flat=True)
