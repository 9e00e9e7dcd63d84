#!/usr/bin/env python3
"""Writes kinds.json beside it and assignment.json for the crate `assignment`; needs sleap-nn 0.3.5.

assignment.json: tables of costs with many ties, and the pairs that SciPy's linear_sum_assignment
gives for them.

kinds.json: made-up outputs of exported graphs, and the instances that sleap-nn's own layers for
exports make of them. The outputs obey the contract of `sleap-nn export`: slots are sorted by
value, masks follow from values, candidates from masks.
"""

import json
from pathlib import Path

import numpy as np
import sleap_io as sio
import torch
from scipy.optimize import linear_sum_assignment
from sleap_nn.inference.layers import exported

HERE = Path(__file__).parent
ASSIGNMENT = HERE.parents[2] / "assignment/tests/vectors"
RNG = np.random.default_rng(20260)
THRESHOLD = 0.2


def assignment():
    for _ in range(300):
        rows, columns = RNG.integers(1, 6, 2).tolist()
        levels = int(RNG.integers(1, 5))
        costs = RNG.integers(-levels, levels + 1, (rows, columns)) / 4
        pairs = [None] * rows
        for row, column in zip(*linear_sum_assignment(costs)):
            pairs[row] = int(column)
        yield {"rows": rows, "columns": columns, "costs": costs.ravel().tolist(), "pairs": pairs}


def numbers(shape, low=0.0, high=1.0):
    """Few digits keep the file small; float32 as graphs give them."""
    return np.round(RNG.uniform(low, high, shape), 3).astype(np.float32)


def peaks(nodes, k, missing):
    values = numbers((1, nodes, k), 0.1)
    values[RNG.uniform(size=values.shape) < missing] = 0.05
    values = -np.sort(-values, axis=2)
    return {
        "peaks": numbers((1, nodes, k, 2), 0, 300),
        "peak_vals": values,
        "peak_mask": values > THRESHOLD,
    }


def slots(nodes, count):
    values = -np.sort(-numbers((1, count)), axis=1)
    valid = values > THRESHOLD
    found = numbers((1, count, nodes)) * (RNG.uniform(size=(1, count, nodes)) < 0.6)
    points = numbers((1, count, nodes, 2), 0, 300)
    points[found < THRESHOLD] = np.nan
    found[found < THRESHOLD] = 0
    return {
        "centroids": numbers((1, count, 2), 0, 300) * valid[..., None],
        "centroid_vals": values,
        "instance_valid": valid,
        "peaks": points,
        "peak_vals": found,
    }


def skeleton_edges(nodes):
    """A random tree, its edges shuffled, at times with an edge too many."""
    names = RNG.permutation(nodes).tolist()
    edges = [[names[int(RNG.integers(0, i))], names[i]] for i in range(1, nodes)]
    if nodes > 2 and RNG.uniform() < 0.4:
        a, b = sorted(RNG.choice(nodes, 2, replace=False).tolist())
        if [names[a], names[b]] not in edges:
            edges.append([names[a], names[b]])
    return [edges[i] for i in RNG.permutation(len(edges))]


def instances(layer, outputs, nodes):
    backend = {name: torch.from_numpy(value) for name, value in outputs.items()}
    layer.backend = lambda image: {name: value.clone() for name, value in backend.items()}
    result = layer.predict(np.zeros((1, 8, 8, 1), np.uint8))
    skeleton = sio.Skeleton(nodes=[f"n{i}" for i in range(nodes)])
    if result.pred_keypoints is None:
        skeleton = sio.Skeleton(nodes=["centroid"])
    valid = None
    if isinstance(layer, (exported.ExportedBottomUpMultiClassLayer, exported.ExportedTopDownMultiClassLayer)):
        points = result.pred_keypoints[0].numpy()
        valid = [i for i in range(len(points)) if not np.isnan(points[i]).all()]
    found = []
    for instance in result.to_instances(skeleton):
        points = instance.numpy()
        scores = instance.points["score"]
        found.append(
            {
                "points": [None if np.isnan(p).any() else p.tolist() for p in points.astype(np.float64)],
                "confidence": [None if np.isnan(v) else float(v) for v in scores],
                "score": float(instance.score),
            }
        )
    if valid is not None:
        assert len(valid) == len(found)
        for index, instance in zip(valid, found):
            instance["class"] = index
    return found


