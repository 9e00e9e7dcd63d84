"""Several streams at a time: the page shows all of them in a grid, or the one that is chosen, large."""

import json
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from conftest import DEMO, ENDLESS, Page, streaming
from test_view import pixels

SIZE = (256, 192)
# A tint for each stream, as shares of red, green and blue.
TINTS = {"red": (1, 0.65, 0.65), "green": (0.65, 1, 0.65), "blue": (0.65, 0.65, 1), "gray": (1, 1, 1)}
FRAMES = 3000

TILES = "() => [...document.querySelectorAll('#grid .tile')].map((it) => it.dataset.stream)"
CANVASES = """(name) => {
    const [picture, overlay] = document.querySelector(`.tile[data-stream="${name}"]`).querySelectorAll("canvas");
    return { frame: Number(picture.dataset.frame), picture: picture.toDataURL(), overlay: overlay.toDataURL() };
}"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """The demonstration's video in four tints, over and over."""
    video = cv2.VideoCapture(str(DEMO / "video.mp4"))
    frames = []
    while (read := video.read())[0]:
        frames.append(cv2.resize(read[1], SIZE, interpolation=cv2.INTER_AREA))
    folder = tmp_path_factory.mktemp("tints")
    files = {}
    for name, tint in TINTS.items():
        files[name] = folder / f"{name}.mp4"
        writer = cv2.VideoWriter(str(files[name]), cv2.VideoWriter_fourcc(*"mp4v"), 15, SIZE)
        tinted = [(frame * np.array(tint[::-1])).astype(np.uint8) for frame in frames]
        for index in range(FRAMES):
            writer.write(tinted[index % len(tinted)])
        writer.release()
    return files


def client(worker, file):
    """A client that sends a video at the speed of a camera, for as long as a test takes."""
    return streaming(worker, "--fps", "12", source=("--stream", file, "--live", "-o", "-"))


def wait_tiles(page, names):
    page.wait(f"() => JSON.stringify(({TILES})()) === {json.dumps(json.dumps(names, separators=(',', ':')))}")


def wait_pictures(page, names, after=0):
    for name in names:
        page.wait(
            f"""() => {after} < (document.querySelector('.tile[data-stream="{name}"] canvas')?.dataset.frame ?? -1)"""
        )


def tint_of(picture):
    """Which of the tints a picture has."""
    red, green, blue = (picture[..., channel].mean() for channel in range(3))
    strong = max(red, green, blue)
    if min(red, green, blue) > 0.8 * strong:
        return "gray"
    return {red: "red", green: "green", blue: "blue"}[strong]


def wait_large(page, name, tint):
    """Waits for the picture of a stream on the stage."""
    page.wait("() => document.body.dataset.show === 'one' && !document.getElementById('screen').hidden")
    page.wait(f"() => document.getElementById('source').textContent === {name!r}")
    page.wait("() => document.getElementById('picture').width === 256 && document.getElementById('notice').hidden")
    assert tint_of(pixels(page.page.evaluate("() => document.getElementById('picture').toDataURL()"))) == tint


def wait_grid(page):
    page.wait("() => document.body.dataset.show === 'grid' && document.getElementById('screen').hidden")


