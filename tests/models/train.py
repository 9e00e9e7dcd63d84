"""Trains the four networks from which all models of this folder are exported."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from networks import DEPTHS, Crops, Maps, Poses
from scenes import ANIMALS, NODES
from sleap_nn.export.wrappers.topdown import TopDownONNXWrapper
from torch import nn
from torch.nn import functional as F

SCALE = 0.5  # of the images that all but the crops' network see
SIGMA = 1.2  # of the confidence maps, in cells of STRIDE pixels
STRIDE, COARSE = 2, 4
PAF_SIGMA = 3.0  # pixels of the reduced image
CROP = 96
ANCHOR = "rump"

Batch = tuple[torch.Tensor, torch.Tensor]


def confidence(points: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Maps (B, N, height, width) of points (B, A, N, 2) given in cells; NaN is none."""
    x = torch.arange(width).view(1, 1, 1, 1, -1)
    y = torch.arange(height).view(1, 1, 1, -1, 1)
    square = (x - points[..., 0, None, None]) ** 2 + (y - points[..., 1, None, None]) ** 2
    return torch.exp(-square / (2 * SIGMA**2)).nan_to_num(0.0).amax(dim=1)


def affinity(points: torch.Tensor, edges: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Fields (B, 2 E, height, width) of points (B, A, N, 2) in pixels, cells of COARSE."""
    start, end = points[:, :, edges[:, 0]], points[:, :, edges[:, 1]]
    along = end - start
    length = along.norm(dim=-1).clamp(min=1e-6)
    unit = along / length[..., None]
    x = (torch.arange(width) * COARSE).view(1, 1, 1, 1, -1)
    y = (torch.arange(height) * COARSE).view(1, 1, 1, -1, 1)
    dx, dy = x - start[..., 0, None, None], y - start[..., 1, None, None]
    ux, uy = unit[..., 0, None, None], unit[..., 1, None, None]
    where = (dx * ux + dy * uy).clamp(min=0).minimum(length[..., None, None])
    square = (dx - where * ux) ** 2 + (dy - where * uy) ** 2
    weight = torch.exp(-square / (2 * PAF_SIGMA**2))
    fields = torch.stack([weight * ux, weight * uy], dim=3).nan_to_num(0.0).sum(dim=1)
    return fields.flatten(1, 2)


def identity(points: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """How near each cell (B, A, height, width) is to each animal, 0 to 1."""
    return torch.stack(
        [confidence(points[:, [a]] / COARSE, width, height).amax(dim=1) for a in range(ANIMALS)],
        dim=1,
    )


def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What cameras and links do to a picture, in small measure: tone tells the animals apart."""
    out = image.astype(np.float32)
    out = (out - 128) * rng.uniform(0.95, 1.05) + 128 + rng.uniform(-5, 5)
    out = out.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(60, 96))
        encoded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        out = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    if rng.random() < 0.5:
        out &= int(rng.choice([0xFC, 0xF8]))
    out[image == 0] = 0
    return out


class Sampler:
    """Draws batches from images (M, H, W) and points (M, A, N, 2)."""

    def __init__(self, images: np.ndarray, points: np.ndarray, animals: tuple[int, ...]):
        there = np.isfinite(points[:, :, 0, 0]).sum(axis=1)
        chosen = np.isin(there, animals)
        self.images, self.points = images[chosen], points[chosen]
        self.rng = np.random.default_rng(0)

    def full(self, count: int) -> Batch:
        """Images (B, 1, H, W) from 0 to 1 and their points."""
        chosen = self.rng.choice(len(self.images), count, replace=False)
        pictures = np.stack([augment(self.images[i], self.rng) for i in chosen])
        x = torch.from_numpy(pictures).unsqueeze(1).float() / 255.0
        return x, torch.from_numpy(self.points[chosen])

    def reduced(self, count: int) -> Batch:
        """The same at SCALE, reduced by either of the filters that will be used."""
        x, points = self.full(count)
        smooth = bool(self.rng.random() < 0.5)
        x = F.interpolate(x, scale_factor=SCALE, mode="bilinear", antialias=smooth)
        return x, points * SCALE


