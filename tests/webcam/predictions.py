#!/usr/bin/env python3
"""Checks a file of predictions: one for a frame, points of one skeleton, times that add up.

They come in the order of the answers, which may be another than that of the frames.

With --truth, every prediction must be the one pose of the demonstration's first frame, which the camera
showed stretched to --size: each point within 2% of the diagonal, as JPEG and scaling cost some accuracy.
"""

import argparse
import json
import math


def check_form(prediction: dict, nodes: int) -> None:
    instances, confidence = prediction["instances"], prediction["confidence"]
    assert len(instances) == len(confidence) == len(prediction.get("instance_scores", [])), prediction
    for points, values in zip(instances, confidence):
        assert len(points) == len(values) == nodes, points
        assert all(point is None or len(point) == 2 for point in points), points
    assert 0 < prediction["timing"]["inference_us"] < prediction["latency_us"], prediction


def check_pose(prediction: dict, truth: dict, width: int, height: int) -> None:
    scale = width / truth["width"], height / truth["height"]
    (true_points,) = truth["frames"][0]
    (points,) = prediction["instances"]
    errors = [
        math.inf if point is None else math.hypot(point[0] - x * scale[0], point[1] - y * scale[1])
        for point, (x, y) in zip(points, true_points)
    ]
    allowed = 0.02 * math.hypot(width, height)
    assert max(errors) < allowed, f"off by {errors} pixels, allowed {allowed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--skeleton-nodes", type=int, required=True)
    parser.add_argument("--truth")
    parser.add_argument("--size", metavar="WxH")
    args = parser.parse_args()
    with open(args.file, encoding="utf-8") as lines:
        predictions = [json.loads(line) for line in lines]
    assert predictions, "no prediction"
    frames = [prediction["frame_id"] for prediction in predictions]
    assert len(set(frames)) == len(frames), f"several predictions for a frame: {frames}"
    for prediction in predictions:
        check_form(prediction, args.skeleton_nodes)
    if args.truth:
        with open(args.truth, encoding="utf-8") as file:
            truth = json.load(file)
        for prediction in predictions:
            check_pose(prediction, truth, *map(int, args.size.split("x")))


if __name__ == "__main__":
    main()
