"""The browser's camera as a client: its frames through the real worker to poses."""

from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import pytest
from camera_file import camera_file
from conftest import DEMO, ENDLESS, predictions, running_worker, streaming


@pytest.fixture(scope="session")
def camera_browser(launch, tmp_path_factory):
    file = camera_file(tmp_path_factory.mktemp("camera"))
    return launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={file}",
    )


def camera_state(page, word):
    page.page.wait_for_selector(f'body[data-camera="{word}"]', state="attached")


def nearest(points, known):
    """The known frame whose points are nearest, and the largest distance to one of them in pixels."""
    distance = np.abs(known - points).max(axis=(1, 2))
    return int(distance.argmin()), float(distance.min())


def as_array(pose):
    return np.array([[np.nan, np.nan] if point is None else point for point in pose], dtype=float)


def the_videos_poses(worker):
    """What the command line gets for each frame of the demonstration's video."""
    with streaming(worker) as client:
        known = predictions(client)
    return np.array([as_array(known[frame]["instances"][0]) for frame in sorted(known)])


def check_camera_poses(poses, known, width, within):
    """A page's poses are those of the video that its camera plays, not mirrored; each frame has one. Their frames."""
    frames, distances, mirrored = [], [], []
    for result, meta in poses:
        assert result["type"] == "PREDICTION" and result["frame_id"] == meta["frameId"]
        assert meta["width"] == min(width, 512)
        points = as_array(result["instances"][0]) * (512 / meta["width"])
        frame, distance = nearest(points, known)
        frames.append(frame)
        distances.append(distance)
        mirrored.append(nearest(np.array([511, 0]) + points * [-1, 1], known)[1])
    # JPEG and, at 320, size move points a little; mirrored they would be nowhere near.
    assert np.median(distances) < within, distances
    assert np.median(mirrored) > 10
    ids = [result["frame_id"] for result, _ in poses]
    assert ids == sorted(set(ids))
    return frames


@pytest.mark.parametrize("width", [320, 640])
def test_a_camera_gets_the_poses_that_the_command_line_gets(worker, open_page, camera_browser, width):
    known = the_videos_poses(worker)
    page = open_page(worker.send_over_one, browser=camera_browser).state("connected")
    page.page.select_option("#camera-width", str(width), force=True)
    page.page.click("#camera")
    camera_state(page, "live")
    page.wait("() => Number(document.getElementById('picture').dataset.frame) >= 60")
    page.page.click("#camera")
    camera_state(page, "stopped")
    page.wait("() => document.getElementById('clients').textContent === '0'")
    assert "stream complete" in worker.log()
    # Nothing of a frame that was being encoded is sent after the end.
    said = page.page.evaluate("() => window.said.filter((text) => !text.includes('VIEW'))")
    assert '"STREAM_END"' in said[-1]
    frames = check_camera_poses(page.poses, known, width, 1.0 if width == 640 else 3.0)
    # Time runs forward: the file is played again from its start at most once in so short a time.
    assert sum(later < earlier - 2 for earlier, later in pairwise(frames)) <= 1, frames


# Streams of the command line: files, raw and compressed, and cameras.
FILES = ((), ("--jpeg-quality", "80"), ("--batch-size", "8"), ("--resize", "256x192"))
CAMERAS = (ENDLESS, ("--test-pattern", "640x480@30", "--jpeg-quality", "80"), ("--test-pattern", "256x192@60"))


@pytest.mark.parametrize("files, cameras", [(1, 0), (2, 1), (4, 3)])
def test_a_camera_among_other_streams_gets_its_own_poses(tmp_path, open_page, camera_browser, files, cameras):
    """Two, four, and eight streams at one worker."""
    # Eight share two cores: each gets few frames in a second.
    frames = 120 if cameras < 3 else 40
    with running_worker(tmp_path, "--model", DEMO / "model", "--max-streams", "8") as worker, ExitStack() as stack:

        def file(options):
            return streaming(worker, "--max-frames", str(frames), *options)

        def poses(client):
            lines = predictions(client)
            assert list(lines) == list(range(frames))
            return np.array([as_array(line["instances"][0]) for line in lines.values()])

        known, alone = the_videos_poses(worker), []
        for options in FILES[:files]:
            with file(options) as client:
                alone.append(poses(client))
        page = open_page(worker.send_over_one, browser=camera_browser).state("connected")
        page.page.select_option("#camera-width", "640", force=True)
        page.page.click("#camera")
        camera_state(page, "live")
        for source in CAMERAS[:cameras]:
            stack.enter_context(streaming(worker, source=source))
        page.wait(f"() => document.getElementById('clients').textContent === '{1 + cameras}'")
        # At 30 frames/s all of them last longer than the last takes to start.
        beside = [stack.enter_context(file(("--fps", "30", *options))) for options in FILES[:files]]
        for client, expected in zip(beside, alone, strict=True):
            # Batches that are filled otherwise round otherwise.
            np.testing.assert_allclose(poses(client), expected, atol=1e-3)
        shown = page.page.evaluate("() => window.shown")
        page.wait(f"() => window.shown > {shown + 20}")
        # Once its camera is off the page shows another stream.
        own = list(page.poses)
        page.page.click("#camera")
        camera_state(page, "stopped")
    check_camera_poses(own, known, 640, 1.0)