def case(kind, layer, outputs, nodes, **more):
    flat = {
        name: [
            None if isinstance(v, float) and np.isnan(v) else round(v, 3) if isinstance(v, float) else v
            for v in value.ravel().tolist()
        ]
        for name, value in outputs.items()
    }
    return {"kind": kind, "nodes": nodes, **more, "outputs": flat, "instances": instances(layer, outputs, nodes)}


def centroid():
    outputs = slots(1, int(RNG.integers(1, 6)))
    outputs = {name: outputs[name] for name in ("centroids", "centroid_vals", "instance_valid")}
    return case("centroid", exported.ExportedCentroidLayer(None), outputs, 1)


def topdown():
    nodes = int(RNG.integers(1, 4))
    outputs = slots(nodes, int(RNG.integers(1, 6)))
    return case("topdown", exported.ExportedTopDownLayer(None), outputs, nodes)


def multi_class_topdown():
    nodes, classes = RNG.integers(1, 5, 2).tolist()
    outputs = slots(nodes, int(RNG.integers(1, 6)))
    logits = numbers((*outputs["centroid_vals"].shape, classes), 0.01)
    outputs["class_logits"] = np.round(logits / logits.sum(-1, keepdims=True), 3).astype(np.float32)
    layer = exported.ExportedTopDownMultiClassLayer(None, classes)
    return case("multi_class_topdown_combined", layer, outputs, nodes, classes=classes)


def multi_class_bottomup():
    nodes, classes = RNG.integers(1, 4, 2).tolist()
    k = int(RNG.integers(1, 5))
    outputs = peaks(nodes, k, 0.4)
    outputs["class_probs"] = numbers((1, nodes, k, classes)) * outputs["peak_mask"][..., None]
    threshold = float(RNG.choice([THRESHOLD, 0.4]))
    layer = exported.ExportedBottomUpMultiClassLayer(None, nodes, classes, peak_conf_threshold=threshold)
    return case("multi_class_bottomup", layer, outputs, nodes, classes=classes, peak_threshold=threshold)


def bottomup(nodes, k):
    edges = skeleton_edges(nodes)
    outputs = peaks(nodes, k, 0.1)
    scores = numbers((1, len(edges), k, k), -0.6)
    # A diagonal of good lines, as animals have them.
    for i in range(k):
        scores[..., i, i] = numbers((1, len(edges)), 0.2)
    mask = outputs["peak_mask"]
    candidates = np.stack([mask[:, s, :, None] & mask[:, d, None, :] for s, d in edges], 1)
    scores[~candidates] = -2
    outputs["line_scores"] = scores.reshape(1, len(edges), k * k)
    outputs["candidate_mask"] = candidates.reshape(1, len(edges), k * k)
    options = {
        "input_scale": float(RNG.choice([1.0, 0.5])),
        "max_instances": RNG.choice([None, None, 1, 2]),
        "min_line_scores": float(RNG.choice([0.25, 0.25, 0.5])),
        "peak_conf_threshold": float(RNG.choice([THRESHOLD, 0.4])),
        "min_instance_peaks": float(RNG.choice([0.0, 0.0, 0.5])),
    }
    names = [f"n{i}" for i in range(nodes)]
    layer = exported.ExportedBottomUpLayer(None, names, [tuple(e) for e in edges], k, **options)
    options["peak_threshold"] = options.pop("peak_conf_threshold")
    return case("bottomup", layer, outputs, nodes, edges=edges, **options)


def kinds():
    for _ in range(12):
        yield centroid()
        yield topdown()
        yield multi_class_topdown()
        yield multi_class_bottomup()
        yield bottomup(int(RNG.integers(2, 6)), int(RNG.integers(2, 5)))
    for _ in range(3):
        yield bottomup(13, 3)


def save(path, cases):
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in cases)
    path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    save(ASSIGNMENT / "assignment.json", assignment())
    save(HERE / "kinds.json", kinds())
