"""sleap-nn's own trackers beside this project's, fed frame by frame with the same detections.

Both get the scenes of `crates/tracking/tests/scenes`, and sleap-nn's predictions of real models where the folder `shared` is
beside the repository, or SLEAP_STREAM_SHARED names it. sleap-nn is installed without torch, which its trackers do not need;
the package's own `__init__` would import it.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path

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


def ours(scene, tmp_path):
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(scene))
    answer = subprocess.run([TRACK, path, *NAMES], stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


def compare(scene, maker, tmp_path):
    """How many assignments were compared; all are equal."""
    found = ours(scene, tmp_path)
    trackers = maker.trackers(scene["n_animals"], scene["n_nodes"])
    compared = 0
    for name in NAMES:
        expected = maker.tracks(trackers[name], scene["frames"], scene["n_nodes"])
        compared += sum(map(len, expected))
        different = [index for index, (a, b) in enumerate(zip(found[name], expected, strict=True)) if a != b]
        assert not different, f"{name}: frames {different[:5]}"
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


def test_a_detection_elsewhere_would_be_noticed(maker, tmp_path):
    """The negative control: two animals change places in one frame."""
    scene = own_scenes()["two_voles"]
    frame = next(frame for frame in scene["frames"][20:] if len(frame) == 2)
    expected = maker.tracks(maker.trackers(2, scene["n_nodes"])["classic"], scene["frames"], scene["n_nodes"])
    frame.reverse()
    assert ours(scene, tmp_path)["classic"] != expected
