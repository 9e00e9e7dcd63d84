"""Zones that are drawn on the page: saved in the file of the client or the worker, and used at once."""

import json
import os
import socket
from pathlib import Path

import pytest
from conftest import DEMO, ENDLESS, running_worker, streaming

SHOTS = os.environ.get("SLEAP_STREAM_TEST_SHOTS")
NOTE = "document.getElementById('zone-note').textContent"
SIZE = (512, 384)
# Picture and form are seen at the same time, so that nothing scrolls between two clicks.
SCREEN = {"width": 1280, "height": 1000}


def consumer():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    # Only so that a test that fails does not wait for ever.
    receiver.settimeout(60)
    return receiver


def rules_file(tmp_path, receiver):
    """The nose in a corner where it never is sends a message."""
    path = tmp_path / "rules.toml"
    path.write_text(f"""# Cage 3.
silence = 60000
[zone.corner] # by the water
rectangle = [0, 0, 4, 4] # measured

[output.log]
to = "udp://127.0.0.1:{receiver.getsockname()[1]}"

[rule.light]
when = {{ node = "nose", in = "corner" }} # the nose
do = "log"
""")
    return path


def click(page, *points):
    """Clicks at points of the source."""
    box = page.page.locator("#overlay").bounding_box()
    for x, y in points:
        page.page.mouse.click(box["x"] + box["width"] * x / SIZE[0], box["y"] + box["height"] * y / SIZE[1])


def drag(page, start, end):
    box = page.page.locator("#overlay").bounding_box()
    places = [(box["x"] + box["width"] * x / SIZE[0], box["y"] + box["height"] * y / SIZE[1]) for x, y in (start, end)]
    page.page.mouse.move(*places[0])
    page.page.mouse.down()
    page.page.mouse.move(*places[1])
    page.page.mouse.up()


def begin(page, zone=None):
    page.wait("() => window.shown > 0 && !document.getElementById('zone-draw').hidden")
    page.page.click("#zone-draw")
    if zone is not None:
        page.page.select_option("#zone-which", label=zone)


def says(page, words):
    page.wait(f"() => {NOTE}.includes({json.dumps(words)})")


def numbers(text, key):
    line = next(line for line in text.splitlines() if line.startswith(key))
    return json.loads(line.split("=", 1)[1].split("#")[0])


def test_a_zone_drawn_for_the_worker_is_saved_and_used(tmp_path, open_page):
    receiver = consumer()
    path = rules_file(tmp_path, receiver)
    before = path.read_text()
    with running_worker(tmp_path, "--model", DEMO / "model", "--rules", path, "--rules-editable") as worker:
        page = open_page(worker.send_link, viewport=SCREEN).state("connected")
        with streaming(worker, source=ENDLESS):
            begin(page, "corner")
            # The rectangle that is there, with its handles: all of it goes.
            for _ in range(4):
                page.page.click("#zone-undo")
            click(page, (2, 2), (509, 3), (300, 200))
            # A corner in the wrong place is moved.
            drag(page, (300, 200), (508, 381))
            click(page, (3, 380))
            page.page.click("#zone-save")
            says(page, "The zone corner is saved.")
            event = json.loads(receiver.recv(2048))
            assert (event["rule"], event["edge"]) == ("light", "enter")
            page.wait("() => document.getElementById('rules-note').textContent === 'active: corner'")
            text = path.read_text()
            corners = numbers(text, "polygon")
            expected = [(2, 2), (509, 3), (508, 381), (3, 380)]
            for corner, place in zip(corners, expected, strict=True):
                assert max(abs(a - b) for a, b in zip(corner, place, strict=True)) < 2, corners
            line = next(line for line in text.splitlines() if line.startswith("polygon"))
            assert line.endswith("] # measured")
            assert text == before.replace("rectangle = [0, 0, 4, 4] # measured", line)
            # Drawn again as a circle far from the mouse's way, it is left; then a new one.
            begin(page, "corner")
            page.page.select_option("#zone-kind", "circle")
            drag(page, (5, 5), (8, 5))
            page.page.click("#zone-save")
            says(page, "The zone corner is saved.")
            event = json.loads(receiver.recv(2048))
            assert (event["edge"], event["cause"]) == ("leave", "redrawn")
            begin(page, "new zone")
            click(page, (200, 100), (300, 100), (300, 200))
            page.page.fill("#zone-name", "the nest")
            page.page.click("#zone-save")
            says(page, "The zone the nest is saved.")
            assert '[zone."the nest"]' in path.read_text()


