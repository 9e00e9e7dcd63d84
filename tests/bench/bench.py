#!/usr/bin/env python3
"""Measures both binaries on this machine, beside the Python peers and OpenCV. Started by run.sh.

Rounds alternate between what is compared, so that a change of the machine's load meets both;
figures are medians over rounds. Nothing here passes or fails: the targets stand beside the figures.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import media
from streams import Stream, median, ours, reference

JPEG = ("--jpeg-quality", "80")
MEMORY_LIMIT_MB = 150

# Frames that the Python peers stream in a second or a few, by size and form.
PEER_FRAMES = {("1080p", "raw"): 20, ("1080p", "JPEG 80"): 60, ("480p", "raw"): 100, ("480p", "JPEG 80"): 300}
SEEK_FRAMES = 12


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    print(f"\n{title}\n")
    for row in (header, ["-" * width for width in widths], *rows):
        first, *figures = zip(row, widths)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in figures)]
        print("| " + " | ".join(cells) + " |", flush=True)


def alternate(rounds: int, contestants: list[Callable[[], Stream]]) -> list[list[Stream]]:
    """What each contestant measured, in rounds of one run of each."""
    measured = [[] for _ in contestants]
    for _ in range(rounds):
        for streams, run in zip(measured, contestants):
            streams.append(run())
    return measured


def pair(values: tuple[float, float], form: str) -> str:
    return " / ".join(format(value, form) for value in values)


def throughput(bench: argparse.Namespace) -> dict[str, Stream]:
    """As fast as it goes, from a file: ours, ours from uncompressed pixels, and the Python peers."""
    rows, found = [], {}
    for size in media.SIZES:
        encoded, plain = media.h264(bench.cache, size), media.plain(bench.cache, size)
        for form, options in (("raw", ()), ("JPEG 80", JPEG)):
            frames = PEER_FRAMES[size, form] // (2 if bench.quick else 1)
            step = str(encoded.frames // SEEK_FRAMES)
            peer = lambda count, *more: reference(bench.python, encoded, count, *options, *more)
            contestants = {
                "H.264": lambda: ours(bench.binaries, encoded, *options),
                "uncompressed": lambda: ours(bench.binaries, plain, *options),
                "aiortc": lambda: peer(frames),
                "aiortc, seeking": lambda: peer(SEEK_FRAMES, "--seek", "--step", step),
            }
            results = alternate(bench.rounds, list(contestants.values()))
            medians = dict(zip(contestants, map(median, results)))
            found |= {f"{size} {form} {name}": stream for name, stream in medians.items()}
            rates = [sorted(stream.fps for stream in streams) for streams in results]
            for (name, stream), rate in zip(medians.items(), rates):
                times = [medians["H.264"].fps / stream.fps] if name.startswith("aiortc") else []
                rows.append(
                    [
                        f"{size} {form}, {name}",
                        f"{stream.fps:.1f}",
                        f"{rate[0]:.1f}-{rate[-1]:.1f}",
                        f"{stream.mb_per_s:.0f}",
                        "".join(f"{t:.1f}x" for t in times),
                        pair(stream.cpu_per_gb(), ".1f"),
                        pair((stream.client_mb, stream.worker_mb), ".0f"),
                    ]
                )
    header = [
        "source to worker without a model",
        "frames/s",
        "range",
        "MB/s",
        "H.264 row beside it",
        "CPU s/GB client / worker",
        "peak MB client / worker",
    ]
    table("As fast as it goes", header, rows)
    return found


def paced(bench: argparse.Namespace) -> dict[str, Stream]:
    """30 frames/s of a file."""
    rows, found = [], {}
    for size in media.SIZES:
        video = media.h264(bench.cache, size)
        for form, options in (("raw", ()), ("JPEG 80", JPEG)):
            run = lambda: ours(bench.binaries, video, "--fps", "30", *options)
            stream = median(alternate(1 if bench.quick else bench.rounds, [run])[0])
            found[f"{size} {form}"] = stream
            rows.append(
                [
                    f"{size} {form}",
                    f"{stream.fps:.1f}",
                    f"{stream.mb_per_s:.0f}",
                    pair(stream.cores(), ".2f"),
                    pair((stream.p50_ms, stream.p99_ms), ".1f"),
                    pair((stream.client_mb, stream.worker_mb), ".0f"),
                ]
            )
    header = [
        "H.264 file, --fps 30",
        "frames/s",
        "MB/s",
        "cores client / worker",
        "frame sent to answer, ms p50 / p99",
        "peak MB client / worker",
    ]
    table("Paced", header, rows)
    return found


def one_way(bench: argparse.Namespace) -> tuple[float, float]:
    """The link alone: 150 kB handed over in one process to whole in the other, p50 and p99 in ms."""
    seconds = "5" if bench.quick else "10"
    pattern = r"^150 kB at 30/s: .* one way p50 ([\d.]+) ms, p99 ([\d.]+) ms$"
    times = []
    for _ in range(bench.rounds):
        output = text_of([str(bench.binaries / "examples" / "loopback"), seconds])
        times.append([float(n) for n in re.search(pattern, output, re.MULTILINE).groups()])
    return tuple(statistics.median(column) for column in zip(*times))


def reading() -> float:
    """How fast files are read, as a share of FFmpeg's own speed."""
    output = text_of(["cargo", "bench", "--locked", "-q", "-p", "sleap-stream-vision", "--bench", "read"])
    return float(re.search(r"^capture / FFmpeg, .*: ([\d.]+)$", output, re.MULTILINE)[1])


