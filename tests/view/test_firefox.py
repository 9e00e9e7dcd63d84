"""The page in Firefox: it watches, streams a camera, records, and reports its states."""

import os
import re
import shutil

import pytest
from conftest import DEMO, ENDLESS, running_worker, streaming
from firefox import firefox

PROGRAM = os.environ.get("SLEAP_STREAM_TEST_FIREFOX") or shutil.which("firefox-esr")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no firefox-esr")

TEXT = "document.getElementById('{}').textContent"


@pytest.fixture
def tab(tmp_path):
    with firefox(PROGRAM, tmp_path / "firefox") as tab:
        yield tab


def text(tab, id):
    return tab.evaluate(TEXT.format(id))


def test_firefox_watches_and_reports_the_end_of_stream_and_worker(tmp_path, tab):
    with running_worker(tmp_path, "--model", DEMO / "model") as worker:
        tab.open(worker.link).state("connected")
        assert text(tab, "notice-heading") == "No stream yet"
        with streaming(worker, source=ENDLESS):
            tab.wait("() => Number(document.getElementById('picture').dataset.frame) > 20")
            tab.wait("() => document.querySelectorAll('#nodes li').length === 5")
            assert tab.evaluate("document.getElementById('notice').hidden")
        tab.wait(f"() => {TEXT.format('notice-heading')}.startsWith('Stream ended')")
    tab.state("lost")
    assert text(tab, "notice-heading").startswith("The worker is not reachable since ")
    assert tab.evaluate("document.body.classList.contains('stale')")


def test_firefox_streams_its_camera_and_records_it(worker, tab):
    tab.open(worker.send_link).state("connected")
    # The beginning of what the browser is given to download.
    tab.evaluate("""{
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
            blob.slice(1, 4).text().then((start) => (window.saved = start));
            return make.call(URL, blob);
        };
    }""")
    tab.evaluate("document.getElementById('camera').click()")
    tab.wait("() => document.body.dataset.camera === 'live'")
    tab.wait("() => Number(document.getElementById('picture').dataset.frame) > 20")
    # The fake camera shows no animal: a pose is a pose without one.
    tab.evaluate("document.getElementById('record').click()")
    tab.wait(f"() => Number({TEXT.format('recording')}.replace(/\\D/g, '')) > 5")
    tab.evaluate("document.getElementById('record').click()")
    tab.wait("() => window.saved === 'HDF'")
    tab.evaluate("document.getElementById('camera').click()")
    tab.wait("() => document.body.dataset.camera === 'stopped'")
    assert "stream complete" in worker.log()


def test_firefox_streams_its_camera_over_coded_lanes(worker, tab):
    tab.open(worker.send_link.replace("/#", "/?lanes=coded#")).state("connected")
    tab.evaluate("""{
        window.answered = [];
        document.addEventListener("pose", ({ detail }) => window.answered.push(detail.result.frame_id));
    }""")
    tab.evaluate("document.getElementById('camera').click()")
    tab.wait("() => Number(document.getElementById('lanes').dataset.value) >= 12")
    frames = tab.evaluate("window.answered.length")
    tab.wait(f"() => window.answered.length > {frames + 60}")
    tab.evaluate("document.getElementById('camera').click()")
    tab.wait("() => document.body.dataset.camera === 'stopped'")
    assert tab.evaluate("new Set(window.answered).size === window.answered.length"), "a frame is answered twice"
    assert "sending live frames and answers over lanes" in worker.log()
    # What arrived at the worker was answered once here.
    served = re.search(r"stream complete.* predictions=(\d+)", worker.log())
    assert int(served[1]) == tab.evaluate("window.answered.length")


def test_a_link_without_its_last_part_is_reported_in_firefox(worker, tab):
    tab.open(worker.origin).state("no-token")
    assert text(tab, "notice-heading") == "This link is not complete"
