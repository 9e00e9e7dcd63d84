#!/usr/bin/env python3
"""Watches the memory of both release binaries over a long stream.

    soak.py [FRAMES] [MODEL_DIR]      100,000 frames of 256x192 and the demonstration's model by default

Prints each process's resident memory at ten points of the stream, and how much it grew from the second
to the last: what is taken once at the start does not count. Fails where frames are missing, or where
memory grew by more than MOST_GROWTH_MB.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import table
from streams import running

REPO = Path(__file__).resolve().parent.parent.parent
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", REPO / "target")) / "release"
POINTS = 10
MOST_GROWTH_MB = 5


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / 1e6


def watch(client: subprocess.Popen, worker: subprocess.Popen, output: Path, frames: int) -> list[tuple]:
    """Predictions so far and both memories, at equal steps of the stream."""
    points, lines = [], 0
    with open(output) as predictions:
        while client.poll() is None and len(points) < POINTS:
            lines += sum(1 for _ in predictions)
            if lines >= frames * (len(points) + 1) // (POINTS + 1):
                points.append((lines, resident_mb(client.pid), resident_mb(worker.pid)))
            time.sleep(0.2)
    return points


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    model = sys.argv[2] if len(sys.argv) > 2 else str(REPO / "examples/demo/model")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "poses.jsonl")
        output.touch()
        worker = [str(BINARIES / "sleap-worker"), "--listen", "127.0.0.1:0", "--model", model]
        with running(worker) as process:
            url = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
            command = [str(BINARIES / "sleap-stream"), "--test-pattern", "256x192@1000", "--signal", url]
            command += ["--max-frames", str(frames), "--output", str(output), "--overwrite", "--quiet"]
            started = time.monotonic()
            client = subprocess.Popen(command)
            points = watch(client, process, output, frames)
            if client.wait() != 0:
                raise SystemExit(f"the client ended with {client.returncode}")
            seconds = time.monotonic() - started
        with open(output, encoding="utf-8") as lines:
            answered = sum(1 for _ in lines)
    rows = [[str(lines), f"{client:.1f}", f"{worker:.1f}"] for lines, client, worker in points]
    table(f"{answered} predictions in {seconds:.0f} s", ["frames", "client, MB", "worker, MB"], rows)
    if answered != frames or len(points) < POINTS:
        raise SystemExit(f"{answered} of {frames} predictions, {len(points)} of {POINTS} points")
    first, last = points[1], points[-1]
    print(f"\ngrew by {last[1] - first[1]:+.1f} MB (client) and {last[2] - first[2]:+.1f} MB (worker)")
    if max(last[side] - first[side] for side in (1, 2)) > MOST_GROWTH_MB:
        raise SystemExit("memory is not flat")


if __name__ == "__main__":
    main()
