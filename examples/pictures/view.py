#!/usr/bin/env python3
"""Pictures of the worker's page in headless Chromium: on a desktop, and on a phone that is the camera.

    view.py FOLDER

SLEAP_STREAM_BIN is the folder of the binaries; SLEAP_STREAM_TEST_CHROMIUM another Chromium than the one in PATH.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import cv2
from playwright.sync_api import sync_playwright

DEMO = Path(__file__).resolve().parents[1] / "demo"
BIN = Path(os.environ["SLEAP_STREAM_BIN"])
CHROMIUM = os.environ.get("SLEAP_STREAM_TEST_CHROMIUM") or shutil.which("chromium")
FLAGS = ["--no-sandbox", "--allow-loopback-in-peer-connection"]
# Frames after which rates and latencies have settled, and the plot has something to show.
FRAMES = 300


@contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def worker():
    """A worker with a page: its signaling address, and the links that watch and stream."""
    options = ["--listen", "127.0.0.1:0", "--view", "127.0.0.1:0", "--model", DEMO / "model"]
    command = [BIN / "sleap-worker", *options]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)) as process:
        lines = [process.stdout.readline().strip() for _ in range(3)]
        yield [line.split(" ", 1)[1] for line in lines]


def camera_file(path):
    """The demonstration video as Chromium's fake camera takes it: a Y4M file, which it repeats."""
    video = cv2.VideoCapture(str(DEMO / "video.mp4"))
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W512 H384 F30:1 Ip A1:1 C420jpeg\n")
        while (read := video.read())[0]:
            file.write(b"FRAME\n" + cv2.cvtColor(read[1], cv2.COLOR_BGR2YUV_I420).tobytes())


def shot(page, frames, path):
    page.wait_for_function(f"() => Number(document.getElementById('picture').dataset.frame) >= {frames}")
    page.screenshot(path=path)


def desktop(playwright, folder):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    with worker() as (signal, link, _):
        stream = [BIN / "sleap-stream", "--signal", signal, "--test-pattern", "512x384@30", "--quiet"]
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(link)
        page.wait_for_selector('#connection[data-state="connected"]')
        with ended(subprocess.Popen(stream)):
            shot(page, FRAMES, folder / "view-desktop.png")
    browser.close()


def phone(playwright, folder):
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "mouse.y4m"
        camera_file(file)
        camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        flags = [*FLAGS, *camera, f"--use-file-for-fake-video-capture={file}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        with worker() as (_, _, link):
            size = {"width": 390, "height": 844}
            page = browser.new_page(viewport=size, device_scale_factor=2, is_mobile=True, has_touch=True)
            page.goto(link)
            page.wait_for_selector('#connection[data-state="connected"]')
            page.tap("#camera")
            shot(page, FRAMES, folder / "view-phone.png")
        browser.close()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        desktop(playwright, Path(sys.argv[1]))
        phone(playwright, Path(sys.argv[1]))