def text_of(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def verdicts(free: dict[str, Stream], held: dict[str, Stream], link: tuple[float, float], read: float) -> None:
    raw, small = free["1080p raw H.264"], free["480p JPEG 80 H.264"]
    peaks = [
        mb
        for name, stream in free.items()
        if "1080p raw" in name and "aiortc" not in name
        for mb in (stream.client_mb, stream.worker_mb)
    ]
    peaks += [held["1080p raw"].client_mb, held["1080p raw"].worker_mb]
    seeking, straight = (small.fps / free[f"480p JPEG 80 {name}"].fps for name in ("aiortc, seeking", "aiortc"))
    rows = [
        ["1080p raw from a video, frames/s", f"{raw.fps:.1f}", ">= 30", f"{raw.fps / 30:.2f}"],
        ["1080p raw from a video, MB/s", f"{raw.mb_per_s:.0f}", ">= 187", f"{raw.mb_per_s / 187:.2f}"],
        ["1080p raw at --fps 30, frames/s", f"{held['1080p raw'].fps:.1f}", "30", f"{held['1080p raw'].fps / 30:.2f}"],
        [
            "480p JPEG 80, times the reference (it seeks before each read)",
            f"{seeking:.1f}",
            ">= 25",
            f"{seeking / 25:.2f}",
        ],
        ["480p JPEG 80, times the reference made to read in order", f"{straight:.1f}", "", ""],
        ["one way of 150 kB, p50 ms", f"{link[0]:.2f}", "<= 1", f"{link[0]:.2f}"],
        ["one way of 150 kB, p99 ms", f"{link[1]:.2f}", "<= 2", f"{link[1] / 2:.2f}"],
        [
            "peak memory of either binary with 1080p raw, MB",
            f"{max(peaks):.0f}",
            f"<= {MEMORY_LIMIT_MB}",
            f"{max(peaks) / MEMORY_LIMIT_MB:.2f}",
        ],
        ["reading a video, times FFmpeg", f"{read:.3f}", ">= 0.9", f"{read / 0.9:.2f}"],
    ]
    table("Targets", ["what", "measured", "target", "measured / target"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (3; with --quick 1)")
    bench = parser.parse_args()
    bench.rounds = bench.rounds or (1 if bench.quick else 3)
    bench.python = os.environ["SLEAP_STREAM_TEST_PYTHON"]
    bench.cache = Path(os.environ["SLEAP_STREAM_BENCH_CACHE"])
    bench.binaries = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"Linux {platform.release()}, load before {os.getloadavg()[0]:.1f}, rounds {bench.rounds}"
    )
    free, held = throughput(bench), paced(bench)
    verdicts(free, held, one_way(bench), reading())
    print(f"\nload after {os.getloadavg()[0]:.1f}: with two busy processes of our own, about 2 is a quiet machine")


if __name__ == "__main__":
    main()
