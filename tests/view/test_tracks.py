"""Which animal is which: colours, trails and names of tracks, on the page and where names go from there."""

import json
import socket
import threading

import numpy as np
import pytest
from conftest import DEMO, ENDLESS, REPO, running_worker, streaming
from test_view import pixels

ANIMALS = REPO / "tests" / "models"
NAME = "document.querySelector('#instances .name')"
FIRST_COLOR = (0, 176, 255)


@pytest.fixture
def tracker(tmp_path):
    with running_worker(
        tmp_path, "--model", DEMO / "model", "-t", "--max-tracks", "1", "--metrics", "127.0.0.1:0"
    ) as worker:
        yield worker


def type_name(page, name, key="Enter"):
    page.page.click("#instances button.name")
    page.page.fill("#instances input.name", name)
    page.page.press("#instances input.name", key)


def called(page, name):
    """Waits until the list of animals has this name."""
    return page.wait(f"() => {NAME}?.textContent === {json.dumps(name)}")


def test_a_name_typed_in_reaches_viewers_client_and_files(tracker, open_page, tmp_path):
    namer, other = (open_page(link).state("connected") for link in (tracker.send_link, tracker.link))
    slp = tmp_path / "poses.slp"
    with streaming(tracker, "-o", slp, "-o", "-", source=ENDLESS) as client:
        called(namer, "track_0")
        other.wait("() => document.querySelector('#instances span')?.textContent === 'track_0'")
        # The link that only watches has no field.
        assert other.page.locator("#instances .name").count() == 0
        type_name(namer, "  mouse A ")
        called(namer, "mouse A")
        other.wait("() => document.querySelector('#instances span')?.textContent === 'mouse A'")
        for line in client.stdout:
            line = json.loads(line)
            if "names" in line:
                break
        assert line["names"] == ["mouse A"] and line["tracks"] == ["track_0"]
        type_name(namer, "mouse B", key="Escape")
        called(namer, "mouse A")
        # The track's own name is no name: the field was left empty.
        type_name(namer, "")
        called(namer, "track_0")
        other.wait("() => document.querySelector('#instances span')?.textContent === 'track_0'")
        type_name(namer, "Mäuschen")
        other.wait("() => document.querySelector('#instances span')?.textContent === 'Mäuschen'")
    assert tracker.metric("tracks_begun_total") == 1


def test_names_end_with_the_stream(tracker, open_page):
    page = open_page(tracker.send_link).state("connected")
    with streaming(tracker, source=ENDLESS):
        called(page, "track_0")
        type_name(page, "mouse A")
        called(page, "mouse A")
        assert tracker.metric("tracks_alive") == 1
    page.wait("() => document.getElementById('clients').textContent === '0'")
    with streaming(tracker, source=ENDLESS):
        called(page, "track_0")


def test_a_worker_takes_no_names_from_a_link_that_only_watches_and_no_bad_ones(tracker, open_page):
    looker, namer = (open_page(link).state("connected") for link in (tracker.link, tracker.send_link))
    # Whatever a page sends: what is typed in is checked by the page already.
    say = """(names) => {
        const send = RTCDataChannel.prototype.send;
        for (const channel of window.channels) send.call(channel, JSON.stringify({ type: "TRACK_NAMES", names }));
    }"""
    bad = {
        "track_0": "x" * 41,
        "": "a",
        "track_1": "\u202eb",
        "track_2": "\u001b[2J",
        "track_3": "track_4",
        "track_5": {},
    }
    with streaming(tracker, "-o", "-", source=ENDLESS) as client:
        called(namer, "track_0")
        looker.page.evaluate(say, {"track_0": "evil"})
        for track, name in bad.items():
            namer.page.evaluate(say, {track: name})
        namer.page.evaluate(say, {"track_0": "good"})
        called(namer, "good")
        looker.wait("() => document.querySelector('#instances span')?.textContent === 'good'")
        lines = (json.loads(line) for line in client.stdout)
        assert next(line["names"] for line in lines if "names" in line) == ["good"]