def test_a_zone_drawn_for_the_client_is_saved_and_used(worker, open_page, tmp_path):
    receiver = consumer()
    path = rules_file(tmp_path, receiver)
    page = open_page(worker.send_link, viewport=SCREEN).state("connected")
    with streaming(worker, "-o", "-", "--rules", path, "--rules-editable", source=ENDLESS):
        begin(page, "corner")
        page.page.select_option("#zone-kind", "circle")
        drag(page, (256, 192), (500, 192))
        page.page.click("#zone-save")
        says(page, "The zone corner is saved.")
        event = json.loads(receiver.recv(2048))
        assert (event["rule"], event["edge"]) == ("light", "enter")
        x, y, radius = numbers(path.read_text(), "circle")
        assert abs(x - 256) < 2 and abs(y - 192) < 2 and abs(radius - 244) < 3


def test_a_file_is_not_changed_without_the_option_or_by_a_link_that_only_watches(worker, open_page, tmp_path):
    path = rules_file(tmp_path, consumer())
    before = path.read_text()
    looker, sender = (open_page(link).state("connected") for link in (worker.link, worker.send_link))
    say = """(message) => {
        const send = RTCDataChannel.prototype.send;
        window.answers = [];
        for (const channel of window.channels) {
            channel.addEventListener("message", ({ data }) => {
                if (typeof data === "string" && data.includes("ZONE_RESULT")) window.answers.push(data);
            });
            send.call(channel, JSON.stringify({ type: "ZONE_EDIT", id: 7, name: "corner", circle: [99, 99, 99], ...message }));
        }
    }"""

    def answer(page, **message):
        page.page.evaluate(say, message)
        page.wait("() => window.answers.length > 0")
        return json.loads(page.page.evaluate("() => window.answers[0]"))

    with streaming(worker, "-o", "-", "--rules", path, source=ENDLESS):
        begin(sender)
        says(sender, "Start sleap-stream with --rules-editable.")
        assert sender.page.is_hidden("#zone-form")
        looker.wait("() => !document.getElementById('rules-card').hidden")
        assert looker.page.is_hidden("#zone-draw")
        # Whatever a page sends.
        refused = answer(sender, at="client")
        assert refused["id"] == 7 and "--rules-editable" in refused["refused"]
        assert "only watches" in answer(looker, at="client")["refused"]
        assert "the worker has no rules" in answer(sender, at="worker")["refused"]
    assert path.read_text() == before


def test_what_is_no_zone_is_refused_with_words(tmp_path, open_page):
    path = rules_file(tmp_path, consumer())
    before = path.read_text()
    with running_worker(tmp_path, "--model", DEMO / "model", "--rules", path, "--rules-editable") as worker:
        page = open_page(worker.send_link, viewport=SCREEN).state("connected")
        with streaming(worker, source=ENDLESS):
            begin(page, "new zone")
            click(page, (100, 100), (300, 300))
            page.page.click("#zone-save")
            says(page, "Give the zone a name.")
            page.page.fill("#zone-name", "bow")
            page.page.click("#zone-save")
            says(page, "three corners or more")
            click(page, (300, 100), (100, 320))
            page.page.click("#zone-save")
            says(page, "cross each other")
            page.page.click("#zone-undo")
            page.page.fill("#zone-name", "a/b")
            page.page.click("#zone-save")
            says(page, "the name of a zone has 1 to 64 letters")
            page.page.click("#zone-cancel")
            assert page.page.is_hidden("#zone-form")
    assert path.read_text() == before


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawing_fits_the_screen(tmp_path, open_page, width, scheme):
    path = rules_file(tmp_path, consumer())
    with running_worker(tmp_path, "--model", DEMO / "model", "--rules", path, "--rules-editable") as worker:
        options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        page = open_page(worker.send_link, **options).state("connected")
        with streaming(worker, source=ENDLESS):
            begin(page, "new zone")
            click(page, (60, 60), (300, 80), (260, 300), (80, 260))
            page.page.fill("#zone-name", "nest")
            assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
            if SHOTS:
                page.page.screenshot(path=Path(SHOTS) / f"draw-{width}-{scheme}.png", full_page=True)
