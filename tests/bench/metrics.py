"""Rates of streams to a worker that counts and to one that does not; run by metrics.sh."""

import argparse
import json
import os
import statistics
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = ["--model", str(HERE.parents[1] / "examples" / "demo" / "model"), "--device", "cpu"]

# What streams, as fast as it goes, frames in a run, and what the worker does with it.
STREAMS = {
    "640x480 raw, no model": (["640x480@1000"], 2500, []),
    "640x480 JPEG 80, no model": (["640x480@1000", "--jpeg-quality", "80"], 2500, []),
    "256x192 raw, demonstration model": (["256x192@1000"], 2000, MODEL),
}


def cpu_seconds(pid):
    """CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def worker(*args):
    command = [BINARIES / "sleap-worker", "--no-config", "--listen", "127.0.0.1:0", *args]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        running.url = running.stdout.readline().split()[1]
        yield running
    finally:
        running.kill()
        running.wait()


@contextmanager
def scraped(url, times):
    """Reads the metrics every second, as Prometheus at its most eager."""
    over = threading.Event()

    def scrape():
        while True:
            urllib.request.urlopen(url).read()
            times.append(url)
            if over.wait(1):
                return

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run(to, stream, frames):
    """Frames per second of a stream, and the worker's CPU microseconds for a frame."""
    before = cpu_seconds(to.pid)
    command = [BINARIES / "sleap-stream", "--no-config", "--signal", to.url, "--every-frame", "--json"]
    command += ["--max-frames", str(frames), "--test-pattern", *stream]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    summary = json.loads(said.splitlines()[-1])
    return summary["frames"] / summary["seconds"], 1e6 * (cpu_seconds(to.pid) - before) / frames


def measure(stream, frames, args, rounds):
    plain, counting, scrapes = [], [], []
    with worker(*args) as without, worker("--metrics", "127.0.0.1:0", *args) as counted:
        url = counted.stdout.readline().split()[1]
        for turn in range(rounds + 1):
            pair = {}
            # Who comes first takes turns, too.
            for counts in (turn % 2 == 0, turn % 2 == 1):
                if counts:
                    with scraped(url, scrapes):
                        pair[counts] = run(counted, stream, frames)
                else:
                    pair[counts] = run(without, stream, frames)
            if turn:
                plain.append(pair[False])
                counting.append(pair[True])
    return plain, counting, len(scrapes)


def row(name, plain, counting, scrapes):
    rate, cpu = ([statistics.median(it[field] for it in runs) for runs in (plain, counting)] for field in (0, 1))
    ratios = [with_it[0] / without[0] for without, with_it in zip(plain, counting)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return (
        f"| {name} | {rate[0]:.0f} | {rate[1]:.0f} | {middle:.3f} | {low:.3f}–{high:.3f} "
        f"| {cpu[0]:.1f} | {cpu[1]:.1f} | {scrapes} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs, after one to warm up")
    args = parser.parse_args()
    print("| stream | frames/s | counted | ratio | quartiles | worker CPU us/frame | counted | scrapes |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (stream, frames, options) in STREAMS.items():
        print(row(name, *measure(stream, frames, options, args.rounds)), flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {args.rounds} pairs")


if __name__ == "__main__":
    main()
