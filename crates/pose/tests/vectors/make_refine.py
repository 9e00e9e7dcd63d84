#!/usr/bin/env python3
"""Writes refine.json: peaks refined by sleap-nn's own `find_global_peaks` and `find_local_peaks`
(refinement "integral"); needs sleap-nn 0.3.5.

A case is a map, the cell of a peak on it and how far from there sleap-nn puts the point, in cells.
"""

import json
from pathlib import Path

import numpy as np
import torch
from sleap_nn.inference.ops.peaks import find_global_peaks, find_local_peaks

HERE = Path(__file__).parent
RNG = np.random.default_rng(3)


def blobs(width, height, count):
    """Gaussians on noise, as networks give them: some negative values too."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    maps = RNG.normal(0, 0.01, (height, width))
    for _ in range(count):
        # Up to the edges and a little beyond.
        at = RNG.uniform(-0.4, [width - 0.6, height - 0.6])
        sigma = RNG.uniform(0.8, 2.5)
        maps += RNG.uniform(0.5, 1.0) * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2))
    return np.round(maps, 4).astype(np.float32)


def case(values, cell, point):
    cell = [int(n) for n in cell]
    return {
        "width": values.shape[1],
        "values": [round(float(v), 4) for v in values.ravel()],
        "cell": cell,
        "offset": [float(np.float32(p - c)) for p, c in zip(point, cell)],
    }


def cases():
    for index in range(48):
        width, height = RNG.integers(6, 14, 2).tolist()
        values = blobs(width, height, 1 if index % 2 else 3)
        maps = torch.from_numpy(values)[None, None]
        if index % 2:
            rough, _ = find_global_peaks(maps, 0.2)
            points, _ = find_global_peaks(maps, 0.2, "integral")
            rough, points = rough[0], points[0]
        else:
            rough = find_local_peaks(maps, 0.2)[0]
            points = find_local_peaks(maps, 0.2, "integral")[0]
        for cell, point in zip(rough.numpy(), points.double().numpy()):
            yield case(values, cell, point)


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in cases())
    (HERE / "refine.json").write_text(f"[\n{lines}\n]\n")
