"""Makes the scenes of the tests, with what sleap-nn's trackers answer to them frame by frame.

    python3 -m venv venv
    venv/bin/pip install 'sleap-nn[torch]==0.3.5'
    venv/bin/python crates/tracking/tests/scenes/make.py

Animals walk in an arena, turn at its walls, cross, and hide; nodes are missed, and detections are
invented. `animal` is the animal that a detection shows, -1 where it is invented.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent

# name: animals, nodes, frames, side of the arena, chance to hide a frame, frames hidden at most,
# chance of an invented detection a frame, chance of a missed node, seed
SCENES = {
    "two_voles": (2, 5, 150, 300, 0.006, 10, 0.03, 0.05, 101),
    "four_rats": (4, 7, 120, 400, 0.008, 10, 0.04, 0.07, 102),
    "six_points": (6, 1, 120, 500, 0.01, 5, 0.06, 0.0, 103),
    "lone_nodes": (3, 2, 80, 200, 0.02, 6, 0.1, 0.4, 104),
}


class Walk:
    """Animals that walk in an arena."""

    def __init__(self, rng, animals, side):
        self.rng, self.side, self.margin = rng, side, 0.08 * side
        self.place = rng.uniform(self.margin, side - self.margin, (animals, 2))
        self.heading = rng.uniform(-math.pi, math.pi, animals)
        self.phase = rng.uniform(0, 2 * math.pi, animals)
        self.pace = rng.uniform(0.01, 0.05, animals)
        self.speed = rng.uniform(3, 7, animals)
        self.frame = 0

    def step(self):
        self.heading += self.rng.normal(0, 0.12, len(self.heading))
        speed = self.speed * np.abs(np.sin(self.phase + self.pace * self.frame))
        ahead = np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)
        self.place = self.place + ahead * speed[:, None]
        low, high = self.margin, self.side - self.margin
        at_wall = ((self.place < low) | (self.place > high)).any(axis=1)
        self.place = np.clip(self.place, low, high)
        self.heading[at_wall] += 2.2
        self.frame += 1


def pose(rng, walk, animal, nodes):
    """The points of an animal; the first node is its tail."""
    along = np.linspace(-0.5, 0.5, nodes) if nodes > 1 else np.array([-0.5])
    heading = walk.heading[animal]
    ahead = np.array([math.cos(heading), math.sin(heading)])
    exact = walk.place[animal] + along[:, None] * 0.12 * walk.side * ahead
    return exact + rng.normal(0, 2.0, (nodes, 2))


def detection(animal, points, scores):
    return {
        "animal": animal,
        "points": [[round(float(v), 3) for v in point] for point in points],
        "scores": [round(float(score), 4) for score in scores],
    }


def hide_nodes(rng, found, chance):
    for node in range(len(found["points"])):
        visible = sum(point[0] is not None for point in found["points"])
        if visible > 1 and rng.random() < chance:
            found["points"][node] = [None, None]
            found["scores"][node] = 0.0


def frames(animals, nodes, count, side, hides, longest, invents, misses, seed):
    rng = np.random.default_rng(seed)
    walk = Walk(rng, animals, side)
    hidden = np.zeros(animals, dtype=int)
    for _ in range(count):
        walk.step()
        frame = []
        for animal in range(animals):
            if hidden[animal] == 0 and rng.random() < hides:
                hidden[animal] = rng.integers(1, longest + 1)
            if hidden[animal] > 0:
                hidden[animal] -= 1
                continue
            scores = rng.uniform(0.35, 1.0, nodes)
            frame.append(detection(animal, pose(rng, walk, animal, nodes), scores))
            hide_nodes(rng, frame[-1], misses)
        if rng.random() < invents:
            middle = rng.uniform(0.1 * side, 0.9 * side, 2)
            spread = rng.uniform(0.3, 1.0) * 0.06 * side
            points = middle + rng.normal(0, spread, (nodes, 2))
            frame.append(detection(-1, points, rng.uniform(0.1, 0.4, nodes)))
        rng.shuffle(frame)
        yield frame


def trackers(animals, nodes):
    """Names of `examples/track.rs`, and the trackers that they stand for."""
    from sleap_nn.tracking.mot import build_mot_tracker
    from sleap_nn.tracking.mot.params import MOTParams
    from sleap_nn.tracking.tracker import Tracker

    def classic(**options):
        return lambda: Tracker.from_config(**options)

    def boxes(name):
        return lambda: build_mot_tracker(MOTParams.for_tracker(name), n_nodes=nodes)

    queues = {"candidates_method": "local_queues"}
    return {
        "classic": classic(),
        "classic_local_queues": classic(**queues),
        "classic_local_queues_max_tracks": classic(**queues, max_tracks=animals),
        "classic_iou_bboxes_greedy": classic(features="bboxes", scoring_method="iou", track_matching_method="greedy"),
        "classic_centroids_euclidean": classic(features="centroids", scoring_method="euclidean_dist"),
        "classic_kalman": classic(
            **queues, use_kalman=True, tracking_target_instance_count=animals, max_tracks=animals
        ),
        "classic_kalman_keypoints": classic(
            **queues,
            use_kalman=True,
            kf_track_features="keypoints",
            tracking_target_instance_count=animals,
            max_tracks=animals,
        ),
        "classic_culled_max": classic(
            features="bboxes",
            scoring_method="iou",
            scoring_reduction="max",
            window_size=8,
            min_match_points=1,
            tracking_target_instance_count=animals,
            tracking_pre_cull_to_target=1,
            tracking_pre_cull_iou_threshold=0.5,
        ),
        "classic_quantile_cosine": classic(
            **queues,
            features="bboxes",
            scoring_method="cosine_sim",
            scoring_reduction="robust_quantile",
            robust_best_instance=0.7,
        ),
        "sort": boxes("sort"),
        "bytetrack": boxes("bytetrack"),
        "ocsort": boxes("ocsort"),
    }


def tracks(make, scene, nodes):
    import sleap_io as sio

    skeleton = sio.Skeleton([f"node_{node}" for node in range(nodes)])
    tracker = make()
    answers = []
    for index, frame in enumerate(scene):
        instances = [
            sio.PredictedInstance.from_numpy(
                np.array([[math.nan if v is None else v for v in p] for p in found["points"]]),
                point_scores=np.array(found["scores"]),
                score=float(sum(found["scores"])),
                skeleton=skeleton,
            )
            for found in frame
        ]
        tracker.track(list(instances), index)
        answers.append([None if one.track is None else int(one.track.name.split("_")[1]) for one in instances])
    return answers


def main():
    warnings.simplefilter("ignore")
    for name, parameters in SCENES.items():
        animals, nodes = parameters[:2]
        scene = list(frames(*parameters))
        answers = {tracker: tracks(make, scene, nodes) for tracker, make in trackers(animals, nodes).items()}
        text = json.dumps(
            {"n_animals": animals, "n_nodes": nodes, "frames": scene, "trackers": answers},
            separators=(",", ":"),
        )
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
