#!/usr/bin/env python3
"""Streams pictures over an emulated link with other programs than ours, and prints a line of a table.

    peers.py aiortc|decoded|shown RTT_MS LOSS_PERCENT BURST SECONDS RECORDING

aiortc: over a data channel between two Python programs; decoded, shown: over a video track between two
Chromiums (SLEAP_STREAM_TEST_CHROMIUM), answered when the far one has decoded a frame, or shown it. Needs what wan.py needs; 77 without.
"""

import sys
import tempfile
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("view", "python")]

import aiortc_stream
import video_track
from figures import percentiles
from wide_area import UNAVAILABLE, Unavailable, hosts

NAMES = {
    "aiortc": "aiortc, data channel",
    "decoded": "Chromium, video track, decoded",
    "shown": "Chromium, video track, shown",
}


def main():
    what, rtt, loss, burst, seconds, recording = sys.argv[1:]
    link = ("--rtt", rtt, "--loss", loss, "--burst", burst, "--rate", "20")
    try:
        with tempfile.TemporaryDirectory() as folder, hosts(*link) as pair:
            if what == "aiortc":
                figures = aiortc_stream.stream(pair, recording, float(seconds), float(rtt))
            else:
                figures = video_track.stream(pair, Path(folder), recording, float(seconds), what)
    except Unavailable:
        return UNAVAILABLE
    rate = len(figures["ages"]) / figures["seconds"]
    megabytes = 1e-6 * figures["bytes"] / figures["seconds"]
    print(
        f"| {rtt} ms, {loss} %, {burst} | {NAMES[what]}{figures.get('note', '')} | {rate:.1f} | {megabytes:.1f} | "
        f"{figures['dropped']} | {figures['lost']} | | {' / '.join(percentiles(figures['ages']))} |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
