"""Recordings of the page: the poses that it saw, as a file."""

import csv
import json

import numpy as np
import pytest
import sleap_io
from conftest import ENDLESS, running_worker, streaming
from test_camera import as_array, camera_browser, camera_state  # noqa: F401


def recorded(page, poses):
    page.wait(f"() => Number(document.getElementById('recording').textContent.replace(/\\D/g, '')) >= {poses}")


def save(page, tmp_path):
    """Ends the recording; the file that the browser was given."""
    with page.page.expect_download() as download:
        page.page.click("#record")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    page.wait("() => document.getElementById('record').textContent === 'Record poses'")
    return path


def read_slp(path):
    labels = sleap_io.load_slp(str(path))
    return labels, {frame.frame_idx: frame.instances for frame in labels}


@pytest.mark.parametrize("width", [320, 1280])
def test_a_viewer_records_what_it_saw_in_pixels_of_the_source(worker, open_page, tmp_path, width):
    page = open_page(worker.link).state("connected")
    page.page.select_option("#width", str(width))
    assert page.page.locator("#record").is_disabled()
    # The client sends smaller frames than its source has.
    with streaming(worker, "--resize", "384x288", source=ENDLESS):
        page.wait("() => !document.getElementById('record').disabled && window.shown > 3")
        page.page.click("#record")
        recorded(page, 10)
        path = save(page, tmp_path)
    assert path.name.startswith("test_pattern_") and path.suffix == ".slp"
    labels, frames = read_slp(path)
    assert labels.skeletons[0].node_names[0] == "nose"
    assert len(frames) >= 10
    seen = {result["frame_id"]: (result, meta) for result, meta in page.poses}
    for index, [instance] in frames.items():
        result, meta = seen[index]
        expected = as_array(result["instances"][0]) * (512 / meta["width"])
        np.testing.assert_allclose(instance.numpy(), expected, atol=1e-3)
    assert labels.videos[0].filename == "test pattern"
    assert labels.provenance["model"] == "synthetic_mouse"


@pytest.mark.parametrize("format", [".slp", ".csv", ".jsonl"])
def test_a_phone_records_its_own_stream(worker, open_page, camera_browser, tmp_path, format):  # noqa: F811
    page = open_page(worker.send_link, browser=camera_browser).state("connected")
    page.page.click("#camera")
    camera_state(page, "live")
    page.page.select_option("#format", format)
    page.wait("() => !document.getElementById('record').disabled")
    page.page.click("#record")
    recorded(page, 20)
    path = save(page, tmp_path)
    page.page.click("#camera")
    camera_state(page, "stopped")
    seen = {result["frame_id"] for result, _ in page.poses}
    if format == ".slp":
        _, frames = read_slp(path)
        assert set(frames) <= seen
    elif format == ".csv":
        rows = list(csv.DictReader(path.open()))
        frames = {int(row["frame_idx"]) for row in rows}
        assert frames <= seen and "nose.x" in rows[0]
    else:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        frames = {line["frame_id"] for line in lines}
        assert frames <= seen
        assert all(line["captured_us"] > 0 and line["latency_us"] > 0 for line in lines)
    assert len(frames) >= 20


def test_a_recording_is_saved_when_its_stream_ends(worker, open_page, tmp_path):
    page = open_page(worker.link).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => !document.getElementById('record').disabled && window.shown > 3")
        page.page.click("#record")
        recorded(page, 5)
        waits = page.page.expect_download()
        download = waits.__enter__()
    waits.__exit__(None, None, None)
    path = tmp_path / "ended.slp"
    download.value.save_as(path)
    assert len(read_slp(path)[1]) >= 5
    page.wait("() => document.getElementById('problem').textContent.includes('the stream ended')")


def test_a_recording_that_cannot_be_saved_is_kept(tmp_path, open_page, front, worker):
    page = open_page(front.lead_to(worker)).state("connected")
    with streaming(worker, source=ENDLESS):
        page.wait("() => !document.getElementById('record').disabled && window.shown > 3")
        page.page.click("#record")
        recorded(page, 5)
        front.cut()
        page.page.click("#record")
        page.wait("() => document.getElementById('problem').textContent.includes('is not saved')")
        assert page.page.text_content("#record") == "Save again"
        assert page.page.locator("#discard").is_visible()
        front.lead_to(worker)
        path = save(page, tmp_path)
    assert len(read_slp(path)[1]) >= 5
    assert page.page.locator("#problem").is_hidden()
    page.errors.clear()  # The browser logs the attempt.


def test_without_a_model_there_is_nothing_to_record(tmp_path, open_page):
    with running_worker(tmp_path) as worker:
        page = open_page(worker.link).state("connected")
        with streaming(worker, source=("--test-pattern", "64x48@30")):
            page.wait("() => window.shown > 3")
            assert page.page.locator("#record").is_disabled()
