"""How long a live stream has no poses when its worker is killed or drains; run by workers.sh."""

import argparse
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = str(HERE.parents[1] / "examples" / "demo" / "model")
# Poses before the worker is ended, and after the stream goes on.
WARM_UP = 45
AFTER = 30
# A stream that has not gone on by then has failed.
TIMEOUT = 60


def start(stack, program, *options):
    """A program of ours that is killed at the end, and what it says."""
    command = [BINARIES / program, *options]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    stack.callback(running.wait)
    stack.callback(running.kill)
    return running


def worker(stack, url, streams):
    options = ["--signal", url, "--insecure", "--model", MODEL, "--max-streams", str(streams)]
    running = start(stack, "sleap-worker", *options)
    assert running.stdout.readline().startswith("ready: ")
    return running


class Stream:
    """A client's poses: when each came, and its frame."""

    def __init__(self, stack, url, size, fps):
        source = ["--test-pattern", f"{size}@{fps}", "--jpeg-quality", "80", "-o", "-", "-q"]
        self.process = start(stack, "sleap-stream", "--signal", url, *source)
        self.poses = []
        self.grown = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.grown:
                self.poses.append((time.monotonic(), json.loads(line)["frame_id"]))
                self.grown.notify_all()

    def wait_for(self, poses):
        with self.grown:
            assert self.grown.wait_for(lambda: len(self.poses) >= poses, TIMEOUT), "the stream does not go on"


def run(how, size, fps):
    """Seconds from the end of the worker to the next poses, the longest time without any, and frames without a pose."""
    with ExitStack() as stack:
        url = start(stack, "sleap-worker", "signal", "--listen", "127.0.0.1:0").stdout.readline().split()[1]
        own = worker(stack, url, 4)
        worker(stack, url, 2)
        stream = Stream(stack, url, size, fps)
        stream.wait_for(WARM_UP)
        time.sleep(random.random())
        ended = time.monotonic()
        own.send_signal(how)
        if how == signal.SIGTERM:
            # It ends as soon as the stream has left.
            own.wait(TIMEOUT)
        else:
            time.sleep(0.5)
        stream.wait_for(len(stream.poses) + AFTER)
        poses = list(stream.poses)
    pairs = [(one, other) for one, other in itertools.pairwise(poses) if other[0] >= ended]
    before, after = max(pairs, key=lambda pair: pair[1][0] - pair[0][0])
    missing = sum(other[1] - one[1] - 1 for one, other in pairs)
    return after[0] - ended, after[0] - before[0], missing


def row(name, values, digits):
    ordered = sorted(values)
    p95 = ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
    figures = (statistics.median(ordered), p95, ordered[-1])
    return f"| {name} | " + " | ".join(f"{value:.{digits}f}" for value in figures) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--fps", type=int, default=30)
    args = parser.parse_args()
    print("| figure | median | p95 | longest |\n|---|---|---|---|")
    for name, how in (("kill -9", signal.SIGKILL), ("SIGTERM", signal.SIGTERM)):
        runs = [run(how, args.size, args.fps) for _ in range(args.runs)]
        until, pause, missing = zip(*runs, strict=True)
        if how == signal.SIGKILL:
            print(row(f"{name}: until poses come again, s", until, 2))
        print(row(f"{name}: longest time without poses, s", pause, 2))
        print(row(f"{name}: frames without a pose", missing, 0), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {args.runs} runs each")


if __name__ == "__main__":
    main()