def test_a_camera_in_the_queue_shows_the_running_stream_and_its_place(one_stream_worker, open_page, camera_browser):
    page = open_page(one_stream_worker.send_link, browser=camera_browser).state("connected")
    second = open_page(one_stream_worker.send_link, browser=camera_browser).state("connected")
    with streaming(one_stream_worker, source=ENDLESS):
        page.wait("() => document.getElementById('source').textContent === 'test pattern'")
        page.page.click("#camera")
        camera_state(page, "busy")
        page.wait("() => document.getElementById('message').textContent.includes('is next')")
        second.page.click("#camera")
        second.wait("() => document.getElementById('message').textContent.includes('number 2 in the queue')")
        for waiting in (page, second):
            shown = waiting.page.evaluate("() => window.shown")
            waiting.wait(f"() => window.shown > {shown + 5} && document.getElementById('notice').hidden")
    # The first in the queue streams, though both ask.
    camera_state(page, "live")
    page.wait("() => Number(document.getElementById('picture').dataset.frame) > 5")
    second.wait("() => document.getElementById('message').textContent.includes('is next')")
    page.page.click("#camera")
    camera_state(page, "stopped")
    camera_state(second, "live")
    second.page.click("#camera")
    camera_state(second, "stopped")


def test_a_camera_that_is_not_allowed_is_reported(worker, open_page, browser):
    page = open_page(worker.send_link, browser=browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "failed")
    assert "The camera is not streaming" in page.page.locator("#problem").inner_text()
    # The page shows other streams again.
    with streaming(worker, source=ENDLESS):
        page.wait("() => Number(document.getElementById('picture').dataset.frame) > 20")
    page.page.click("#camera")
    camera_state(page, "failed")


ALL_OFF = "() => window.tracks.length > 0 && window.tracks.every((track) => track.readyState === 'ended')"


def watch_a_stream(worker, page):
    """Another client streams, and the page shows it."""
    with streaming(worker, source=(*ENDLESS, "--wait")):
        page.wait("() => document.getElementById('source').textContent === 'test pattern'")
        before = page.page.evaluate("() => window.shown")
        page.wait(f"() => window.shown > {before + 5} && !document.getElementById('live').hidden")


def test_the_other_camera_goes_on_with_the_stream(worker, open_page, camera_browser):
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    page.page.click("#flip")
    page.wait("() => window.tracks.length === 2 && window.tracks[0].readyState === 'ended'")
    frame = page.page.get_attribute("#picture", "data-frame")
    page.wait(f"() => Number(document.getElementById('picture').dataset.frame) > {int(frame or 0) + 20}")
    # However soon one click follows the other, nothing stays on after the end.
    page.page.evaluate(
        "() => { flip.disabled = false; flip.click(); flip.disabled = false; flip.click(); camera.click(); }"
    )
    camera_state(page, "stopped")
    watch_a_stream(worker, page)
    assert page.page.evaluate(ALL_OFF)


def test_a_lost_connection_is_opened_again_for_the_same_stream(worker, open_page, camera_browser):
    page = open_page(worker.send_over_one, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    page.wait("() => Number(document.getElementById('picture').dataset.frame) > 20")
    page.page.evaluate("() => window.peers.at(-1).close()")
    camera_state(page, "lost")
    camera_state(page, "live")
    frame = int(page.page.get_attribute("#picture", "data-frame"))
    page.wait(f"() => Number(document.getElementById('picture').dataset.frame) > {frame + 20}")
    page.page.click("#camera")
    camera_state(page, "stopped")
    ids = [result["frame_id"] for result, _ in page.poses]
    assert ids == sorted(set(ids)), "frames are counted on"
    starts = [text for text in page.page.evaluate("() => window.said") if '"STREAM_START"' in text]
    assert len(starts) >= 2


def test_a_camera_that_cannot_be_opened_again_ends_the_stream(worker, open_page, camera_browser):
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    page.page.evaluate("""() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("busy", "NotReadableError"));
        flip.click();
    }""")
    camera_state(page, "failed")
    assert "Another program is using the camera" in page.page.locator("#problem").inner_text()
    page.wait(ALL_OFF)
    watch_a_stream(worker, page)


def test_stopping_while_the_browser_asks_leaves_the_camera_off(worker, open_page, camera_browser):
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.evaluate("""() => {
        const open = navigator.mediaDevices.getUserMedia;
        const allowed = new Promise((resolve) => (window.allow = resolve));
        navigator.mediaDevices.getUserMedia = (wish) => allowed.then(() => open(wish));
        camera.click();
        camera.click();
    }""")
    camera_state(page, "stopped")
    page.page.evaluate("() => window.allow()")
    page.wait(ALL_OFF)
    watch_a_stream(worker, page)


@pytest.mark.parametrize("how", ["hidden", "unplugged", "silent"])
def test_a_camera_without_frames_ends_its_stream(worker, open_page, camera_browser, how):
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    if how == "hidden":
        page.hide()
    elif how == "unplugged":
        page.page.evaluate("() => window.tracks[0].dispatchEvent(new Event('ended'))")
    else:
        page.page.evaluate("() => window.tracks[0].stop()")  # As by the system: no event follows.
    camera_state(page, "failed")
    page.hide(False)
    said = {"hidden": "background", "unplugged": "unplugged", "silent": "no pictures"}[how]
    assert said in page.page.locator("#problem").inner_text()
    assert any('"STREAM_END"' in text for text in page.page.evaluate("() => window.said"))
    page.wait(ALL_OFF)
    watch_a_stream(worker, page)


def test_viewers_see_the_camera_of_another_page(worker, open_page, browser, camera_browser):
    viewer = open_page(worker.link, browser=browser).state("connected")
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    viewer.wait("() => document.getElementById('source').textContent === 'browser camera'")
    viewer.wait("() => Number(document.getElementById('picture').dataset.frame) > 20")
    # A tab that is closed in the midst of its stream leaves the worker free.
    page.context.close()
    with streaming(worker, "--max-frames", "5", "--wait") as client:
        assert len(predictions(client)) == 5
