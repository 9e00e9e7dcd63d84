"""Rates of streams while somebody looks on and while nobody does; run by view.sh."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = ["--model", str(HERE.parents[1] / "examples" / "demo" / "model")]

# What streams, as fast as it goes, and what the worker does with it.
STREAMS = {
    "640x480 raw, demonstration model": (["640x480@1000"], MODEL),
    "640x480 JPEG 80, demonstration model": (["640x480@1000", "--jpeg-quality", "80"], MODEL),
    "1080p JPEG 80, demonstration model": (["1920x1080@1000", "--jpeg-quality", "80"], MODEL),
    "1080p raw, no model": (["1920x1080@1000"], []),
}
# Until the stream has found its pace.
WARM_UP = 4


@contextmanager
def process(*command):
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def cpu_seconds(stat):
    """CPU time of the process or thread whose file in /proc this is."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def preview_seconds(pid):
    """CPU time of the worker's thread that makes pictures."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "preview":
            return cpu_seconds(task / "stat")
    sys.exit("the worker has no thread that makes pictures")


def watch(viewer, pid):
    """What the viewer counts in each stretch, with the worker's CPU time in it."""
    before = cpu_seconds(Path(f"/proc/{pid}/stat"))
    for line in viewer.stdout:
        now = cpu_seconds(Path(f"/proc/{pid}/stat"))
        yield json.loads(line) | {"cpu": now - before}
        before = now


def measure(stream, worker_args, stretches):
    """Stretches as the viewer counts them, and milliseconds of the preview thread for a picture."""
    worker = process(BINARIES / "sleap-worker", "--listen", "127.0.0.1:0", "--view", "127.0.0.1:0", *worker_args)
    with worker as worker:
        url, link = (worker.stdout.readline().split()[1] for _ in range(2))
        with process(BINARIES / "sleap-stream", "--signal", url, "--every-frame", "-q", "--test-pattern", *stream):
            command = [sys.executable, HERE / "viewer.py", link, "--stretches", str(stretches + WARM_UP)]
            with process(*command) as viewer:
                seen = list(watch(viewer, worker.pid))
            if len(seen) < stretches + WARM_UP:
                sys.exit("the viewer was cut off")
            pictures = sum(stretch["pictures"] for stretch in seen)
            return seen[WARM_UP:], 1000 * preview_seconds(worker.pid) / max(1, pictures)


def row(name, seen, milliseconds):
    rates = {looks: [it["fps"] for it in seen if it["looks"] is looks] for looks in (False, True)}
    # Each second with a viewer beside the mean of the seconds without on both sides of it.
    ratios = [
        at["fps"] / ((before["fps"] + after["fps"]) / 2)
        for before, at, after in zip(seen, seen[1:], seen[2:])
        if at["looks"]
    ]
    low, middle, high = statistics.quantiles(ratios, n=4)
    error = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5
    # A second is what all stretches last: CPU time over the rate is CPU time of a frame.
    frame = {
        looks: statistics.median(1000 * it["cpu"] / it["fps"] for it in seen if it["looks"] is looks)
        for looks in (False, True)
    }
    pictures = statistics.mean(it["pictures"] for it in seen if it["looks"])
    away, looking = (statistics.median(rates[looks]) for looks in (False, True))
    return (
        f"| {name} | {away:.1f} | {looking:.1f} | {middle:.3f} ± {error:.3f} | {low:.3f}–{high:.3f} "
        f"| {frame[False]:.2f} | {frame[True]:.2f} | {pictures:.1f} | {milliseconds:.2f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="length of each run, half of it looked on")
    args = parser.parse_args()
    print(
        "| stream | frames/s, no viewer | one viewer | ratio | quartiles | worker CPU ms/frame, no viewer | one viewer | pictures/s | preview CPU ms/picture |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (stream, worker_args) in STREAMS.items():
        print(row(name, *measure(stream, worker_args, args.seconds)), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, runs of {args.seconds} s")


if __name__ == "__main__":
    main()