def test_animals_have_their_tracks_colour_and_leave_a_trail(tracker, open_page):
    page = open_page(tracker.link).state("connected")
    overlay = "() => document.getElementById('overlay').toDataURL()"

    def colored():
        image = pixels(page.page.evaluate(overlay))
        return int(np.all(image[..., :3] == FIRST_COLOR, axis=-1)[image[..., 3] > 0].sum()), int(
            (image[..., 3] > 0).sum()
        )

    with streaming(tracker, "--live", source=ENDLESS):
        called_plain = "() => document.querySelector('#instances span')?.textContent === 'track_0'"
        page.wait(called_plain)
        assert page.page.locator("#trail option").all_text_contents() == [
            "none",
            "centroid",
            "nose",
            "head",
            "thorax",
            "tail_base",
            "tail_tip",
        ]
        # A single animal with a track has the track's colour, and its nodes have none of their own.
        page.wait("() => document.getElementById('picture').dataset.frame > 60")
        page.page.click("#labels")
        page.page.click("#pause")
        of_track, with_trail = colored()
        assert of_track > 100
        page.page.select_option("#trail", "off")
        _, without = colored()
        assert without < with_trail * 0.9, (without, with_trail)
        page.page.click("#pause")
        page.page.select_option("#trail", "nose")
        shown = page.page.evaluate("() => window.shown")
        page.wait(f"() => window.shown > {shown + 20}")
        page.page.click("#pause")
        # Of the same picture: an animal covers more of one than of another.
        _, with_trail = colored()
        page.page.select_option("#trail", "off")
        assert colored()[1] < with_trail


def test_a_recording_of_the_page_has_the_names(tracker, open_page):
    page = open_page(tracker.send_link).state("connected")
    with streaming(tracker, source=ENDLESS):
        called(page, "track_0")
        type_name(page, "mouse A")
        called(page, "mouse A")
        page.page.select_option("#format", ".csv")
        page.page.click("#record")
        page.wait("() => document.getElementById('recording').textContent.match(/[1-9]/)")
        with page.page.expect_download() as download:
            page.page.click("#record")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) > 1 and all(line.split(",")[2] == "mouse A" for line in lines[1:])


def test_consumers_get_names_too(tmp_path, open_page):
    consumer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    consumer.bind(("127.0.0.1", 0))
    named = threading.Event()
    pose = {}

    def listen():
        while not named.is_set():
            message = json.loads(consumer.recv(65536))
            if message.get("names"):
                pose.update(message)
                named.set()

    threading.Thread(target=listen, daemon=True).start()
    url = f"udp://127.0.0.1:{consumer.getsockname()[1]}"
    with running_worker(tmp_path, "--model", DEMO / "model", "-t", "--max-tracks", "1", "--emit", url) as worker:
        page = open_page(worker.send_link).state("connected")
        with streaming(worker, source=ENDLESS):
            called(page, "track_0")
            type_name(page, "mouse A")
            assert named.wait(60)
    assert (pose["tracks"], pose["names"]) == (["track_0"], ["mouse A"])


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_several_animals_with_names_fit_the_screen(tmp_path, open_page, width, scheme):
    with running_worker(tmp_path, "--model", ANIMALS / "bottomup", "-t") as worker:
        page = open_page(worker.send_link, viewport={"width": width, "height": 900}, color_scheme=scheme).state(
            "connected"
        )
        source = (
            "--stream",
            ANIMALS / "frames" / "%04d.png",
            "--allow-gaps",
            "--frames",
            "200-235",
            "--fps",
            "4",
            "-o",
            "-",
        )
        with streaming(worker, source=source):
            page.wait("() => document.querySelectorAll('#instances button.name').length >= 2")
            page.page.click("#pause")
            type_name(page, "the mouse with the long name of forty ch")
            assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
            colors = page.page.evaluate(
                "() => [...document.querySelectorAll('#instances li')].map((line) => line.style.getPropertyValue('--color'))"
            )
            assert len(set(colors)) == len(colors)
