#!/usr/bin/env python3
"""Streams a browser's camera over an emulated link, and prints a line of a table.

    browser.py RTT_MS LOSS_PERCENT LANES [SECONDS] [RATE_MBIT]     LANES: 1, coded or auto

Chromium (SLEAP_STREAM_TEST_CHROMIUM) is on the near host, with the demonstration's video as its camera, and the worker with
the demonstration's model on the far one. Needs what wan.py needs; 77 without.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "view"))
os.environ.setdefault("SLEAP_STREAM_TEST_CHROMIUM", shutil.which("chromium") or "chromium")

from camera_file import camera_file
from conftest import DEMO
from figures import percentiles
from playwright.sync_api import sync_playwright
from wide_area import CAMERA_FLAGS, UNAVAILABLE, Unavailable, hosts

COLLECT = """
    window.ages = [];
    document.addEventListener("pose", ({ detail: { meta } }) => window.ages.push(meta.latencyUs / 1000));
"""
FIGURES = """() => ({
    ages: window.ages,
    seconds: (performance.now() - window.begun) / 1000,
    lanes: lanes.dataset.value,
    parity: parity.dataset.value,
    lost: lost.dataset.value,
    skipped: skipped.dataset.value,
})"""


def stream(hosts, folder, lanes, seconds, prepare=lambda page: None):
    """The page's figures after so long."""
    with hosts.worker(folder, "--model", DEMO / "model") as worker, sync_playwright() as playwright:
        flags = [*CAMERA_FLAGS, f"--use-file-for-fake-video-capture={camera_file(folder)}"]
        browser = playwright.chromium.launch(executable_path=hosts.chromium(folder), args=flags)
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(COLLECT)
        prepare(page)
        page.goto(worker.send_link.replace("/#", f"/?lanes={lanes}#"))
        page.wait_for_selector('#connection[data-state="connected"]')
        page.click("#camera")
        page.wait_for_selector('body[data-camera="live"]', state="attached")
        page.evaluate("() => { window.ages = []; window.begun = performance.now(); }")
        page.wait_for_timeout(1000 * seconds)
        figures = page.evaluate(FIGURES)
        page.click("#camera")
        page.wait_for_selector('body[data-camera="stopped"]', state="attached")
        browser.close()
        return figures


def line(link, lanes, figures):
    age = percentiles(figures["ages"])
    parity = f"{float(figures['parity']):.1f} %" if figures["parity"] else ""
    rate = len(figures["ages"]) / figures["seconds"]
    lost = figures["lost"] or 0
    open_lanes = figures["lanes"] or 1
    return f"| {link} | {lanes} | {open_lanes} | {rate:.1f} | {figures['skipped']} | {lost} | {parity} | {' / '.join(age)} |"


def main():
    rtt, loss, lanes = sys.argv[1:4]
    seconds, rate = (sys.argv[4:] + ["20", "20"][len(sys.argv[4:]) :])[:2]
    try:
        with tempfile.TemporaryDirectory() as folder, hosts("--rtt", rtt, "--loss", loss, "--rate", rate) as pair:
            figures = stream(pair, Path(folder), lanes, float(seconds))
    except Unavailable:
        return UNAVAILABLE
    print(line(f"{rtt} ms, {loss} %, {rate} Mbit/s", lanes, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