def test_one_stream_alone_is_large_at_once(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    with client(worker, videos["green"]):
        wait_large(page, "green.mp4", "green")
        assert page.page.locator("#grid").is_hidden() and page.page.locator("#back").is_hidden()
        assert page.page.locator("#streams-card").is_hidden()
        page.page.keyboard.press("Escape")
        page.page.keyboard.press("1")
        wait_large(page, "green.mp4", "green")


def test_each_tile_has_the_pictures_poses_and_figures_of_its_stream(worker, open_page, videos):
    page = open_page(worker.link, viewport={"width": 1280, "height": 800}).state("connected")
    names = [f"{name}.mp4" for name in TINTS]
    with ExitStack() as clients:
        for name, file in videos.items():
            clients.enter_context(client(worker, file))
            page.wait(
                f"() => ({TILES})().includes('{name}.mp4') || document.getElementById('source').textContent === '{name}.mp4'"
            )
        wait_tiles(page, names)
        wait_pictures(page, names)
        for name in TINTS:
            shown = page.page.evaluate(CANVASES, f"{name}.mp4")
            picture, overlay = pixels(shown["picture"]), pixels(shown["overlay"])
            assert tint_of(picture) == name
            # The size of a tile, and never larger than the stream's.
            assert picture.shape[1] == 256
            # A pose is drawn, and not all over the picture.
            drawn = (overlay[..., 3] > 0).mean()
            assert 0.001 < drawn < 0.2, (name, drawn)
        page.wait(
            "() => [...document.querySelectorAll('.tile-rate')].every((it) => /^[1-9][0-9.]* poses.s$/.test(it.textContent))"
        )
        page.wait("() => [...document.querySelectorAll('.tile-age')].every((it) => it.textContent.endsWith(' ms'))")
        kinds = page.page.evaluate("() => [...document.querySelectorAll('.tile-kind')].map((it) => it.textContent)")
        assert kinds == ["file"] * 4
        asked = [
            json.loads(said) for said in page.page.evaluate("() => window.said.filter((it) => it.includes('VIEW'))")
        ]
        assert asked[-1]["grid"] and asked[-1]["width"] <= 480 and "stream" not in asked[-1]
        # Two rows of two, all in sight.
        boxes = page.page.evaluate(
            "() => [...document.querySelectorAll('.tile')].map((it) => it.getBoundingClientRect().toJSON())"
        )
        assert len({round(box["left"]) for box in boxes}) == 2 and len({round(box["top"]) for box in boxes}) == 2
        assert max(box["bottom"] for box in boxes) <= 800


def test_a_tile_is_chosen_by_click_and_key_and_left_again(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    other = open_page(worker.send_link).state("connected")
    with client(worker, videos["red"]), client(worker, videos["blue"]):
        names = page.wait(f"() => ({TILES})().length === 2 && ({TILES})()").json_value()
        tint = {name: name.removesuffix(".mp4") for name in names}
        page.page.click(f'.tile[data-stream="{names[1]}"]')
        wait_large(page, names[1], tint[names[1]])
        page.page.keyboard.press("Escape")
        wait_grid(page)
        # The focus is where it was.
        assert page.page.evaluate("() => document.activeElement.dataset.stream") == names[1]
        page.page.keyboard.press("ArrowLeft")
        page.page.keyboard.press("Enter")
        wait_large(page, names[0], tint[names[0]])
        page.page.click("#back")
        wait_grid(page)
        page.page.keyboard.press("2")
        wait_large(page, names[1], tint[names[1]])
        # From one to the other, by key and in the list.
        page.page.keyboard.press("1")
        wait_large(page, names[0], tint[names[0]])
        page.page.click(f"#streams button:text-is('{names[1]}')")
        wait_large(page, names[1], tint[names[1]])
        # Each viewer chooses for itself, also one whose link only watches.
        wait_grid(other)
        other.page.keyboard.press("1")
        wait_large(other, names[0], tint[names[0]])
        wait_large(page, names[1], tint[names[1]])


def test_streams_come_and_go_without_a_reload_and_what_is_chosen_stays(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    page.page.evaluate("() => { window.isSamePage = true }")
    with ExitStack() as all_clients:
        all_clients.enter_context(client(worker, videos["red"]))
        wait_large(page, "red.mp4", "red")
        with client(worker, videos["green"]):
            wait_tiles(page, ["red.mp4", "green.mp4"])
            page.page.click('.tile[data-stream="red.mp4"]')
            wait_large(page, "red.mp4", "red")
            all_clients.enter_context(client(worker, videos["blue"]))
            page.wait("() => document.querySelectorAll('#streams button').length === 3")
            wait_large(page, "red.mp4", "red")
        page.wait("() => document.querySelectorAll('#streams button').length === 2")
        wait_large(page, "red.mp4", "red")
        page.page.click("#back")
        wait_tiles(page, ["red.mp4", "blue.mp4"])
        wait_pictures(page, ["red.mp4", "blue.mp4"])
        page.page.keyboard.press("2")
        wait_large(page, "blue.mp4", "blue")
        with client(worker, videos["gray"]):
            page.wait("() => document.querySelectorAll('#streams button').length === 3")
            wait_large(page, "blue.mp4", "blue")
    page.wait("() => document.getElementById('fps-now').textContent === 'Ended'")
    assert page.page.evaluate("() => window.isSamePage")


def test_a_stream_that_is_chosen_and_ends_makes_room_for_the_others(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    with client(worker, videos["red"]), client(worker, videos["green"]):
        with client(worker, videos["blue"]):
            page.wait(f"() => ({TILES})().length === 3")
            page.page.click('.tile[data-stream="blue.mp4"]')
            wait_large(page, "blue.mp4", "blue")
        wait_grid(page)
        wait_pictures(page, ["red.mp4", "green.mp4"])
        # It comes back under its name, as a client that reconnects.
        with client(worker, videos["blue"]):
            wait_large(page, "blue.mp4", "blue")


def test_what_is_worked_with_stays_large_when_another_stream_joins(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    with client(worker, videos["red"]):
        wait_large(page, "red.mp4", "red")
        page.page.click("#record")
        with client(worker, videos["green"]):
            page.wait("() => document.querySelectorAll('#streams button').length === 2")
            wait_large(page, "red.mp4", "red")
            assert page.page.text_content("#record") == "Stop and save"
            with page.page.expect_download() as download:
                page.page.click("#back")
            assert download.value.suggested_filename.endswith(".slp")
            wait_grid(page)


def test_a_page_that_confirms_nothing_gets_four_pictures_and_no_more(worker, browser, videos):
    page = Page(browser)
    page.page.add_init_script("""
        const send = RTCDataChannel.prototype.send;
        window.held = [];
        RTCDataChannel.prototype.send = function (message) {
            if (!window.isHeld || !message.includes?.("FRAME_RECEIVED")) return send.call(this, message);
            window.held.push(() => send.call(this, message));
        };
        window.isHeld = false;
        window.statuses = 0;
        const add = RTCDataChannel.prototype.addEventListener;
        RTCDataChannel.prototype.addEventListener = function (kind, ...rest) {
            if (kind === "message" && !this.isCounted) {
                this.isCounted = true;
                add.call(this, "message", ({ data }) => {
                    if (typeof data === "string" && data.includes('"STATUS"')) window.statuses += 1;
                });
            }
            return add.call(this, kind, ...rest);
        };
    """)
    page.open(worker.link).state("connected")
    with client(worker, videos["red"]), client(worker, videos["green"]):
        wait_pictures(page, ["red.mp4", "green.mp4"])
        page.page.evaluate("() => { window.isHeld = true; window.statuses = 0; }")
        page.wait("() => window.held.length === 4 && window.statuses >= 4")
        assert page.page.evaluate("() => window.held.length") == 4
        # Tiles without pictures say so.
        page.wait(
            "() => [...document.querySelectorAll('.tile-note')].every((it) => it.textContent.startsWith('no picture for'))"
        )
        last = page.page.evaluate(CANVASES, "red.mp4")["frame"]
        page.page.evaluate("() => { window.isHeld = false; window.held.forEach((send) => send()); }")
        wait_pictures(page, ["red.mp4", "green.mp4"], last)
    page.close()


def test_a_hostile_name_is_text(tmp_path, worker, open_page, videos):
    name = '<img src=x onerror="window.isHurt=1">.mp4'
    hostile = tmp_path / name
    hostile.symlink_to(videos["red"])
    page = open_page(worker.link).state("connected")
    with client(worker, hostile), streaming(worker, source=ENDLESS):
        page.wait(f"() => ({TILES})().length === 2")
        kinds = "() => [...document.querySelectorAll('.tile-kind')].map((it) => it.textContent).sort().join()"
        assert page.page.evaluate(kinds) == "file,live"
        [title] = page.page.evaluate(
            "() => [...document.querySelectorAll('.tile')].map((it) => it.title).filter((it) => it.includes('img'))"
        )
        assert title.startswith(name)
        assert page.page.evaluate("() => document.querySelectorAll('#grid img').length === 0 && !window.isHurt")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_grid_fits_phones_and_desktops(worker, open_page, videos, width, scheme):
    page = open_page(
        worker.link, viewport={"width": width, "height": 844 if width == 390 else 800}, color_scheme=scheme
    )
    page.state("connected")
    with ExitStack() as clients:
        for file in list(videos.values())[:3]:
            clients.enter_context(client(worker, file))
        page.wait(f"() => ({TILES})().length === 3")
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        boxes = page.page.evaluate(
            "() => [...document.querySelectorAll('.tile')].map((it) => it.getBoundingClientRect().toJSON())"
        )
        assert all(box["width"] >= 160 and box["height"] >= 120 for box in boxes), boxes


def test_a_name_that_no_stream_has_stands_for_the_first(worker, open_page, videos):
    page = open_page(worker.link).state("connected")
    with client(worker, videos["red"]):
        wait_large(page, "red.mp4", "red")
        page.page.evaluate("""() => {
            for (const stream of ["nothing", "x".repeat(5000), ""]) {
                for (const channel of window.channels) channel.send(JSON.stringify({ type: "VIEW", stream }));
            }
        }""")
        frame = int(page.page.get_attribute("#picture", "data-frame"))
        page.wait(f"() => document.getElementById('picture').dataset.frame > {frame}")
        wait_large(page, "red.mp4", "red")
