"""A live stream between two Chromiums over a WebRTC video track, whose frames are answered over a data channel.

The near one sends the pictures with their numbers drawn into them (video_track.js), the far one reads the numbers of the
frames that it has decoded or shown, and answers each.
"""

import subprocess
import sys
from pathlib import Path

from pictures import read
from playwright.sync_api import sync_playwright
from wide_area import CAMERA_FLAGS
from wire import encode_jpeg

PAGE = "http://localhost/"
SCRIPT = Path(__file__).with_suffix(".js")
# Its addresses, instead of names that only multicast DNS resolves.
FLAGS = [*CAMERA_FLAGS, "--disable-features=WebRtcHideLocalIpsWithMdns", "--autoplay-policy=no-user-gesture-required"]
MAX_BITRATE = 8_000_000
DRAIN_MS = 2000
# So that the encoder, not JPEG, decides what is lost of the pictures.
SOURCE_QUALITY = 95


def stream(pair, folder, pictures, seconds, how):
    """The figures of such a stream between two hosts."""
    files = [encode_jpeg(picture, SOURCE_QUALITY) for picture in read(pictures)]
    subprocess.run(["ip", "-n", pair.far, "route", "add", "default", "dev", "wan"], check=True)
    with sync_playwright() as playwright:
        sender, receiver = (page(playwright, pair.chromium(folder, on), files) for on in (pair.near, pair.far))
        offer = sender.evaluate("(rate) => offer(rate)", MAX_BITRATE)
        answer = receiver.evaluate("([sdp, how]) => answer(sdp, how)", [offer, how])
        sender.evaluate("(sdp) => accept(sdp)", answer)
        figures = sender.evaluate("(words) => stream(...words)", [seconds, len(files), DRAIN_MS])
        received = receiver.evaluate("() => received()")
        for shown in (sender, receiver):
            shown.context.browser.close()
    if received["sizes"] != ["640x480"]:
        raise RuntimeError(f"the far side had frames of these sizes: {received['sizes']}")
    if received["unreadable"]:
        print(f"video_track.py: {received['unreadable']} frames had no readable number", file=sys.stderr)
    return figures


def page(playwright, chromium, files):
    """A page of this browser's with the script in it; what it loads never reaches a network."""

    def serve(route):
        path = route.request.url.removeprefix(PAGE)
        if path.startswith("pictures/"):
            route.fulfill(body=files[int(path.removeprefix("pictures/"))], content_type="image/jpeg")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS).new_page()
    opened.set_default_timeout(60_000)
    opened.route(f"{PAGE}**", serve)
    opened.goto(PAGE)
    opened.add_script_tag(path=SCRIPT)
    return opened
