"""Models and workers in this process: the numbers are sleap-nn's."""

import numpy as np
import pytest
import sleap_stream
from conftest import DEMO, MODELS, assert_equal, pictures, truth

KINDS = {"single_instance": "small_robot", "bottomup": "centered_pair_small", "centroid": "centered_pair_small"}


def test_poses_of_the_demonstration_are_those_of_sleap_nn(demo_frames, demo_truth):
    model = sleap_stream.Model(DEMO / "model", device="cpu", max_batch=4)
    assert (model.kind, model.input_shape, model.device) == ("single_instance", (192, 256, 1), "cpu")
    poses = model.predict(list(demo_frames.values()))
    for pose, number in zip(poses, demo_frames):
        assert_equal(pose, demo_truth[number])
    assert [pose.frame_id for pose in poses] == list(range(len(poses)))
    one = model.predict(next(iter(demo_frames.values())))
    assert one.frame_id == len(poses) and one.age_ms is None and one.parts_ms["inference"] > 0
    np.testing.assert_allclose(one.points, poses[0].points)
    stack = np.stack([frame if frame.ndim == 3 else frame[:, :, None] for frame in demo_frames.values()])
    for pose, other in zip(model.predict(stack), poses):
        np.testing.assert_allclose(pose.points, other.points)


@pytest.mark.parametrize("options", [{}, {"max_batch": 3}, {"threads": 1}], ids=["copies", "batches", "one copy"])
def test_frames_of_one_call_have_the_poses_of_each_alone_in_their_order(demo_frames, options):
    model = sleap_stream.Model(DEMO / "model", device="cpu", **options)
    frames = 2 * list(demo_frames.values())
    alone = [model.predict(frame).points for frame in frames]
    assert not all(np.array_equal(alone[0], points) for points in alone)
    for pose, points in zip(model.predict(frames), alone, strict=True):
        np.testing.assert_allclose(pose.points, points, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_exported_models_beside_the_repository(kind):
    folder = MODELS / kind
    if not folder.is_dir():
        pytest.skip("no exported models beside the repository")
    expected = truth(folder / "ground_truth.json")
    model = sleap_stream.Model(folder, device="cpu")
    frames = {
        number: frame for number, frame in pictures(MODELS / "frames" / KINDS[kind]).items() if number in expected
    }
    assert len(frames) >= 10
    for pose, number in zip(model.predict(list(frames.values())), frames):
        assert_equal(pose, expected[number])


def test_what_is_no_model_is_an_error_with_words(tmp_path):
    with pytest.raises(sleap_stream.ModelError, match=str(tmp_path)):
        sleap_stream.Model(tmp_path)
    with pytest.raises(sleap_stream.OptionError, match="peak_threshold may be meant"):
        sleap_stream.Model(DEMO / "model", peak_treshold=0.3)
    with pytest.raises(sleap_stream.OptionError, match="does not concern the model"):
        sleap_stream.Model(DEMO / "model", listen="127.0.0.1:0")
    with pytest.raises(sleap_stream.WorkerError, match=str(tmp_path)):
        sleap_stream.Worker(tmp_path)
    with pytest.raises(sleap_stream.OptionError, match="needs the program sleap-worker"):
        sleap_stream.Worker(DEMO / "model", max_upload="1GB")


def test_options_of_the_model_count(demo_frames):
    frame = next(iter(demo_frames.values()))
    strict = sleap_stream.Model(DEMO / "model", device="cpu", peak_threshold=0.999).predict(frame)
    assert np.isnan(strict.points).any() or len(strict) == 0
    refined = sleap_stream.Model(DEMO / "model", device="cpu", refine=True).predict(frame)
    assert not np.isnan(refined.points).all()


def test_a_worker_in_this_process_saves_poses(demo_frames, tmp_path):
    with sleap_stream.Worker(DEMO / "model", device="cpu", save_poses=tmp_path) as worker:
        assert worker.link.startswith("sleap://127.0.0.1:") and worker.signal.startswith("ws://127.0.0.1:")
        with sleap_stream.connect(worker.link) as stream:
            stream.predict(next(iter(demo_frames.values())))
    assert [file.suffix for file in tmp_path.iterdir()] == [".slp"]
