"""`sleap_stream.dlclive.DLCLive` beside DeepLabCut-live's own class, with the same model behind both."""

import sys
import time
import types
import warnings

import numpy as np
import pytest
import sleap_stream
from conftest import DEMO
from sleap_stream.dlclive import DLCLive, DLCLiveError, Processor, best


@pytest.fixture(scope="module")
def real():
    """The package deeplabcut-live, without what needs a network of DeepLabCut."""
    benchmark = types.ModuleType("dlclive.benchmark")
    benchmark.benchmark_videos = benchmark.download_benchmarking_data = None
    sys.modules["dlclive.benchmark"] = benchmark
    with warnings.catch_warnings():
        # It warns that there is neither TensorFlow nor PyTorch.
        warnings.simplefilter("ignore")
        pytest.importorskip("dlclive")
    import dlclive.dlclive

    return dlclive.dlclive


class ModelRunner:
    """Runs the demonstration's model where DeepLabCut-live runs its own."""

    cfg = None
    precision = "FP32"

    def __init__(self):
        self.model = sleap_stream.Model(DEMO / "model", device="cpu")

    def init_inference(self, frame):
        return self.get_pose(frame)

    def get_pose(self, frame):
        return best(self.model.predict(np.ascontiguousarray(frame), rgb=True))

    def close(self):
        pass


class Recorder(Processor):
    """Keeps what it is called with, and moves the pose."""

    def __init__(self):
        self.calls = []

    def process(self, pose, **kwargs):
        self.calls.append((pose.copy(), kwargs))
        return pose + [1, 2, 0]


def poses(live, frames):
    times = [time.time() + at / 30 for at in range(len(frames))]
    first = live.init_inference(frames[0], frame_time=times[0], record=False)
    rest = [live.get_pose(frame, frame_time=at, record=True) for frame, at in zip(frames[1:], times[1:])]
    return [first, *rest]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cropping": [16, 240, 8, 184]},
        {"resize": 0.5},
        {"cropping": [16, 240, 8, 184], "resize": 0.5},
        {"dynamic": (True, 0.5, 30)},
    ],
    ids=str,
)
def test_poses_are_those_of_deeplabcut_lives_own_class(real, worker, demo_frames, monkeypatch, options):
    monkeypatch.setattr(real.factory, "build_runner", lambda *_, **__: ModelRunner())
    frames = list(demo_frames.values())
    ours, theirs = Recorder(), Recorder()
    with DLCLive(worker.link, processor=ours, **options) as live:
        found = poses(live, frames)
    expected = poses(real.DLCLive("unused", processor=theirs, **options), frames)
    assert [pose.shape for pose in found] == [(5, 3)] * len(frames)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    for (pose, kwargs), (other, others) in zip(ours.calls, theirs.calls):
        np.testing.assert_allclose(pose, other, atol=1e-3)
        assert kwargs.keys() == others.keys() == {"frame_time", "record"}
    assert [kwargs["record"] for _, kwargs in ours.calls] == [False] + [True] * (len(frames) - 1)


def test_a_processor_of_the_package_runs(real, worker, demo_frames):
    from dlclive.processor.kalmanfilter import KalmanFilterPredictor

    with DLCLive(worker.link, processor=KalmanFilterPredictor(fps=30)) as live:
        for pose in poses(live, list(demo_frames.values())):
            assert np.isfinite(pose[:, :2]).all()


def test_calls_in_the_wrong_order_are_refused(worker, demo_frames):
    live = DLCLive(worker.link)
    with pytest.raises(DLCLiveError, match="No frame"):
        live.init_inference()
    with pytest.raises(DLCLiveError, match="init_inference"):
        live.get_pose(next(iter(demo_frames.values())))
    with pytest.raises(DLCLiveError, match="--view"):
        DLCLive(worker.link, display=True)
    live.close()


def test_all_instances_and_frames_without_any(worker, demo_frames):
    frame = next(iter(demo_frames.values()))
    with DLCLive(worker.link, single_animal=False) as live:
        assert live.cfg is None
        assert live.init_inference(frame).shape == (1, 5, 3)
        assert len(live.cfg["all_joints_names"]) == 5
        assert live.get_pose(np.zeros_like(frame)).shape[1:] == (5, 3)
    with DLCLive(worker.link) as live:
        np.testing.assert_array_equal(live.init_inference(np.zeros_like(frame)), np.zeros((5, 3)))
