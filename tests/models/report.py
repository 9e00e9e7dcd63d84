"""How far predictions are from the truth."""

from __future__ import annotations

import numpy as np
from exports import CLASSES
from scipy.optimize import linear_sum_assignment


def coordinates(points: list) -> np.ndarray:
    """Points (N, 2); NaN where one is missing."""
    return np.array([point or [np.nan, np.nan] for point in points], dtype=float)


def distances(found: list[np.ndarray], true: list[np.ndarray]) -> np.ndarray:
    """Mean distance of each found animal to each true one; large where none can be told."""
    cost = np.full((len(found), len(true)), 1e6)
    for i, a in enumerate(found):
        for j, b in enumerate(true):
            apart = np.linalg.norm(a - b, axis=1)
            if np.isfinite(apart).any():
                cost[i, j] = np.nanmean(apart)
    return cost


def report(name: str, truth: dict, predictions: dict) -> None:
    """Prints the right counts, the errors of the paired animals, and the identities."""
    rows = {row["frame_idx"]: row["animals"] for row in truth["frames"]}
    counted, errors, missing, named, right = 0, [], 0, 0, 0
    nodes = [truth["nodes"].index(name) for name in predictions["nodes"]]
    for row in predictions["frames"]:
        true = [coordinates(animal)[nodes] for animal in rows[row["frame_idx"]]]
        found = [coordinates(instance["points"]) for instance in row["instances"]]
        counted += len(true) == len(found)
        for i, j in zip(*linear_sum_assignment(distances(found, true))):
            apart = np.linalg.norm(found[i] - true[j], axis=1)
            errors += apart[np.isfinite(apart)].tolist()
            missing += int(np.isnan(apart).sum())
            if track := row["instances"][i]["track"]:
                named += 1
                right += track == CLASSES[j]
    frames = len(predictions["frames"])
    if not errors:
        print(f"{name}: nothing was found")
        return
    print(
        f"{name}: right count in {counted} of {frames} frames,"
        f" median {np.median(errors):.2f} px, 95% below {np.percentile(errors, 95):.2f} px,"
        f" {missing} of {missing + len(errors)} points missing"
        + (f", identity right for {right} of {named}" if named else "")
    )
