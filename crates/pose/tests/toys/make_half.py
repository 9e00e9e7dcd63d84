#!/usr/bin/env python3
"""Writes the toys of 16-bit floats; needs the Python packages onnx and onnxruntime.

They are the gray toy, converted as users convert an export: the outputs stay 32-bit floats
(half_inside) or become 16-bit ones too (half_outputs).
"""

import json
from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

HERE = Path(__file__).parent

for name, keep_io_types in [("half_inside", True), ("half_outputs", False)]:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model = convert_float_to_float16(onnx.load(HERE / "gray/model.onnx"), keep_io_types=keep_io_types)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")
    metadata = json.loads((HERE / "gray/export_metadata.json").read_text())
    metadata["model_name"] = f"toy_{name}"
    (folder / "export_metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")
