"""The demonstration model: a small UNet, its training, and its export as sleap-nn does it."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from omegaconf import OmegaConf
from sleap_nn import __version__ as sleap_nn_version
from sleap_nn.export.exporters.onnx_exporter import export_to_onnx
from sleap_nn.export.metadata import build_base_metadata, embed_metadata_in_onnx, hash_file
from sleap_nn.export.wrappers.single_instance import SingleInstanceONNXWrapper
from torch import nn
from torch.nn import functional as F

WIDTH, HEIGHT = 256, 192
STRIDE = 4
SIGMA = 1.4  # of the confidence maps, in cells of STRIDE pixels
PEAK_THRESHOLD = 0.2
NAME = "synthetic_mouse"


def block(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Two convolutions, the first of which may shrink the image."""
    layers = []
    for index in range(2):
        layers += [
            nn.Conv2d(
                channels_in if index == 0 else channels_out,
                channels_out,
                3,
                stride=stride if index == 0 else 1,
                padding=1,
                bias=False,
            ),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class SmallUNet(nn.Module):
    """Confidence maps (B, nodes, H/4, W/4) of gray images (B, 1, H, W) from 0 to 1."""

    def __init__(self, nodes: int, channels: tuple[int, ...] = (12, 24, 48, 48)):
        super().__init__()
        stem, *deeper = channels
        self.stem = block(1, stem, stride=2)
        self.down = nn.ModuleList()
        for before, after in zip(channels, deeper):
            self.down.append(block(before, after, stride=2))
        self.up = nn.ModuleList()
        for below, beside in zip(deeper[:0:-1], deeper[-2::-1]):
            self.up.append(block(below + beside, beside))
        self.head = nn.Conv2d(deeper[0], nodes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = [self.stem(image - 0.5)]
        for layer in self.down:
            features.append(layer(features[-1]))
        x = features.pop()
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = layer(torch.cat([x, features.pop()], dim=1))
        return self.head(x)


class RefinedWrapper(SingleInstanceONNXWrapper):
    """sleap-nn's own wrapper, with peaks refined between the cells of the maps.

    Near its top a Gaussian is a parabola in its logarithm, so the logarithms of the
    peak and its two neighbours give the top exactly, along each axis.
    """

    @staticmethod
    def _find_global_peaks(confmaps, peak_threshold=PEAK_THRESHOLD):
        peaks, values = SingleInstanceONNXWrapper._find_global_peaks(confmaps, peak_threshold)
        height, width = confmaps.shape[-2:]
        flat = confmaps.reshape(confmaps.shape[0], confmaps.shape[1], height * width)
        index = flat.max(dim=-1, keepdim=True).indices
        x, y = index % width, index // width

        def offset(before, after, inside):
            low, top, high = (torch.log(flat.gather(-1, at).clamp(min=1e-3)) for at in (before, index, after))
            curvature = (low - 2 * top + high).clamp(max=-1e-3)
            return torch.where(inside, (0.5 * (low - high) / curvature).clamp(-0.5, 0.5), torch.zeros_like(low))

        last = height * width - 1
        dx = offset((index - 1).clamp(min=0), (index + 1).clamp(max=last), (x > 0) & (x < width - 1))
        dy = offset(
            (index - width).clamp(min=0),
            (index + width).clamp(max=last),
            (y > 0) & (y < height - 1),
        )
        return peaks + torch.cat([dx, dy], dim=-1), values


def target_maps(points: torch.Tensor) -> torch.Tensor:
    """Gaussians at points (B, N, 2) given in pixels; none where a point is NaN."""
    cells = points / STRIDE
    x = torch.arange(WIDTH // STRIDE).view(1, 1, 1, -1)
    y = torch.arange(HEIGHT // STRIDE).view(1, 1, -1, 1)
    square = (x - cells[..., 0, None, None]) ** 2 + (y - cells[..., 1, None, None]) ** 2
    return torch.exp(-square / (2 * SIGMA**2)).nan_to_num(0.0)


def augment(image: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What cameras and links do to a picture: contrast, brightness, noise, JPEG.

    The margin below and right of `inside` (rows, columns) stays black.
    """
    out = image.astype(np.float32)
    out = (out - 128) * rng.uniform(0.75, 1.25) + 128 + rng.uniform(-25, 25)
    if rng.random() < 0.3:
        out += rng.normal(0, rng.uniform(0, 4), image.shape)
    out = out.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        out = cv2.GaussianBlur(out, (3, 3), 0)
    if rng.random() < 0.6:
        quality = int(rng.integers(30, 96))
        encoded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        out = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    out[inside[0] :] = 0
    out[:, inside[1] :] = 0
    return out


def train(images: np.ndarray, inside: np.ndarray, points: np.ndarray, steps: int, batch: int = 16) -> SmallUNet:
    """Fits the network to images (M, H, W), of which only the part `inside` (M, 2) is not
    margin, and points (M, N, 2) in their pixels."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = SmallUNet(points.shape[1])
    size = sum(p.numel() for p in network.parameters())
    print(f"training {size} parameters for {steps} steps", flush=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    network.train()
    running = None
    for step in range(steps):
        chosen = rng.choice(len(images), batch, replace=False)
        pictures = np.stack([augment(images[i], inside[i], rng) for i in chosen])
        x = torch.from_numpy(pictures).unsqueeze(1).float() / 255.0
        target = target_maps(torch.from_numpy(points[chosen]).float())
        # Without the weight the many empty cells outvote the few of a peak.
        loss = ((network(x) - target) ** 2 * (1 + 20 * target)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: loss {running:.5f}", flush=True)
    return network.eval()


def training_config(nodes: list[str], edges: list[list[int]], network: nn.Module) -> dict:
    """What sleap-nn keeps about a training, as far as it applies to this one."""
    return {
        "data_config": {
            "provider": "LabelsReader",
            "preprocessing": {
                "ensure_rgb": False,
                "ensure_grayscale": True,
                "max_height": HEIGHT,
                "max_width": WIDTH,
                "scale": 1.0,
                "crop_size": None,
                "min_crop_size": 100,
            },
            "skeletons": [
                {
                    "nodes": [{"name": name} for name in nodes],
                    "edges": [{"source": {"name": nodes[a]}, "destination": {"name": nodes[b]}} for a, b in edges],
                    "symmetries": [],
                    "name": NAME,
                }
            ],
        },
        "model_config": {
            "init_weights": "default",
            "backbone_config": {
                "unet": {
                    "in_channels": 1,
                    "kernel_size": 3,
                    "filters": 12,
                    "filters_rate": 2.0,
                    "max_stride": 16,
                    "stem_stride": 2,
                    "up_interpolate": True,
                    "convs_per_block": 2,
                    "output_stride": STRIDE,
                },
                "convnext": None,
                "swint": None,
            },
            "head_configs": {
                "single_instance": {
                    "confmaps": {
                        "part_names": nodes,
                        "sigma": SIGMA * STRIDE,
                        "output_stride": STRIDE,
                    }
                },
                "centroid": None,
                "centered_instance": None,
                "bottomup": None,
                "multi_class_bottomup": None,
                "multi_class_topdown": None,
            },
            "total_params": sum(p.numel() for p in network.parameters()),
        },
        "trainer_config": {"seed": 0, "optimizer_name": "AdamW", "optimizer": {"lr": 5e-3}},
        "name": NAME,
        "description": "A synthetic mouse; made by examples/demo/make_demo.py",
        "sleap_nn_version": sleap_nn_version,
        "filename": "",
    }


def export(network: SmallUNet, nodes: list[str], edges: list[list[int]], out: Path) -> None:
    """Writes model.onnx, export_metadata.json and training_config.yaml."""
    out.mkdir(parents=True, exist_ok=True)
    wrapper = RefinedWrapper(network, output_stride=STRIDE, peak_threshold=PEAK_THRESHOLD).eval()
    onnx_path = out / "model.onnx"
    export_to_onnx(
        wrapper,
        onnx_path,
        input_shape=(1, 1, HEIGHT, WIDTH),
        output_names=["peaks", "peak_vals"],
    )
    config_path = out / "training_config.yaml"
    OmegaConf.save(OmegaConf.create(training_config(nodes, edges, network)), config_path)
    metadata = build_base_metadata(
        export_format="onnx",
        model_type="single_instance",
        model_name=NAME,
        checkpoint_path="",
        backbone="unet",
        n_nodes=len(nodes),
        n_edges=len(edges),
        node_names=nodes,
        edge_inds=[tuple(edge) for edge in edges],
        input_scale=1.0,
        input_channels=1,
        output_stride=STRIDE,
        max_batch_size=8,
        training_config_hash=hash_file(config_path),
        training_config_embedded=True,
        peak_threshold=PEAK_THRESHOLD,
    )
    metadata.save(out / "export_metadata.json")
    embed_metadata_in_onnx(onnx_path, metadata, config_path.read_text())
    leftover = out / "model.onnx.data"
    if leftover.exists():
        os.remove(leftover)
        raise RuntimeError("the export kept its weights outside model.onnx")
