#!/usr/bin/env python3
"""Makes everything in this folder: frames, models, truth and references.

Needs `pip install 'sleap-nn[export]==0.3.5'` and cargo. See README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import exports
import numpy as np
import onnx
import torch
from networks import DEPTHS, Crops, Maps, Poses
from onnxruntime.transformers.float16 import convert_float_to_float16
from PIL import Image
from reference import predict, write_rows
from report import report
from scenes import ANIMALS, build_renderer, render, training_data
from torch import nn
from train import train_all

HERE = Path(__file__).resolve().parent

# First frame number, size, animals, how many, seed. The last of one animal are empty.
SCENES = {
    "one": (0, "256x192", 1, 36, 91),
    "none": (40, "256x192", 0, 4, 92),
    "two": (100, "256x192", 2, 26, 93),
    "three": (200, "256x192", 3, 36, 94),
    "wide": (300, "320x200", 2, 24, 95),
}
COLOURED = ("one", "none")
# What a colour camera under warm light makes of a tone: red, green, blue.
TINT = (
    np.stack([np.arange(256) * gain + lift for gain, lift in [(0.95, 10), (0.8, 5), (0.65, 20)]], axis=1)
    .round()
    .astype(np.uint8)
)

# Of which model and with which options there is a second reference, and its name.
SECOND = ("bottomup", {"min_instance_peaks": 4}, "sleap_nn_min_peaks.json")

# Which scenes each model is shown.
SHOWN = {
    "single_instance": ("one", "none"),
    "single_instance_fp16": ("one", "none"),
    "centroid": ("two", "three"),
    "topdown": ("wide", "three"),
    "bottomup": ("two", "three"),
    "multi_class_bottomup": ("two", "three"),
    "multi_class_topdown_combined": ("two", "three"),
}


def draw_frames(renderer: Path, out: Path) -> dict:
    """Writes frames/NNNN.png; returns the truth about them."""
    folder = out / "frames"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows, info = [], {}
    for name, (first, size, animals, count, seed) in SCENES.items():
        frames, info = render(renderer, size, animals, count, seed)
        for number, (frame, truth) in enumerate(zip(frames, info["frames"]), first):
            # Sensor noise is in the lowest bits, and would be most of the files.
            image = Image.fromarray(frame & 0xF8)
            if name in COLOURED:
                image = Image.frombytes("P", image.size, image.tobytes())
                image.putpalette(TINT.tobytes())
            image.save(folder / f"{number:04}.png", optimize=True)
            rows.append({"frame_idx": number, "animals": truth["animals"]})
    return {"nodes": info["nodes"], "edges": info["edges"], "frames": rows}


def read_frames(out: Path, scenes: tuple[str, ...]) -> dict[int, np.ndarray]:
    """Frames by number: (H, W), or (H, W, 3) where they have colour."""
    frames = {}
    for first, _, _, count, _ in (SCENES[name] for name in scenes):
        for number in range(first, first + count):
            image = Image.open(out / "frames" / f"{number:04}.png")
            frames[number] = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return frames


def untrained(edges: int) -> dict[str, Callable[[], nn.Module]]:
    """The networks whose weights `--weights` keeps."""
    return {
        "centroid": lambda: Maps(1, DEPTHS["centroid"], 1, "CentroidConfmapsHead"),
        "single": lambda: Maps(3, DEPTHS["single"], 5, "SingleInstanceConfmapsHead"),
        "crops": lambda: Crops(DEPTHS["crops"], 15, ANIMALS),
        "poses": lambda: Poses(DEPTHS["poses"], 15, edges, ANIMALS),
    }


def networks(renderer: Path, weights: Path | None, steps: float) -> dict[str, nn.Module]:
    """Trained networks by name; from the folder `weights` if it is there, else into it."""
    _, info = render(renderer, "256x192", 1, 1, 0)
    if weights and weights.is_dir():
        made = {name: make() for name, make in untrained(len(info["edges"])).items()}
        for name, network in made.items():
            network.load_state_dict(torch.load(weights / f"{name}.pt", weights_only=True))
        return {name: network.eval() for name, network in made.items()}
    images, points = training_data(renderer)
    made = train_all(images, points, info["nodes"], info["edges"], steps)
    if weights:
        weights.mkdir(parents=True)
        for name, network in made.items():
            torch.save(network.state_dict(), weights / f"{name}.pt")
    return made


def write_models(renderer: Path, made: dict[str, nn.Module], out: Path) -> None:
    """Exports every kind."""

    def skeleton(nodes: int) -> exports.Skeleton:
        _, info = render(renderer, "256x192", 1, 1, 0, nodes)
        return info["nodes"], info["edges"]

    for export in [
        exports.single_instance(made["single"], skeleton(5)),
        exports.centroid(made["centroid"], skeleton(15)),
        exports.topdown(made["centroid"], made["crops"], skeleton(13)),
        exports.bottomup(made["poses"], skeleton(15)),
        exports.multi_class_bottomup(made["poses"], skeleton(7)),
        exports.multi_class_topdown(made["centroid"], made["crops"], skeleton(13)),
    ]:
        exports.write(export, out / export.kind)
    halve(out / "single_instance", out / "single_instance_fp16")


def halve(whole: Path, out: Path) -> None:
    """A copy of a model in half precision, its outputs too."""
    out.mkdir(exist_ok=True)
    shutil.copy(whole / "training_config.yaml", out)
    meta = json.loads((whole / "export_metadata.json").read_text())
    meta["precision"] = "fp16"
    (out / "export_metadata.json").write_text(json.dumps(meta, indent=2, sort_keys=True))
    model = onnx.load(str(whole / "model.onnx"))
    half = convert_float_to_float16(model, keep_io_types=False)
    onnx.save(half, str(out / "model.onnx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renderer", type=Path, help="a built synthetic_animal example")
    parser.add_argument("--steps", type=float, default=1.0, help="multiplies the training's length")
    parser.add_argument("--weights", type=Path, help="keep the trained weights here, or use them")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write")
    args = parser.parse_args()
    renderer = args.renderer or build_renderer()
    write_models(renderer, networks(renderer, args.weights, args.steps), args.out)
    truth = draw_frames(renderer, args.out)
    write_rows(args.out / "truth.json", truth)
    jobs = [(folder, {}, "sleap_nn.json") for folder in SHOWN]
    for folder, options, name in jobs + [SECOND]:
        frames = read_frames(args.out, SHOWN[folder])
        predictions = predict(args.out / folder, frames, **options)
        write_rows(args.out / folder / name, predictions)
        report(f"{folder}/{name}", truth, predictions)


if __name__ == "__main__":
    main()
