"""What streams that share a worker cost each other; run by sharing.sh."""

import argparse
import json
import os
import signal
import statistics
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = str(HERE.parents[1] / "examples" / "demo" / "model")

# As fast as the worker takes them, and as a camera.
FILE = ("--test-pattern", "640x480@1000", "--every-frame", "--max-frames", "1000000")
CAMERA = ("--test-pattern", "640x480@30", "--live")
# Poses of each client before a measurement.
WARM_UP = 30


class Client:
    """A client whose poses are read while it runs: when they came, with the age and the times of each."""

    def __init__(self, url, options):
        command = [BINARIES / "sleap-stream", "--signal", url, "-o", "-", "-q", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.poses = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            pose = json.loads(line)
            self.poses.append((time.monotonic(), pose["latency_us"] / 1000, pose["timing"]))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.reader.join()


@contextmanager
def worker(*options, model=MODEL):
    command = [BINARIES / "sleap-worker", "--listen", "127.0.0.1:0", "--model", model, *options]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield running.stdout.readline().split()[1]
    finally:
        running.kill()
        running.wait()


def measure(url, streams, seconds):
    """The poses of each of these streams in so many seconds of all of them."""
    return measure_at([(url, options) for options in streams], seconds)


def measure_at(streams, seconds):
    """The same, of streams each of which has its own worker."""
    with ExitStack() as stack:
        clients = [Client(url, options) for url, options in streams]
        for client in clients:
            stack.callback(client.stop)
        while any(len(client.poses) < WARM_UP for client in clients):
            time.sleep(0.05)
        begin = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic()
    return [[pose for pose in client.poses if begin <= pose[0] < end] for client in clients]


def p95(values):
    return statistics.quantiles(values, n=20)[-1]


def figures(url, seconds):
    (alone,) = measure(url, [FILE], seconds)
    four = [len(poses) for poses in measure(url, [FILE] * 4, seconds)]
    yield "4 files / 1 file, frames/s in all", sum(four) / len(alone)
    yield "4 files, smallest / largest share", min(four) / max(four)
    (camera,) = measure(url, [CAMERA], seconds)
    beside, _file = measure(url, [CAMERA, FILE], seconds)
    for where, poses in (("alone", camera), ("beside a file", beside)):
        yield f"camera {where}, age p50, ms", statistics.median(age for _, age, _ in poses)
        yield f"camera {where}, age p95, ms", p95([age for _, age, _ in poses])
        yield f"camera {where}, queue p95, ms", p95([timing["queue_us"] / 1000 for _, _, timing in poses])
        yield f"camera {where}, inference p95, ms", p95([timing["inference_us"] / 1000 for _, _, timing in poses])


def arguments(description):
    """A parser with the options of every measurement in rounds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=8, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def print_rounds(head, args, figures):
    """The table of what `figures()` yields in each round: a name and a value at a time."""
    found = {}
    for _ in range(args.rounds):
        for name, value in figures():
            found.setdefault(name, []).append(value)
    print(f"| {head} | median | lowest | highest |\n|---|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {args.rounds} rounds of {args.seconds} s each")


def main():
    args = arguments(__doc__).parse_args()
    with worker() as url:
        print_rounds("figure", args, lambda: figures(url, args.seconds))


if __name__ == "__main__":
    main()
