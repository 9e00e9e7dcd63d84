"""Streams: poses are sleap-nn's, whatever form frames and waits have."""

import asyncio
import json
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest
import sleap_stream
from conftest import DEMO, assert_equal


def test_poses_of_raw_frames_are_those_of_sleap_nn(stream, demo_frames, demo_truth):
    for number, frame in demo_frames.items():
        pose = stream.predict(frame)
        assert_equal(pose, demo_truth[number])
        assert pose.node_names == stream.node_names and len(pose.node_names) == 5
        assert 0 < pose.age_ms < 60_000
        assert sum(pose.parts_ms.values()) == pytest.approx(pose.age_ms, abs=0.1)
    assert stream.model.kind == "single_instance"
    assert len(stream.edges) == 4


def variants(frame):
    """The same picture in other forms of arrays."""
    gray = frame if frame.ndim == 2 else frame[:, :, 0]
    yield "one channel", gray[:, :, None]
    yield "rows apart", np.pad(gray, ((0, 0), (3, 5)))[:, 3:-5]
    yield "upside down twice", np.ascontiguousarray(gray[::-1])[::-1]
    yield "columns first", np.asfortranarray(gray)
    yield "read only", _read_only(gray)
    yield "BGR", np.repeat(gray[:, :, None], 3, axis=2)
    yield "BGR with the channels apart", np.repeat(gray[None], 3, axis=0).transpose(1, 2, 0)
    yield "16 bits", gray.astype(np.uint16) << 8
    yield "list of lists", memoryview(np.ascontiguousarray(gray))


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def test_every_form_of_an_array_is_the_same_picture(stream, demo_frames, demo_truth):
    number, frame = next(iter(demo_frames.items()))
    for form, array in variants(frame):
        pose = stream.predict(array)
        np.testing.assert_allclose(pose.points, stream.predict(frame).points, atol=1e-3, err_msg=form)
    assert_equal(stream.predict(frame), demo_truth[number])


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_worker_gets_every_sample_as_it_is(tmp_path, rgb, copy, dtype):
    random = np.random.default_rng(3)
    frame = random.integers(0, np.iinfo(dtype).max, (24, 30, 3), dtype, endpoint=True)
    arrays = [frame, frame[:, ::-1], frame[::2, 3:], frame.transpose(1, 0, 2)]
    with (
        sleap_stream.Worker(DEMO / "model", device="cpu", save_every=1, output=tmp_path) as worker,
        sleap_stream.connect(worker.link, policy="all", rgb=rgb) as stream,
    ):
        for array in arrays:
            stream.send(array, copy=copy).result(60)
    saved = sorted(tmp_path.rglob("*.png"))
    assert len(saved) == len(arrays)
    for array, file in zip(arrays, saved):
        read = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read, array[:, :, ::-1] if rgb else array)


def test_what_is_no_frame_is_refused_with_words(stream):
    for array, words in [
        (np.zeros((4, 4), np.float32), "uint8 or uint16, not float32"),
        (np.zeros((4, 4, 4), np.uint8), "(height, width, 3), not [4, 4, 4]"),
        (np.zeros(4, np.uint8), "not [4]"),
        (np.zeros((0, 4), np.uint8), "not possible"),
        (np.zeros((1, 20_000), np.uint8), "16384"),
        ("text", "uint8 or uint16"),
    ]:
        with pytest.raises(sleap_stream.FrameFormatError) as error:
            stream.predict(array)
        assert words in str(error.value) or "shape" in str(error.value), error.value
        assert isinstance(error.value, ValueError)


def test_frames_that_are_sent_come_back_by_iterator_and_ticket(worker, demo_frames, demo_truth):
    with sleap_stream.connect(worker.link, policy="all") as stream:
        tickets = {}
        for number, frame in demo_frames.items():
            reused = frame.copy()
            tickets[number] = stream.send(reused)
            # The program may write to its buffer at once.
            reused[:] = 0
        stream.end()
        poses = list(stream.poses())
        assert [pose.frame_id for pose in poses] == list(range(len(demo_frames)))
        for pose, (number, ticket) in zip(poses, tickets.items()):
            assert_equal(pose, demo_truth[number])
            assert ticket.done() and ticket.result().frame_id == pose.frame_id
        with pytest.raises(sleap_stream.StreamClosedError):
            stream.send(frame)


def test_a_callback_gets_the_poses_and_its_errors_are_raised(worker, demo_frames):
    frames, seen = list(demo_frames.values()), []
    with sleap_stream.connect(worker.link, policy="all", on_pose=seen.append) as stream:
        for frame in frames:
            stream.send(frame)
    assert [pose.frame_id for pose in seen] == list(range(len(frames)))

    def fails(pose):
        raise KeyError(pose.frame_id)

    stream = sleap_stream.connect(worker.link, on_pose=fails)
    stream.send(frames[0]).result(60)
    with pytest.raises(sleap_stream.StreamError) as error:
        stream.close()
    assert isinstance(error.value.__cause__, KeyError)


