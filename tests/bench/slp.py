"""Times .slp files: this project's writer beside sleap-io's, on the same predictions."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sleap_io

NODES, INSTANCES, FPS = 13, 1, 100
HOUR = 3600 * FPS
PACED_SECONDS = 20


def ours(path: Path, frames: int, *more: str) -> dict:
    arguments = [os.environ["SLEAP_STREAM_FAST_WRITE"], path, frames, NODES, INSTANCES, FPS, *more]
    output = subprocess.run([str(one) for one in arguments], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def row(what: str, frames: int, seconds: float, cpu: float, peak_kb: int, size: int) -> None:
    print(
        f"| {what} | {frames:,} | {seconds:.2f} | {frames / seconds:,.0f} | {1e6 * cpu / frames:.1f} "
        f"| {peak_kb / 1024:.0f} | {size / 1e6:.1f} |",
        flush=True,
    )


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 36_000
    paced_frames = FPS * (int(sys.argv[2]) if len(sys.argv) > 2 else PACED_SECONDS)
    print(f"{NODES} nodes, {INSTANCES} instance a frame; load {os.getloadavg()[0]:.1f}\n")
    print("| what | frames | s | frames/s | CPU µs/frame | peak MB | file MB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        mine, own = Path(folder) / "ours.slp", Path(folder) / "sleap_io.slp"
        rounds = [ours(mine, frames) for _ in range(3)]
        best = sorted(rounds, key=lambda one: one["seconds"])[1]
        row("ours", frames, best["seconds"], best["cpu_seconds"], best["peak_kb"], best["bytes"])
        labels = sleap_io.load_slp(str(mine), open_videos=False)
        assert len(labels) == frames
        timed = []
        for _ in range(3):
            began, cpu = time.perf_counter(), time.process_time()
            sleap_io.save_slp(labels, str(own))
            timed.append((time.perf_counter() - began, time.process_time() - cpu))
        seconds, cpu = sorted(timed)[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        row("sleap-io, saving alone", frames, seconds, cpu, peak, own.stat().st_size)
        hour = ours(mine, HOUR)
        row("ours, an hour at once", HOUR, hour["seconds"], hour["cpu_seconds"], hour["peak_kb"], hour["bytes"])
        paced = ours(mine, paced_frames, "paced")
        row(
            f"ours, at {FPS} frames/s",
            paced_frames,
            paced["seconds"],
            paced["cpu_seconds"],
            paced["peak_kb"],
            paced["bytes"],
        )
    print(f"\ntimes sleap-io: {seconds / best['seconds']:.0f}")
    print(f"of a core at {FPS} frames/s: {100 * paced['cpu_seconds'] / paced['seconds']:.2f} %")
    print(f"resident memory while the hour is written, kB: {hour['rss_kb']}")
    print(f"resident memory at {FPS} frames/s, kB: {paced['rss_kb']}")


if __name__ == "__main__":
    main()
