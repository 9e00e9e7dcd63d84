#!/usr/bin/env python3
"""Measures exported models beside a bare session and beside sleap-nn. Started by models.sh.

End to end is a video file read by the client, JPEG 80 over loopback, poses back; sleap-nn reads the file itself.
Rounds alternate; figures are medians over rounds.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from bench import table
from streams import finish, running

BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
SLEAP_NN = os.environ["SLEAP_STREAM_SLEAP_NN"]
HERE = Path(__file__).resolve().parent
ROUNDS = 3
# Frames of a round: about this many seconds of the slower contestant.
SECONDS = 8
FEWEST = 48


def stages(model: str, frames: str) -> list[dict]:
    """Frames per second of bare session, inference stage and everything, for each batch size."""
    command = [str(BINARIES / "examples" / "pose_bench"), model, frames, "--json"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def ours(model: str, video: str, frames: int, *options: str) -> float:
    worker = [str(BINARIES / "sleap-worker"), "--listen", "127.0.0.1:0", "--model", model, *options]
    with running(worker) as process:
        url = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
        client = [str(BINARIES / "sleap-stream"), "--stream", video, "--signal", url]
        client += ["--jpeg-quality", "80", "--max-frames", str(frames)]
        _, _, log = finish(client)
    summary = re.search(r"^frames +\d+ +([\d.]+) frames/s", log, re.MULTILINE)
    return float(summary[1])


def theirs(model: str, video: str, frames: int) -> float:
    command = [SLEAP_NN, str(HERE / "sleap_nn_predict.py"), model, video, str(frames)]
    command += [str(len(os.sched_getaffinity(0)))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["frames"] / found["seconds"]


def enough(rate: float, video: str) -> int:
    probe = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries"]
    probe += ["stream=nb_read_packets", "-of", "csv=p=0", video]
    there = int(subprocess.run(probe, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(","))
    return min(there, max(FEWEST, int(rate * SECONDS)))


def main() -> None:
    inner, outer = [], []
    for word in sys.argv[1:]:
        model, frames, video = word.split(":")
        name = json.loads((Path(model) / "export_metadata.json").read_text())["model_type"]
        found = stages(model, frames)
        for line in found:
            share = line["postprocess_us"] / line["session_us"]
            inner.append(
                [name, str(line["batch"]), f"{line['bare']:.1f}"]
                + [f"{line[key] / line['bare']:.3f}" for key in ("stage", "all")]
                + [f"{line['preprocess_us']:.0f}", f"{line['postprocess_us']:.1f}", f"{share:.2%}"]
            )
        count = enough(found[0]["bare"], video)
        contestants = [
            lambda: ours(model, video, count),
            lambda: ours(model, video, count, "--spin"),
            lambda: theirs(model, video, count),
        ]
        rounds = [[run() for run in contestants] for _ in range(ROUNDS)]
        rates = [statistics.median(measured) for measured in zip(*rounds)]
        ratios = [f"{rate / rates[2]:.2f}" for rate in rates[:2]]
        outer.append([name, str(count), *(f"{rate:.1f}" for rate in rates), *ratios])
    print(f"load {os.getloadavg()[0]:.1f}, {len(os.sched_getaffinity(0))} cores")
    header = ["model", "batch", "bare session, frames/s", "stage / bare", "all / bare"]
    header += ["pre-processing, us", "post-processing, us", "of the session"]
    table("Inference", header, inner)
    header = ["model", "frames", "ours, frames/s", "with --spin", "sleap-nn, frames/s"]
    table("End to end", [*header, "ours / sleap-nn", "with --spin / sleap-nn"], outer)


if __name__ == "__main__":
    main()
