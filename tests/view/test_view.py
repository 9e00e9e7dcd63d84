"""Watching: the page shows the frames that the worker received, with their poses."""

import base64
import functools

import cv2
import numpy as np
import pytest
from conftest import DEMO, ENDLESS, predictions, running_worker, streaming

# Both canvases at one moment, and which frame that is.
SNAPSHOT = """() => {
    const picture = document.getElementById("picture"), overlay = document.getElementById("overlay");
    return {
        frame: Number(picture.dataset.frame),
        picture: picture.toDataURL(), overlay: overlay.toDataURL(),
    };
}"""
# Of the nodes of a single animal, as in the worker's window.
NODE_COLORS = [(0, 176, 255), (255, 130, 0), (50, 230, 110), (240, 70, 220), (255, 230, 0)]


def pixels(url):
    data = base64.b64decode(url.split(",")[1])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA).astype(int)


@functools.cache
def video_frames():
    video = cv2.VideoCapture(str(DEMO / "video.mp4"))
    frames = []
    while (read := video.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    return frames


def nearest_frame(picture, around, box):
    """Which of the frames at and about the number `around` the picture shows inside the box, which is in
    the picture's pixels."""
    left, top, right, bottom = box
    near = [around + step for step in (-10, -3, 0, 3, 10) if 0 <= around + step < len(video_frames())]

    def difference(index):
        frame = cv2.resize(video_frames()[index], picture.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
        return np.abs(picture[..., :3] - frame)[top:bottom, left:right].mean()

    return min(near, key=difference)


def box_of(points, scale):
    """The animal's, with some room for its outline."""
    known = np.array([point for point in points if point]) * scale
    (left, top), (right, bottom) = known.min(axis=0) - 30 * scale, known.max(axis=0) + 30 * scale
    return [max(0, int(side)) for side in (left, top, right, bottom)]


def shown(page, after):
    page.wait(f"() => Number(document.getElementById('picture').dataset.frame) > {after}")
    return page.page.evaluate(SNAPSHOT)


@pytest.mark.parametrize("width", [320, 640])
def test_poses_are_drawn_at_the_right_pixels_of_the_right_picture(worker, open_page, width):
    page = open_page(worker.link).state("connected")
    page.page.select_option("#width", str(width))
    # Slower than it was recorded, so that a busy machine sees enough of it.
    with streaming(worker, "--live", "--fps", "15") as client:
        snapshots = [shown(page, after) for after in (20, 60, 100)]
        poses = predictions(client)
    for snapshot in snapshots:
        picture, overlay = pixels(snapshot["picture"]), pixels(snapshot["overlay"])
        sent = video_frames()[snapshot["frame"]]
        assert picture.shape[1] == min(width, sent.shape[1])
        [points] = poses[snapshot["frame"]]["instances"]
        box = box_of(points, picture.shape[1] / sent.shape[1])
        assert nearest_frame(picture, snapshot["frame"], box) == snapshot["frame"]
        scale = np.array(overlay.shape[1::-1]) / sent.shape[1::-1]
        found = {
            node: np.round((np.array(point) + 0.5) * scale).astype(int) for node, point in enumerate(points) if point
        }
        assert len(found) >= 4
        for node, (x, y) in found.items():
            assert tuple(overlay[y, x]) == (*NODE_COLORS[node], 255), (snapshot["frame"], node)
        # Colour is where the animal is, and nowhere else.
        rows, columns = np.nonzero(overlay[..., 3])
        margin = 60
        for drawn, at in ((columns, [x for x, _ in found.values()]), (rows, [y for _, y in found.values()])):
            assert min(at) - margin <= drawn.min() and drawn.max() <= max(at) + margin


def test_a_pose_of_another_frame_would_be_noticed(worker, open_page):
    """The negative control of the test above: the animal moves."""
    with streaming(worker) as client:
        poses = predictions(client)
    moved = [
        np.array(poses[frame + 20]["instances"][0][0]) - poses[frame]["instances"][0][0] for frame in (20, 60, 100)
    ]
    assert min(np.abs(step).max() for step in moved) > 8
    # Nor would the picture of another frame pass for it.
    for frame in (20, 60, 100):
        box = box_of(poses[frame]["instances"][0], 1)
        for other in (frame - 3, frame + 3):
            assert nearest_frame(video_frames()[other].astype(int), frame, box) == other


def test_nodes_are_named_under_mouse_and_finger(worker, open_page):
    page = open_page(worker.link, has_touch=True).state("connected")
    with streaming(worker, "--live", "--max-frames", "30"):
        page.wait("() => document.getElementById('picture').dataset.frame >= 20")
        # From here on the picture stays as it is.
        page.page.click("#pause")
    result, meta = page.poses[-1]
    box = page.page.locator("#overlay").bounding_box()

    def at(node):
        x, y = result["instances"][0][node]
        return box["x"] + (x + 0.5) / meta["width"] * box["width"], box["y"] + (y + 0.5) / meta["height"] * box[
            "height"
        ]

    page.page.mouse.move(*at(0))
    assert page.page.text_content("#tip").startswith("nose ")
    page.page.touchscreen.tap(*at(4))
    assert page.page.text_content("#tip").startswith("tail_tip ")
    page.page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert page.page.locator("#tip").is_hidden()


def test_figures_are_those_of_the_stream(worker, open_page):
    page = open_page(worker.link).state("connected")
    page.wait("() => document.getElementById('notice-text').textContent.includes('Start sleap-stream')")
    with streaming(worker, source=ENDLESS):
        page.wait("() => document.getElementById('picture').dataset.frame >= 60")
        page.wait("() => Number(document.getElementById('fps-now').textContent) > 0")
        page.wait("() => document.getElementById('total').textContent.endsWith(' ms')")
        text = {
            key: page.page.text_content(f"#{key}")
            for key in ("source", "size", "failed", "device", "clients", "viewers")
        }
        assert text == {
            "source": "test pattern",
            "size": "512 × 384",
            "failed": "0",
            "device": "cpu",
            "clients": "1",
            "viewers": "1 of 4",
        }
        assert page.page.text_content("#model-name") == "synthetic_mouse"
        # How many frames a live source leaves out is up to the load of the machine, but all are counted.
        not_sent = int(page.page.text_content("#skipped"))
        shown, number = page.page.evaluate(
            "() => [window.shown, Number(document.getElementById('picture').dataset.frame)]"
        )
        assert not_sent + shown <= number + 1
    page.wait("() => document.getElementById('clients').textContent === '0'")


def test_several_viewers_watch_and_one_too_many_waits_for_a_place(worker, open_page):
    viewers = [open_page(worker.link).state("connected") for _ in range(4)]
    viewers[1].page.select_option("#width", "320")
    with streaming(worker, source=ENDLESS):
        for viewer in viewers:
            viewer.wait("() => document.getElementById('picture').dataset.frame >= 30")
        widths = [viewer.page.evaluate("() => document.getElementById('picture').width") for viewer in viewers]
        assert widths == [512, 320, 512, 512]
        fifth = open_page(worker.link).state("full")
        assert fifth.page.text_content("#notice-heading") == "4 of 4 viewers"
        assert "as soon as one is free" in fifth.page.text_content("#notice-text")
        # A hidden page makes room, and does not take its place back while it is hidden.
        viewers[2].hide()
        fifth.state("connected")
        viewers[2].state("evicted")
        viewers.pop().context.close()
        viewers[2].hide(False)
        viewers[2].state("connected")
    fifth.errors.clear()  # The browser logs the refusals.


def test_metrics_count_viewers(tmp_path, open_page):
    with running_worker(tmp_path, "--metrics", "127.0.0.1:0") as worker:
        assert worker.metric("viewers_connected") == 0
        page = open_page(worker.link).state("connected")
        assert worker.metric("viewers_connected") == 1
        page.page.goto("about:blank")


def test_a_hidden_page_gets_no_pictures(worker, open_page):
    page = open_page(worker.link).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => Number(document.getElementById('frames').dataset.value) >= 10")
        page.hide()
        # Statuses go on, and with them the count; one picture may still be on its way.
        frames = int(page.page.get_attribute("#frames", "data-value"))
        last = len(page.poses)
        page.wait(f"() => Number(document.getElementById('frames').dataset.value) > {frames + 50}")
        assert len(page.poses) <= last + 1
        page.hide(False)
        page.wait(f"() => document.getElementById('picture').dataset.frame > {frames + 50}")


def test_a_phone_is_served_over_tls(tmp_path, open_page):
    with running_worker(tmp_path, view="0.0.0.0:0", env={"XDG_DATA_HOME": str(tmp_path)}) as worker:
        assert worker.link.startswith("https://")
        certificate = (tmp_path / "sleap-stream/view/identity.pem").read_bytes()
        page = open_page(worker.link, ignore_https_errors=True).state("connected")
        assert page.page.evaluate("() => isSecureContext && 'mediaDevices' in navigator")
        assert "SHA-256" in worker.log()
        # A page that is left open looks for its worker again and again.
        page.context.close()
    with running_worker(tmp_path, view="0.0.0.0:0", env={"XDG_DATA_HOME": str(tmp_path)}):
        assert (tmp_path / "sleap-stream/view/identity.pem").read_bytes() == certificate


@pytest.mark.parametrize("width", [390, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phones_screen_needs_no_sideways_scrolling(worker, open_page, width, scheme):
    page = open_page(worker.link, viewport={"width": width, "height": 780}, color_scheme=scheme).state("connected")
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    lightness = page.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (lightness == "rgb(12, 17, 23)") == (scheme == "dark")
