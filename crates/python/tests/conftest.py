"""What the tests of the Python module share: the demonstration's model, its frames and sleap-nn's poses of them."""

import json
import os
import pathlib

import cv2
import numpy as np
import pytest
import sleap_stream

ROOT = pathlib.Path(__file__).parents[3]
DEMO = ROOT / "examples" / "demo"
MODELS = ROOT.parent / "shared" / "models"

# sleap-nn's numbers are rounded to five or six digits in the files.
PIXELS = 1e-3
SCORE = 1e-4


def pictures(folder):
    """Frames as OpenCV gives them, by their numbers."""
    files = sorted(folder.glob("*.png"))
    read = {int(file.stem): cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files}
    assert len(read) >= 10
    return read


def truth(file):
    """sleap-nn's instances of each frame."""
    frames = json.loads(file.read_text())["frames"]
    return {frame["frame_idx"]: frame["instances"] for frame in frames}


def assert_equal(pose, instances):
    """Poses are sleap-nn's, instance by instance."""
    assert len(pose) == len(instances)
    ours = {tuple(np.nan_to_num(points, nan=-1).round(1).ravel()): at for at, points in enumerate(pose.points)}
    for instance in instances:
        expected = np.array(
            [[np.nan if v is None else v for v in point or (None, None)] for point in instance["points"]]
        )
        distances = [np.nanmax(np.abs(points - expected)) for points in pose.points]
        at = int(np.argmin(distances))
        assert distances[at] < PIXELS
        assert (np.isnan(pose.points[at]) == np.isnan(expected)).all()
        assert abs(pose.scores[at] - instance["score"]) < SCORE
    assert len(ours) == len(instances)


@pytest.fixture(scope="session")
def demo_frames():
    return pictures(DEMO / "frames")


@pytest.fixture(scope="session")
def demo_truth():
    return truth(DEMO / "sleap_nn.json")


@pytest.fixture(scope="session")
def worker():
    """A worker with the demonstration's model, in this process."""
    with sleap_stream.Worker(DEMO / "model", device="cpu") as worker:
        yield worker


@pytest.fixture
def stream(worker):
    with sleap_stream.connect(worker.link) as stream:
        yield stream


@pytest.fixture(scope="session")
def binaries():
    return pathlib.Path(os.environ["SLEAP_STREAM_BIN"])
