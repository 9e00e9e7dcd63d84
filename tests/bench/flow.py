"""Optical flow beside OpenCV's, in alternating rounds: from the pixels of two pictures to the points.
Equal points are tests/python/test_flow.py's matter. SLEAP_STREAM_FLOW names the built example `flow`.

    flow.py [ROUNDS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

FLOW = os.environ["SLEAP_STREAM_FLOW"]
# Ten animals of fifteen nodes in each of the five frames that the tracker looks back to.
POINTS = 750
PASSES = 15


def pair(rng, width, height, channels):
    """A texture that has moved, with the noise of a camera."""
    image = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2.5).reshape(height, width, channels).astype(float)
    image = (image - image.mean()) * 4 + 127
    moved = np.roll(image, (4, -7), axis=(0, 1))
    pictures = (np.clip(one + rng.normal(0, 3, one.shape), 0, 255).astype(np.uint8) for one in (image, moved))
    return [np.ascontiguousarray(one.squeeze()) for one in pictures]


def opencv(first, second, points, threads):
    cv2.setNumThreads(threads)
    seconds = []
    for _ in range(PASSES):
        begun = time.perf_counter()
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)
        cv2.calcOpticalFlowPyrLK(first, second, points, None, winSize=(21, 21), maxLevel=3, criteria=criteria)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def ours(first, second, points, folder):
    pictures, request = Path(folder, "pictures.raw"), Path(folder, "pair.json")
    pictures.write_bytes(first.tobytes() + second.tobytes())
    height, width = first.shape[:2]
    values = {"pictures": str(pictures), "width": width, "height": height, "img_scale": 1.0, "window_size": 21}
    values |= {"channels": first.size // (width * height), "max_levels": 3, "points": points.tolist(), "passes": PASSES}
    request.write_text(json.dumps(values))
    return json.loads(subprocess.run([FLOW, request], stdout=subprocess.PIPE, check=True).stdout)["seconds"]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rng = np.random.default_rng(1)
    print("| pictures | ours, ms | OpenCV with one thread, with all, ms | ours / one, all |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for width, height, channels in ((640, 480, 1), (640, 480, 3), (1920, 1080, 1)):
            first, second = pair(rng, width, height, channels)
            points = rng.uniform((30, 30), (width - 30, height - 30), (POINTS, 2)).astype(np.float32)
            found = {"ours": [], "one": [], "all": []}
            for _ in range(rounds):
                found["ours"].append(ours(first, second, points, folder))
                found["one"].append(opencv(first, second, points, 1))
                found["all"].append(opencv(first, second, points, os.cpu_count()))
            own, one, every = (1000 * statistics.median(times) for times in found.values())
            print(
                f"| {width}x{height}x{channels} | {own:.1f} | {one:.1f}, {every:.1f} | {own / one:.2f}, {own / every:.2f} |"
            )


main()
