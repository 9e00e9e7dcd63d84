"""What sleap-nn's own predictor says about frames, as JSON."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from scenes import matched
from sleap_nn.inference.outputs import Outputs
from sleap_nn.inference.predictor import Predictor

PACKAGES = ["sleap-nn", "onnxruntime", "torch", "torchvision"]
HOW = "sleap_nn.data.resizing.apply_sizematcher, points divided by its scale"


def input_size(out: Path) -> tuple[int, int]:
    """Width and height for which an exported model was traced."""
    path = next(p for p in sorted(out.glob("training_config*.yaml")) if "centered" not in p.name)
    preprocessing = OmegaConf.load(path).data_config.preprocessing
    return preprocessing.max_width, preprocessing.max_height


def predict(out: Path, frames: dict[int, np.ndarray], **options) -> dict:
    """Predictions of the model in `out` for frames (H, W) or (H, W, 3), by their numbers.
    The options are those of sleap-nn's predictor."""
    meta = json.loads((out / "export_metadata.json").read_text())
    pairs = {number: matched(frame, *input_size(out)) for number, frame in frames.items()}
    images = [image for image, _ in pairs.values()]
    stack = np.stack([image if image.ndim == 3 else image[..., None] for image in images])
    predictor = Predictor.from_export_dir(str(out), runtime="onnx", device="cpu", batch_size=4, **options)
    rows = []
    batches = predictor.predict(stack, make_labels=False)
    slots = [row for outputs in batches for row in split(outputs)]
    labels = {labeled.frame_idx: labeled.instances for labeled in predictor.predict(stack)}
    for index, (number, (_, scale)) in enumerate(pairs.items()):
        instances = [describe(instance, scale) for instance in labels.get(index, [])]
        if meta["class_names"]:
            # The slots are the classes, which sleap-nn's labels for exports leave out.
            used = [name for name, filled in zip(meta["class_names"], slots[index]) if filled]
            for instance, name in zip(instances, used, strict=True):
                instance["track"] = name
        rows.append({"frame_idx": number, "instances": instances})
    return {
        "model_kind": meta["model_type"],
        "n_frames": len(rows),
        "versions": {name: version(name) for name in PACKAGES},
        "size_matching": HOW,
        "options": options,
        "nodes": [meta["anchor_part"]] if meta["model_type"] == "centroid" else meta["node_names"],
        "frames": rows,
    }


def split(outputs: Outputs) -> list[list[bool]]:
    """For each frame of a batch, which slots hold an instance with a point."""
    if outputs.pred_keypoints is None:
        return outputs.instance_valid.tolist()
    return torch.isfinite(outputs.pred_keypoints).any(dim=-1).any(dim=-1).tolist()


def describe(instance, scale: float) -> dict:
    """One instance, its points in the frame's pixels; null where a point is missing."""
    points = instance.numpy() / scale
    return {
        "points": [None if np.isnan(p).any() else [round(float(v), 4) for v in p] for p in points],
        "point_scores": [number(score) for score in instance.points["score"]],
        "score": number(instance.score),
        "track": None,
    }


def number(score: float) -> float | None:
    """A score as JSON; null where there is none."""
    return None if np.isnan(score) else round(float(score), 6)


def write_rows(path: Path, content: dict) -> None:
    """JSON with one frame on each line."""
    head = json.dumps({key: value for key, value in content.items() if key != "frames"}, indent=1)
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in content["frames"])
    path.write_text(head[:-2] + ',\n "frames": [\n' + rows + "\n]}\n")
