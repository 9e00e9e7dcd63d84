"""Rates of streams with and without somebody who looks on; run by view.sh."""

import argparse
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
PYTHON = os.environ["SLEAP_STREAM_TEST_PYTHON"]
MODEL = HERE.parents[1] / "examples" / "demo" / "model"

# What streams, and with what the worker runs. All as fast as it goes.
STREAMS = {
    "640x480 raw, demonstration model": (["--test-pattern", "640x480@1000"], ["--model", MODEL]),
    "640x480 JPEG 80, demonstration model": (["--test-pattern", "640x480@1000", "--jpeg-quality", "80"], ["--model", MODEL]),
    "1080p JPEG 80, demonstration model": (["--test-pattern", "1920x1080@1000", "--jpeg-quality", "80"], ["--model", MODEL]),
    "1080p raw, no model": (["--test-pattern", "1920x1080@1000"], []),
}
HOW = ["plain", "page", "viewer"]


@contextmanager
def process(*command, **options):
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate()


def rate(how, stream, worker_args, seconds):
    """Frames per second of one stream, and pictures per second and CPU share of its viewer."""
    page = [] if how == "plain" else ["--view", "127.0.0.1:0"]
    with process(BINARIES / "sleap-worker", "--listen", "127.0.0.1:0", *page, *worker_args, stderr=subprocess.DEVNULL) as worker:
        url = worker.stdout.readline().split()[1]
        link = None if how == "plain" else worker.stdout.readline().split()[1]
        client = subprocess.Popen(
            [BINARIES / "sleap-stream", "--signal", url, "--every-frame", *stream],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        viewer, pictures, share = None, None, None
        if how == "viewer":
            viewer = subprocess.Popen([PYTHON, HERE / "viewer.py", link], stdout=subprocess.PIPE, text=True)
            if not viewer.stdout.readline():
                sys.exit("the viewer has seen nothing")
        else:
            time.sleep(1)  # As long as a viewer takes to come up: what streams then is warm.
        time.sleep(seconds)
        if viewer:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            viewer.send_signal(signal.SIGTERM)
            end = json.loads(viewer.communicate()[0].splitlines()[-1])
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            pictures = end["pictures_per_s"]
            share = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / end["seconds"]
        client.send_signal(signal.SIGINT)
        summary = client.communicate()[1]
        found = re.findall(r"([\d.]+) frames/s", summary)
        if not found:
            sys.exit(f"no rate in: {summary}")
        return float(found[-1]), pictures, share


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="length of a run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, alternating")
    args = parser.parse_args()
    print("| stream | frames/s | with --view | with a viewer | viewer / none | pictures/s | viewer's own CPU |")
    print("|---|---|---|---|---|---|---|")
    for name, (stream, worker_args) in STREAMS.items():
        rates, ratios, pictures, shares = {how: [] for how in HOW}, [], [], []
        for round_ in range(args.rounds):
            # The order changes, so that none has the warmer machine.
            for how in HOW if round_ % 2 == 0 else HOW[::-1]:
                found, seen, share = rate(how, stream, worker_args, args.seconds)
                rates[how].append(found)
                if how == "viewer":
                    pictures.append(seen)
                    shares.append(share)
            ratios.append(rates["viewer"][-1] / rates["plain"][-1])
        middle = {how: f"{statistics.median(rates[how]):.1f}" for how in HOW}
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})"
        own = f"{100 * statistics.median(shares):.0f} % of a core"
        print(f"| {name} | {middle['plain']} | {middle['page']} | {middle['viewer']} | {spread} | {statistics.median(pictures):.1f} | {own} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {args.rounds} rounds of {args.seconds:g} s")


if __name__ == "__main__":
    main()
