#!/usr/bin/env python3
"""Checks a file of predictions: rising frame numbers, points of one skeleton, times that add up.

With --truth, every prediction must be the one pose of the demonstration's first frame, which the camera
showed stretched to --size: each point within 2% of the diagonal, as JPEG and scaling cost some accuracy.
"""

import argparse
import json
import math


def check_form(prediction: dict, nodes: int, last_id: int) -> None:
    assert prediction["frame_id"] > last_id, f"frame {prediction['frame_id']} after {last_id}"
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
    last_id = -1
    with open(args.file, encoding="utf-8") as lines:
        predictions = [json.loads(line) for line in lines]
    assert predictions, "no prediction"
    for prediction in predictions:
        check_form(prediction, args.skeleton_nodes, last_id)
        last_id = prediction["frame_id"]
    if args.truth:
        with open(args.truth, encoding="utf-8") as file:
            truth = json.load(file)
        for prediction in predictions:
            check_pose(prediction, truth, *map(int, args.size.split("x")))


if __name__ == "__main__":
    main()
