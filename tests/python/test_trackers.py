"""sleap-nn's own trackers beside this project's: fed frame by frame with the same detections, with pictures, and
with a look through the whole video at its end (`apply_tracking`, which `sleap-nn predict --tracking` runs).

Both get the scenes of `crates/tracking/tests/scenes`, and sleap-nn's predictions of real models where the folder `shared` is
beside the repository, or SLEAP_STREAM_SHARED names it. sleap-nn is installed without torch, which its trackers do not need;
the package's own `__init__` would import it.
"""

import ast
import importlib.util
import json
import math
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[2]
SCENES = REPO / "crates" / "tracking" / "tests" / "scenes"
SHARED = Path(os.environ.get("SLEAP_STREAM_SHARED", REPO.parent / "shared"))
TRACK = Path(os.environ.get("SLEAP_STREAM_BIN", REPO / "target" / "debug")) / "examples" / "track"

# Those of the example `track`.
NAMES = (
    "classic",
    "classic_local_queues",
    "classic_local_queues_max_tracks",
    "classic_iou_bboxes_greedy",
    "classic_centroids_euclidean",
    "classic_kalman",
    "classic_kalman_keypoints",
    "sort",
    "bytetrack",
    "ocsort",
)


# Trackers that look at pictures, with sleap-nn's options for them.
FLOW = {
    "classic_flow": {},
    "classic_flow_local_queues": {"candidates_method": "local_queues", "max_tracks": "n"},
    "classic_flow_centroids": {
        "candidates_method": "local_queues",
        "features": "centroids",
        "scoring_method": "euclidean_dist",
        "of_img_scale": 0.5,
        "of_window_size": 15,
        "of_max_levels": 2,
    },
}

# Trackers that leave instances out, or have something to do at the end, with sleap-nn's options for them.
WHOLE_VIDEO = {
    "sort": {"tracker": "sort"},
    "bytetrack": {"tracker": "bytetrack"},
    "ocsort": {"tracker": "ocsort"},
    "classic": {},
    # As `sleap-nn predict` without --features and --scoring_method: one-node skeletons are tracked by centroids.
    "classic_unset": {"features_explicit": False, "scoring_method_explicit": False},
    "classic_local_queues_max_tracks": {"candidates_method": "local_queues", "max_tracks": "n"},
    "classic_culled": {"tracking_target_instance_count": "n", "tracking_pre_cull_to_target": 1},
    "classic_culled_overlap": {
        "candidates_method": "local_queues",
        "tracking_target_instance_count": "n",
        "tracking_pre_cull_to_target": 1,
        "tracking_pre_cull_iou_threshold": 0.3,
    },
    "classic_cleaned": {"tracking_clean_instance_count": "n", "tracking_clean_iou_threshold": 0.3},
    "classic_connected": {
        "candidates_method": "local_queues",
        "tracking_target_instance_count": "n",
        "tracking_pre_cull_to_target": 1,
        "tracking_clean_instance_count": "n",
        "post_connect_single_breaks": True,
    },
    # Tracks are joined at the end.
    **{
        f"{tracker}_{name}": {"tracker": tracker, **options}
        for tracker in ("sort", "bytetrack", "ocsort")
        for name, options in {
            "linked": {"link_tracklets": True},
            "max_tracks": {"max_tracks": "n"},
            "one_track": {"max_tracks": 1},
        }.items()
    },
}


def with_count(options, scene):
    return {name: scene["n_animals"] if value == "n" else value for name, value in options.items()}


