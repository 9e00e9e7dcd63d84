#!/usr/bin/env python3
"""Watches a worker's memory while clients come and go.

    clients.py [CLIENTS] [MODEL_DIR]      100 clients and the demonstration's model by default

Four clients at a time stream to one worker: raw frames, JPEG, batches, a live source, one that is killed in its
stream, and one that sends a file. The folder of the programs is that of SLEAP_STREAM_BENCH_BINARIES, or target/release.
Prints the worker's resident memory after each tenth of the clients, and how much it grew from the third point to the
last: what is taken once does not count. Fails where a client failed, or where memory grew by more than MOST_GROWTH_MB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(REPO / "tests" / "bench"))

from soak import resident_mb
from streams import running

BINARIES = Path(os.environ.get("SLEAP_STREAM_BENCH_BINARIES", REPO / "target" / "release"))
VIDEO = str(REPO / "examples" / "demo" / "video.mp4")
POINTS = 10
SETTLED = 2
AT_A_TIME = 4
MOST_GROWTH_MB = 10

FILE = ["--stream", VIDEO, "--max-frames", "40"]
KINDS = [
    FILE,
    [*FILE, "--jpeg-quality", "80"],
    [*FILE, "--batch-size", "8"],
    ["--test-pattern", "640x480@60", "--live", "--max-frames", "40"],
    ["--test-pattern", "640x480@60", "--live", "--jpeg-quality", "80"],
    ["--send-file", VIDEO],
]
KILLED = 4


def client(url: str, number: int) -> bool:
    """Runs a client of one kind; whether it ended as it should."""
    kind = number % len(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        poses = str(Path(folder, "poses.slp")) if "--send-file" in KINDS[kind] else "-"
        command = [str(BINARIES / "sleap-stream"), "--signal", url, "--wait", "-q", "-o", poses, *KINDS[kind]]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **streams) as process:
            if kind == KILLED:
                for _ in range(20):
                    process.stdout.readline()
                process.kill()
                return True
            _, said = process.communicate()
        if process.returncode:
            print(f"{' '.join(command)} ended with {process.returncode}: {said}", file=sys.stderr)
        return process.returncode == 0


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    model = sys.argv[2] if len(sys.argv) > 2 else str(REPO / "examples" / "demo" / "model")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--listen", "127.0.0.1:0", "--model", model, "--upload-dir", folder, "--metrics", "127.0.0.1:0"]
        with running([str(BINARIES / "sleap-worker"), *options]) as worker:
            url = next(line for line in worker.stdout if line.startswith("ready: ")).split()[1]
            memory, good = [], True
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                for point in range(POINTS):
                    numbers = range(clients * point // POINTS, clients * (point + 1) // POINTS)
                    good &= all(pool.map(lambda number: client(url, number), numbers))
                    memory.append(resident_mb(worker.pid))
                    print(f"{numbers.stop} clients: {memory[-1]:.1f} MB", flush=True)
    growth = memory[-1] - memory[SETTLED]
    print(f"grew by {growth:.1f} MB from client {clients * (SETTLED + 1) // POINTS} to {clients}")
    sys.exit(not good or growth > MOST_GROWTH_MB)


if __name__ == "__main__":
    main()