def test_coroutines_wait_for_poses_and_tickets(worker, demo_frames, demo_truth):
    async def run():
        async with sleap_stream.connect(worker.link, policy="all") as stream:
            number, frame = next(iter(demo_frames.items()))
            assert_equal(await stream.send(frame), demo_truth[number])
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0)

            ticking = asyncio.create_task(tick())
            for frame in demo_frames.values():
                stream.send(frame)
            stream.end()
            ids = [pose.frame_id async for pose in stream.poses()]
            ticking.cancel()
            return ids, ticks

    ids, ticks = asyncio.run(run())
    assert ids == list(range(len(demo_frames) + 1))
    # The loop went on meanwhile.
    assert ticks > 1


def test_the_newest_frame_takes_the_place_of_those_that_wait(worker, demo_frames):
    frame = next(iter(demo_frames.values()))
    with sleap_stream.connect(worker.link) as stream:
        tickets = [stream.send(frame) for _ in range(200)]
        stream.end()
        outcomes = []
        for ticket in tickets:
            try:
                outcomes.append(ticket.result(60).frame_id)
            except sleap_stream.FrameReplacedError as error:
                assert "newer frame" in str(error)
        assert outcomes[-1] == 199 and len(outcomes) < 200
    # Frames that gave way are no loss.
    assert stream.stats()["dropped"] == 200 - len(outcomes)


def test_streams_of_several_threads_and_workers(worker, demo_frames, demo_truth):
    wrong = []

    def run(link):
        try:
            with sleap_stream.connect(link) as stream:
                for number, frame in demo_frames.items():
                    assert_equal(stream.predict(frame), demo_truth[number])
        except BaseException as error:  # noqa: BLE001 - it is raised below
            wrong.append(error)

    with sleap_stream.Worker(DEMO / "model", device="cpu") as second:
        threads = [threading.Thread(target=run, args=(it.link,)) for it in (worker, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_one_stream_serves_several_threads(worker, demo_frames, demo_truth):
    wrong = []

    def run(stream, number, frame):
        try:
            assert_equal(stream.predict(frame), demo_truth[number])
        except BaseException as error:  # noqa: BLE001 - it is raised below
            wrong.append(error)

    with sleap_stream.connect(worker.link, policy="all") as stream:
        threads = [threading.Thread(target=run, args=(stream, *it)) for it in demo_frames.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_a_time_of_capture_is_the_age(stream, demo_frames):
    frame = next(iter(demo_frames.values()))
    captured_at = time.time() - 2
    pose = stream.predict(frame, captured_at=captured_at)
    assert pose.age_ms > 2000 and pose.parts_ms["driver"] > 1900
    assert pose.captured_at == pytest.approx(captured_at, abs=0.01)


def test_outputs_are_those_of_the_command_line(worker, demo_frames, tmp_path):
    slp, csv, lines = (tmp_path / name for name in ("poses.slp", "poses.csv", "poses.jsonl"))
    options = {"outputs": [slp, csv, str(lines)], "tracking": True, "max_tracks": 1}
    with sleap_stream.connect(worker.link, policy="all", name="rig 1", **options) as stream:
        poses = [stream.predict(frame) for frame in demo_frames.values()]
    assert [pose.tracks for pose in poses] == [["track_0"]] * len(poses)
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    written = [line for line in written if "instances" in line]
    assert [line["frame_id"] for line in written] == [pose.frame_id for pose in poses]
    np.testing.assert_allclose([line["instances"] for line in written], [pose.points for pose in poses])
    assert slp.stat().st_size > 1000 and len(csv.read_text().splitlines()) == len(poses) + 1
    sio = pytest.importorskip("sleap_io")
    labels = sio.load_slp(str(slp), open_videos=False)
    assert len(labels) == len(poses) and labels.video.filename == "rig 1"
    saved = {entry["path"] for entry in stream.stats()["saved"]}
    assert saved == {str(slp), str(csv), str(lines)}


def test_a_stream_without_a_frame_leaves_no_file(worker, tmp_path):
    with sleap_stream.connect(worker.link, outputs=[tmp_path / "a.slp"]) as stream:
        assert stream.stats()["frames"] == 0
    assert list(tmp_path.iterdir()) == []


def test_compressed_and_resized_frames(worker, demo_frames, demo_truth):
    number, frame = next(iter(demo_frames.items()))
    large = np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1)
    with sleap_stream.connect(worker.link, jpeg_quality=95, resize=(256, 192)) as stream:
        pose = stream.predict(large)
        assert stream.stats()["bytes"] < large.nbytes / 10
    expected = np.array(demo_truth[number][0]["points"]) * 2
    assert np.abs(pose.points[0] - expected).max() < 12


def test_rules_and_emitted_poses(worker, demo_frames, tmp_path):
    import socket

    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "there"\nwhen = "score > 0"\n')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        target = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        receiver.settimeout(60)
        with sleap_stream.connect(worker.link, emit=target) as stream:
            stream.predict(next(iter(demo_frames.values())))
        kinds = [json.loads(receiver.recv(65536))["type"] for _ in range(2)]
        assert set(kinds) == {"skeleton", "pose"}
        assert stream.stats()["emitted"][0]["poses"] == 1


def test_poses_are_the_same_as_those_of_the_program(worker, binaries, demo_frames):
    command = [binaries / "sleap-stream", "--worker", worker.link, "--frames", "0", "-q", "-o", "-", DEMO / "video.mp4"]
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    with sleap_stream.connect(worker.link) as stream:
        pose = stream.predict(demo_frames[0])
    np.testing.assert_allclose(json.loads(line)["instances"], pose.points, atol=1e-4)
