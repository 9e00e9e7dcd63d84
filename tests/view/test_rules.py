"""Rules of the client and of the worker, as the page shows them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import DEMO, ENDLESS, running_worker, streaming
from test_view import pixels

ACTIVE = (255, 190, 40)
OVERLAY = "() => document.getElementById('overlay').toDataURL()"
NOTE = "document.getElementById('rules-note').textContent"
SHOTS = os.environ.get("SLEAP_STREAM_TEST_SHOTS")

# The whole picture, a half of it, and a zone in which no nose ever is.
ZONES = """
silence = 60000

[zone.everywhere]
rectangle = [0, 0, 512, 384]

[zone.nest]
circle = [256, 192, 90]

[zone.door]
polygon = [[0, 0], [60, 0], [0, 60]]
"""
RULES = """
[rule.seen]
when = { node = "nose", in = "everywhere" }

[rule.at_home]
when = { node = "nose", in = "nest" }

[rule.leaves]
when = { node = "nose", in = "door" }
"""


def rules_file(tmp_path, name="rules.toml", text=ZONES + RULES):
    path = tmp_path / name
    path.write_text(text)
    return path


def active(page, name, is_active=True):
    """Waits until the page says that a rule of this zone is in effect, or that none is."""
    has = f"{NOTE}.includes({json.dumps(name)})"
    return page.wait(f"() => {has if is_active else '!' + has}")


def drawn(page):
    """Waits until zones are drawn: with the frames after they came."""
    shown = page.page.evaluate("() => window.shown")
    page.wait(f"() => window.shown > {shown} + 1")


def filled(page):
    """Pixels of the overlay in the colour of zones that are in effect: translucent, as nothing else is."""
    image = pixels(page.page.evaluate(OVERLAY)).astype(int)
    near = np.all(np.abs(image[..., :3] - ACTIVE) < 12, axis=-1)
    return int((near & (image[..., 3] > 40) & (image[..., 3] < 120)).sum()), image[..., 3].size


def events(page):
    return page.page.evaluate(
        "() => [...document.querySelectorAll('#rule-events li')].map((line) => [line.title, line.innerText])"
    )


def test_zones_of_the_client_are_outlined_and_lit_and_its_events_listed(worker, open_page, tmp_path):
    page = open_page(worker.link).state("connected")
    assert page.page.is_hidden("#rules-card")
    with streaming(worker, "-o", "-", "--rules", rules_file(tmp_path), source=ENDLESS):
        active(page, "everywhere")
        drawn(page)
        lit, all_pixels = filled(page)
        assert lit > all_pixels * 0.5, (lit, all_pixels)
        # The mouse walks in and out.
        active(page, "nest")
        active(page, "nest", False)
        active(page, "nest")
        listed = events(page)
        assert len(listed) >= 4
        titles = [title for title, _ in listed]
        assert titles[-1] == "seen: enter" and titles[0] == "at_home: enter"
        assert titles[1:3] == ["at_home: leave", "at_home: enter"]
        assert "door" not in page.page.evaluate(f"() => {NOTE}")
        # A page that comes later sees the same.
        later = open_page(worker.link).state("connected")
        active(later, "everywhere")
        assert len(events(later)) >= 4
    page.wait("() => document.getElementById('clients').textContent === '0'")
    # They go with their stream.
    page.wait("() => document.getElementById('rules-card').hidden")


def test_zones_of_the_worker_are_shown_for_every_stream(tmp_path, open_page):
    path = rules_file(tmp_path)
    log = tmp_path / "events.csv"
    with running_worker(tmp_path, "--model", DEMO / "model", "--rules", path, "--events", log) as worker:
        page = open_page(worker.link).state("connected")
        page.wait("() => !document.getElementById('rules-card').hidden")
        for _ in range(2):
            with streaming(worker, source=ENDLESS) as client:
                active(page, "everywhere")
                active(page, "nest")
                client.kill()
            active(page, "everywhere", False)
    rows = [line.split(",") for line in log.read_text().splitlines()[1:]]
    seen = [row[3] for row in rows if row[2] == "seen"]
    assert seen == ["enter", "leave"] * 2, rows
    # The client was killed.
    assert {row[4] for row in rows if row[2:4] == ["seen", "leave"]} == {"lost"}, rows


def test_rules_of_both_sides_are_shown_together(tmp_path, open_page):
    def file(name, left):
        zone = f"[zone.{name}]\nrectangle = [{left}, 0, 512, 384]\n"
        return rules_file(
            tmp_path, f"{name}.toml", f"{zone}[rule.r_{name}]\nwhen = {{ node = 'nose', in = '{name}' }}\n"
        )

    of_worker, of_client = file("of_worker", 0), file("of_client", -9)
    with running_worker(tmp_path, "--model", DEMO / "model", "--rules", of_worker) as worker:
        page = open_page(worker.link).state("connected")
        with streaming(worker, "-o", "-", "--rules", of_client, source=ENDLESS):
            active(page, "of_worker")
            active(page, "of_client")
            assert {title for title, _ in events(page)} == {"r_of_worker: enter", "r_of_client: enter"}
        # A page that is left open looks for its worker again and again.
        page.page.goto("about:blank")


def test_zones_stand_in_the_pixels_of_the_source(worker, open_page, tmp_path):
    path = rules_file(
        tmp_path,
        text="silence = 60000\n[zone.right]\nrectangle = [256, 0, 512, 384]\n[rule.r]\nwhen = { present = 'nose' }\n",
    )
    page = open_page(worker.link, viewport={"width": 1280, "height": 900}).state("connected")
    # Frames are sent at half the size.
    with streaming(worker, "-o", "-", "--resize", "256x192", "--jpeg-quality", "80", "--rules", path, source=ENDLESS):
        page.wait("() => !document.getElementById('rules-card').hidden")
        page.wait("() => window.shown > 3 && document.getElementById('picture').width === 256")
        page.page.click("#labels")
        drawn(page)
        image = pixels(page.page.evaluate(OVERLAY))
    outline = np.all(np.abs(image[..., :3].astype(int) - 235) < 12, axis=-1) & (image[..., 3] > 200)
    columns = np.nonzero(outline.sum(axis=0) > image.shape[0] * 0.5)[0]
    middle = image.shape[1] / 2
    assert len(columns) > 0 and np.abs(columns - middle).min() < 4, (columns, middle)
    assert columns.min() > middle - 6, columns


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_zones_and_events_fit_the_screen(worker, open_page, tmp_path, width, scheme):
    page = open_page(worker.send_link, viewport={"width": width, "height": 900}, color_scheme=scheme).state("connected")
    with streaming(worker, "-o", "-", "--rules", rules_file(tmp_path), source=ENDLESS):
        active(page, "everywhere")
        active(page, "nest")
        page.wait("() => window.shown > 3")
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        if SHOTS:
            page.page.screenshot(path=Path(SHOTS) / f"rules-{width}-{scheme}.png", full_page=True)


def test_names_of_zones_at_one_corner_stand_below_each_other(worker, open_page):
    page = open_page(worker.link).state("connected")
    tops = page.page.evaluate("""async () => {
      const { freePlace } = await import(new URL("zones.js", document.querySelector("script[type=module]").src));
      const [wanted, beside] = [10, 60].map((left) => ({ left, top: 20, width: 50, height: 15 }));
      const taken = [];
      const place = (one, height) => {
        taken.push(freePlace(one, taken, height));
        return taken.at(-1).top;
      };
      return [place(wanted, 200), place(wanted, 200), place(wanted, 200), place(beside, 200), place(wanted, 70), place(wanted, 70)];
    }""")
    # Beside them there is room; where the picture ends they stand above; where there is no place, the name stays.
    assert tops == [20, 35, 50, 20, 5, 20]