def tinted(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Gray images as a colour camera under coloured light would show them."""
    gain = torch.from_numpy(rng.uniform(0.6, 1.0, (len(x), 3, 1, 1))).float()
    lift = torch.from_numpy(rng.uniform(0.0, 0.15, (len(x), 3, 1, 1))).float()
    return (x * gain + lift).clamp(0, 1)


def weighted(found: torch.Tensor, target: torch.Tensor, weight: float) -> torch.Tensor:
    """Without a weight the many empty cells outvote the few of a peak."""
    return ((found - target) ** 2 * (1 + weight * target.abs())).mean()


def fit(
    name: str,
    network: nn.Module,
    loss: Callable[[], torch.Tensor],
    steps: int,
    rate: float = 5e-3,
) -> None:
    """Minimises `loss` over the network's parameters."""
    size = sum(p.numel() for p in network.parameters())
    print(f"{name}: {size} parameters, {steps} steps", flush=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    network.train()
    running = None
    for step in range(steps):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        running = value.item() if running is None else 0.95 * running + 0.05 * value.item()
        if (step + 1) % 100 == 0:
            print(f"{name}: step {step + 1}: loss {running:.5f}", flush=True)
    network.eval()


def train_poses(images, points, edges, steps: int) -> Poses:
    """The network of both bottom-up kinds."""
    network = Poses(DEPTHS["poses"], NODES, len(edges), ANIMALS)
    sampler = Sampler(images, points, (0, 1, 2, 3))
    edges = torch.tensor(edges)

    def loss(fields_weight: float = 1.0, identity_weight: float = 0.3) -> torch.Tensor:
        x, where = sampler.reduced(16)
        height, width = x.shape[-2:]
        found = network(x)
        target = confidence(where / STRIDE, width // STRIDE, height // STRIDE)
        maps = weighted(found["MultiInstanceConfmapsHead"], target, 20)
        coarse = (width // COARSE, height // COARSE)
        fields = weighted(found["PartAffinityFieldsHead"], affinity(where, edges, *coarse), 5)
        near = identity(where, *coarse)
        wrong = (found["ClassMapsHead"] - (near == near.amax(dim=1, keepdim=True)).float()) ** 2
        told = (wrong * near.amax(dim=1, keepdim=True)).mean()
        return maps + fields_weight * fields + identity_weight * told

    fit("poses", network, loss, steps)
    # Whose a point is and what it belongs to is learnt late, from features that tell where it is.
    fit("identities", network, lambda: loss(2.0, 5.0), max(20, steps // 3), rate=1.5e-3)
    return network


def train_crops(images, points, nodes, steps: int) -> Crops:
    """The network of both top-down kinds' second stage."""
    network = Crops(DEPTHS["crops"], NODES, ANIMALS)
    sampler = Sampler(images, points, (1, 2, 3))
    # The crops are cut as the exported graph cuts them.
    cutter = TopDownONNXWrapper(nn.Identity(), nn.Identity(), crop_size=(CROP, CROP))
    anchor = nodes.index(ANCHOR)

    def loss(weight: float = 20) -> torch.Tensor:
        x, where = sampler.full(24)
        there = torch.isfinite(where[:, :, 0, 0]).float()
        chosen = torch.multinomial(there, 1)[:, 0]
        where = where[torch.arange(len(x)), chosen]
        centre = where[:, anchor] + torch.from_numpy(sampler.rng.uniform(-4, 4, (len(x), 2)))
        centre = centre.float()
        crops = cutter._extract_crops(x, centre[:, None])[:, 0]
        inside = (where - centre[:, None] + CROP / 2) / STRIDE
        target = confidence(inside[:, None], CROP // STRIDE, CROP // STRIDE)
        fine, _, deepest = network.trunk(crops)
        maps = weighted(network.confmaps(fine), target, weight)
        return maps + 0.02 * F.cross_entropy(network.logits(deepest), chosen)

    fit("crops", network, loss, steps)
    fit("crops, settling", network, lambda: loss(1), steps, rate=2e-3)
    return network


def train_maps(name, head, images, points, colours, animals, steps: int) -> Maps:
    """A network of confidence maps alone, for points (M, A, N, 2)."""
    network = Maps(colours, DEPTHS[name], points.shape[2], head)
    sampler = Sampler(images, points, animals)

    def loss(weight: float = 20) -> torch.Tensor:
        x, where = sampler.reduced(16)
        height, width = x.shape[-2:]
        target = confidence(where / STRIDE, width // STRIDE, height // STRIDE)
        x = tinted(x, sampler.rng) if colours == 3 else x
        return weighted(network(x)[head], target, weight)

    fit(name, network, loss, steps)
    # The weight finds peaks soon, and makes a peak of every doubt: it is taken back at the end.
    fit(f"{name}, settling", network, lambda: loss(1), steps, rate=2e-3)
    return network


def train_all(images, points, nodes, edges, steps: float) -> dict[str, nn.Module]:
    """All networks by name; `steps` multiplies the length of each training."""
    torch.manual_seed(0)
    anchor = nodes.index(ANCHOR)

    def length(count: int) -> int:
        return max(20, round(count * steps))

    centroids = points[:, :, [anchor]]
    return {
        "centroid": train_maps(
            "centroid",
            "CentroidConfmapsHead",
            images,
            centroids,
            1,
            (0, 1, 2, 3),
            length(800),
        ),
        "single": train_maps(
            "single",
            "SingleInstanceConfmapsHead",
            images,
            points[:, :, :5],
            3,
            (0, 1),
            length(800),
        ),
        "crops": train_crops(images, points, nodes, length(1000)),
        "poses": train_poses(images, points, edges, length(2500)),
    }
