"""Small networks with the heads that sleap-nn's models have."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


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


class UNet(nn.Module):
    """Features of images (B, C, H, W) from 0 to 1: of strides 2 and 4, and the deepest, of 16."""

    def __init__(self, image_channels: int, channels: tuple[int, ...]):
        super().__init__()
        self.stem = block(image_channels, channels[0], stride=2)
        pairs = list(pairwise(channels))
        self.down = nn.ModuleList(block(above, below, stride=2) for above, below in pairs)
        self.up = nn.ModuleList(block(above + below, above) for above, below in pairs[::-1])

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        beside = [self.stem(image - 0.5)]
        for layer in self.down:
            beside.append(layer(beside[-1]))
        deepest = x = beside.pop()
        for layer in self.up:
            before, x = x, F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = before = layer(torch.cat([x, beside.pop()], dim=1))
            if len(beside) == 1:
                coarse = before
        return x, coarse, deepest


# Channels by depth. The first must exceed the number of maps, which are sums of them.
DEPTHS = {
    "centroid": (8, 12, 20, 32),
    "single": (12, 16, 24, 32),
    "crops": (16, 20, 28, 32),
    "poses": (16, 20, 28, 40),
}


class Maps(nn.Module):
    """One head of confidence maps at stride 2, called as sleap-nn calls it."""

    def __init__(self, image_channels: int, channels: tuple[int, ...], nodes: int, head: str):
        super().__init__()
        self.trunk = UNet(image_channels, channels)
        self.confmaps = nn.Conv2d(channels[0], nodes, 1)
        self.name = head

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {self.name: self.confmaps(self.trunk(image)[0])}


class Poses(nn.Module):
    """All that bottom-up models need: confidence maps at stride 2, part affinity fields and
    maps of identity at stride 4."""

    def __init__(self, channels: tuple[int, ...], nodes: int, edges: int, classes: int):
        super().__init__()
        self.trunk = UNet(1, channels)
        self.confmaps = nn.Conv2d(channels[0], nodes, 1)
        self.pafs = nn.Conv2d(channels[1], 2 * edges, 1)
        self.classes = nn.Conv2d(channels[1], classes, 1)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        fine, coarse, _ = self.trunk(image)
        return {
            "MultiInstanceConfmapsHead": self.confmaps(fine),
            "PartAffinityFieldsHead": self.pafs(coarse),
            "ClassMapsHead": torch.sigmoid(self.classes(coarse)),
        }


class Crops(nn.Module):
    """Confidence maps of the animal in the middle of a crop, and whose it is."""

    def __init__(self, channels: tuple[int, ...], nodes: int, classes: int):
        super().__init__()
        self.trunk = UNet(1, channels)
        self.confmaps = nn.Conv2d(channels[0], nodes, 1)
        self.hidden = nn.Linear(channels[-1], 32)
        self.classes = nn.Linear(32, classes)

    def logits(self, deepest: torch.Tensor) -> torch.Tensor:
        """Identity from the middle alone: the margins may show another animal."""
        middle = deepest[:, :, 2:-2, 2:-2].mean(dim=(2, 3))
        return self.classes(F.relu(self.hidden(middle)))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        fine, _, deepest = self.trunk(image)
        return {
            "CenteredInstanceConfmapsHead": self.confmaps(fine),
            "ClassVectorsHead": torch.softmax(self.logits(deepest), dim=1),
        }


class Only(nn.Module):
    """Some heads of a model, and of the confidence maps the first `nodes`."""

    def __init__(self, model: nn.Module, nodes: int, *heads: str):
        super().__init__()
        self.model, self.heads = model, heads
        whole = model.confmaps
        model.confmaps = nn.Conv2d(whole.in_channels, nodes, 1)
        model.confmaps.weight.data = whole.weight.data[:nodes].clone()
        model.confmaps.bias.data = whole.bias.data[:nodes].clone()

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: value for name, value in self.model(image).items() if name in self.heads}