def without_torch():
    """Lets the trackers be imported alone: their package, and two functions of a module that needs torch."""
    spec = importlib.util.find_spec("sleap_nn")
    assert spec, "sleap-nn is not installed: examples/setup.sh --tests"
    folder = Path(spec.origin).parent
    for name in ("sleap_nn", "sleap_nn.inference"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    source = ast.parse((folder / "evaluation.py").read_text())
    wanted = ("compute_oks", "compute_instance_area")
    kept = [
        node
        for node in source.body
        if getattr(node, "name", None) in wanted
        or (isinstance(node, (ast.Import, ast.ImportFrom)) and "numpy" in ast.unparse(node))
        or (isinstance(node, ast.ImportFrom) and node.module == "typing")
    ]
    evaluation = types.ModuleType("sleap_nn.evaluation")
    # What is run is the installed package's own code.
    exec(compile(ast.Module(kept, []), "evaluation", "exec"), evaluation.__dict__)  # noqa: S102
    sys.modules["sleap_nn.evaluation"] = evaluation


@pytest.fixture(scope="module")
def maker():
    """The script that made the scenes: it has sleap-nn's options for each name."""
    without_torch()
    from loguru import logger

    logger.remove()
    spec = importlib.util.spec_from_file_location("make_scenes", SCENES / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scene_of(predictions, start=0, count=None):
    """Predictions of a model as a scene. How many animals there are is what most frames show."""
    frames = [
        [
            {
                "points": [point if point and point[0] is not None else [None, None] for point in instance["points"]],
                "scores": [0.0 if score is None else score for score in instance["scores"]],
            }
            for instance in frame
        ]
        for frame in predictions
    ]
    frames = frames[start:][:count]
    counts = sorted(len(frame) for frame in frames)
    nodes = next(len(found["points"]) for frame in frames for found in frame)
    return {"n_animals": max(1, counts[len(counts) // 2]), "n_nodes": nodes, "frames": frames}


def shared(kind):
    predicted = json.loads((SHARED / "models" / kind / "ground_truth.json").read_text())["frames"]
    return scene_of(
        [
            [{"points": one["points"], "scores": one["point_scores"]} for one in frame["instances"]]
            for frame in predicted
        ]
    )


def own_scenes():
    return {path.stem: json.loads(path.read_text()) for path in sorted(SCENES.glob("*.json"))}


def real_models():
    kinds = ("bottomup", "topdown", "centroid", "multi_class_bottomup")
    return {kind: shared(kind) for kind in kinds if (SHARED / "models" / kind / "ground_truth.json").exists()}


def ours(scene, tmp_path, names=NAMES, pictures=None):
    if pictures is not None:
        file = tmp_path / "pictures.raw"
        file.write_bytes(pictures.tobytes())
        _, height, width, channels = pictures.shape
        scene = scene | {"pictures": {"file": str(file), "width": width, "height": height, "channels": channels}}
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(scene))
    answer = subprocess.run([TRACK, path, *names], stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


def instances_of(frame, skeleton):
    import sleap_io as sio

    return [
        sio.PredictedInstance.from_numpy(
            np.array([[math.nan if v is None else v for v in p] for p in found["points"]]),
            point_scores=np.array(found["scores"]),
            score=float(sum(found["scores"])),
            skeleton=skeleton,
        )
        for found in frame
    ]


def skeleton_of(scene):
    import sleap_io as sio

    return sio.Skeleton([f"node_{node}" for node in range(scene["n_nodes"])])


def number(instance):
    return None if instance.track is None else int(instance.track.name.split("_")[1])


def tracks_with_flow(scene, pictures, options):
    """What sleap-nn's tracker answers, frame by frame, when it sees the pictures."""
    from sleap_nn.tracking.tracker import Tracker

    tracker = Tracker.from_config(use_flow=True, **with_count(options, scene))
    skeleton = skeleton_of(scene)
    answers = []
    for index, frame in enumerate(scene["frames"]):
        instances = instances_of(frame, skeleton)
        tracker.track(list(instances), index, pictures[index])
        answers.append([number(one) for one in instances])
    return answers


def tracks_of_whole_video(scene, options):
    """What is in sleap-nn's file at the end: -1 for an instance that is not."""
    import sleap_io as sio
    from sleap_nn.inference.tracking import TrackerConfig, apply_tracking

    skeleton = skeleton_of(scene)
    video = sio.Video(filename="scene.mp4", open_backend=False)
    all_instances = [instances_of(frame, skeleton) for frame in scene["frames"]]
    frames = [
        sio.LabeledFrame(video=video, frame_idx=index, instances=list(instances))
        for index, instances in enumerate(all_instances)
    ]
    labels = sio.Labels(labeled_frames=frames, videos=[video], skeletons=[skeleton])
    apply_tracking(labels, TrackerConfig(**with_count(options, scene)))
    answers = []
    for frame, instances in zip(frames, all_instances, strict=True):
        kept = {id(one) for one in frame.instances}
        answers.append([number(one) if id(one) in kept else -1 for one in instances])
    return answers


def drawn(scene, side, channels=1, seed=0):
    """Pictures of a scene: a textured ground, and an animal of its own texture at each pose."""
    import cv2

    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.normal(0, 40, (side, side, channels)), (0, 0), 3).reshape(side, side, channels)
    pictures = []
    for frame in scene["frames"]:
        picture = 110 + 2 * ground
        for found in frame:
            for node, point in enumerate(found["points"]):
                if point[0] is None:
                    continue
                shade = 200 if node % 2 else 30
                center = tuple(int(16 * v) for v in point)
                layer = np.ascontiguousarray(picture)
                cv2.circle(layer, center, 16 * (3 + node % 3), (shade,) * channels, -1, cv2.LINE_AA, 4)
                picture = layer.reshape(side, side, channels)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def same(found, expected, name):
    """How many assignments were compared; all are equal."""
    different = [index for index, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
    assert not different, f"{name}: frames {different[:5]} of {len(different)}"
    return sum(map(len, expected))


def compare_flow(scene, pictures, tmp_path):
    found = ours(scene, tmp_path, FLOW, pictures)
    return sum(same(found[name], tracks_with_flow(scene, pictures, options), name) for name, options in FLOW.items())


def compare_whole_video(scene, tmp_path):
    found = ours(scene, tmp_path, [f"{name}_video" for name in WHOLE_VIDEO])
    return sum(
        same(found[f"{name}_video"], tracks_of_whole_video(scene, options), name)
        for name, options in WHOLE_VIDEO.items()
    )


def compare(scene, maker, tmp_path):
    """How many assignments were compared; all are equal."""
    found = ours(scene, tmp_path)
    trackers = maker.trackers(scene["n_animals"], scene["n_nodes"])
    compared = 0
    for name in NAMES:
        expected = maker.tracks(trackers[name], scene["frames"], scene["n_nodes"])
        compared += same(found[name], expected, name)
    return compared


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENES.glob("*.json")))
def test_tracks_of_the_projects_scenes_are_sleap_nns(name, maker, tmp_path):
    assert compare(own_scenes()[name], maker, tmp_path) > 1000


def test_tracks_of_real_models_predictions_are_sleap_nns(maker, tmp_path):
    models = real_models()
    if not models:
        pytest.skip("there are no real models beside the repository")
    compared = {kind: compare(scene, maker, tmp_path) for kind, scene in models.items()}
    assert min(compared.values()) > 300, compared


@pytest.mark.parametrize(("name", "side"), [("two_voles", 300), ("four_rats", 400), ("six_points", 500)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.usefixtures("maker")
def test_tracks_by_flow_on_drawn_pictures_are_sleap_nns(name, side, channels, tmp_path):
    scene = own_scenes()[name]
    scene["frames"] = scene["frames"][:80]
    assert compare_flow(scene, drawn(scene, side, channels), tmp_path) > 400


@pytest.mark.parametrize(
    ("kind", "folder"),
    [("bottomup", "centered_pair_small"), ("topdown", "centered_pair_small"), ("single_instance", "small_robot")],
)
@pytest.mark.usefixtures("maker")
def test_tracks_by_flow_on_real_pictures_are_sleap_nns(kind, folder, tmp_path):
    import cv2

    paths = sorted((SHARED / "models" / "frames" / folder).glob("*.png"))
    if not paths or not (SHARED / "models" / kind / "ground_truth.json").exists():
        pytest.skip("there are no real models beside the repository")
    scene = shared(kind)
    count = min(len(paths), len(scene["frames"]))
    scene["frames"] = scene["frames"][:count]
    pictures = np.stack([cv2.imread(str(path)) for path in paths[:count]])
    if (pictures == pictures[..., :1]).all():
        # As sleap-io reads a gray video.
        pictures = np.ascontiguousarray(pictures[..., :1])
    assert compare_flow(scene, pictures, tmp_path) > 100


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENES.glob("*.json")))
@pytest.mark.usefixtures("maker")
def test_tracks_at_the_end_of_the_projects_scenes_are_sleap_nns(name, tmp_path):
    assert compare_whole_video(own_scenes()[name], tmp_path) > 500


@pytest.mark.usefixtures("maker")
def test_tracks_at_the_end_of_real_models_predictions_are_sleap_nns(tmp_path):
    models = real_models()
    if not models:
        pytest.skip("there are no real models beside the repository")
    compared = {kind: compare_whole_video(scene, tmp_path) for kind, scene in models.items()}
    assert min(compared.values()) > 150, compared


@pytest.mark.usefixtures("maker")
def test_without_its_pictures_flow_would_be_noticed(tmp_path):
    """The negative control: one of the two sees black pictures."""
    scene = own_scenes()["two_voles"]
    scene["frames"] = scene["frames"][:80]
    pictures = drawn(scene, 300)
    expected = tracks_with_flow(scene, pictures, {})
    assert ours(scene, tmp_path, ["classic_flow"], np.zeros_like(pictures))["classic_flow"] != expected


def test_a_detection_elsewhere_would_be_noticed(maker, tmp_path):
    """The negative control: two animals change places in one frame."""
    scene = own_scenes()["two_voles"]
    frame = next(frame for frame in scene["frames"][20:] if len(frame) == 2)
    expected = maker.tracks(maker.trackers(2, scene["n_nodes"])["classic"], scene["frames"], scene["n_nodes"])
    frame.reverse()
    assert ours(scene, tmp_path)["classic"] != expected
