"""Pictures of the synthetic animals, drawn by the example `synthetic_animal` of `crates/vision`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from sleap_nn.data.resizing import apply_sizematcher

ROOT = Path(__file__).resolve().parent.parent.parent
RENDERER = "synthetic_animal"

WIDTH, HEIGHT = 256, 192
ANIMALS = 3
NODES = 15

# Size of the frames before they are matched to WIDTH x HEIGHT, animals in them, how many.
TRAINING = [
    ("256x192", 0, 60),
    ("256x192", 1, 900),
    ("256x192", 2, 900),
    ("256x192", 3, 1200),
    ("320x200", 1, 150),
    ("320x200", 2, 350),
    ("320x200", 3, 250),
]


def build_renderer() -> Path:
    """Builds the example that draws the frames; returns its path."""
    command = ["cargo", "build", "--release", "-p", "sleap-stream-vision", "--example", RENDERER]
    report = subprocess.run(command + ["--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for line in report.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == RENDERER:
            return Path(message["executable"])
    raise RuntimeError(f"cargo did not say where it put {RENDERER}")


def render(
    renderer: Path, size: str, animals: int, count: int, seed: int, nodes: int = NODES
) -> tuple[np.ndarray, dict]:
    """Unrelated gray frames (count, H, W), and what the renderer says about them."""
    with tempfile.TemporaryDirectory() as folder:
        raw, truth = Path(folder, "raw"), Path(folder, "truth.json")
        command = [renderer, "--random", "--size", size, "--animals", str(animals)]
        command += ["--frames", str(count), "--seed", str(seed), "--nodes", str(nodes)]
        subprocess.run(command + ["--out", raw, "--truth", truth], check=True)
        info = json.loads(truth.read_text())
        pixels = np.fromfile(raw, np.uint8)
    return pixels.reshape(count, info["height"], info["width"]), info


def matched(frame: np.ndarray, width: int, height: int) -> tuple[np.ndarray, float]:
    """A frame (H, W) or (H, W, C) in the model's size, and the scale, both from sleap-nn."""
    planes = torch.from_numpy(frame if frame.ndim == 3 else frame[..., None]).permute(2, 0, 1)
    resized, scale = apply_sizematcher(planes, height, width)
    image = resized.permute(1, 2, 0).contiguous().numpy()
    return image.reshape(height, width, *frame.shape[2:]), float(scale)


def training_data(renderer: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (M, H, W) and points (M, animals, nodes, 2) in their pixels, NaN where there is
    no such animal."""
    images, points = [], []
    for seed, (size, animals, count) in enumerate(TRAINING):
        frames, info = render(renderer, size, animals, count, 5000 + seed)
        for frame, truth in zip(frames, info["frames"]):
            image, scale = matched(frame, WIDTH, HEIGHT)
            images.append(image)
            slots = np.full((ANIMALS, NODES, 2), np.nan, np.float32)
            for slot, animal in enumerate(truth["animals"]):
                slots[slot] = np.array(animal) * scale
            points.append(slots)
    return np.stack(images), np.stack(points)
