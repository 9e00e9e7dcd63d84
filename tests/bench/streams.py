"""Runs one stream between two processes and measures it from outside, by what the kernel counted."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from media import Video

PEERS = Path(__file__).resolve().parent.parent / "python"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Stream:
    """One stream, start to confirmed end. CPU time is that of streaming, and the client's start."""

    fps: float
    mb_per_s: float
    seconds: float
    client_cpu: float
    worker_cpu: float
    client_mb: float
    worker_mb: float
    # Sending a frame to its answer, median and 99th percentile; 0 where nobody answers.
    p50_ms: float = 0
    p99_ms: float = 0

    @property
    def gigabytes(self) -> float:
        return self.mb_per_s * self.seconds / 1000

    def cpu_per_gb(self) -> tuple[float, float]:
        return self.client_cpu / self.gigabytes, self.worker_cpu / self.gigabytes

    def cores(self) -> tuple[float, float]:
        return self.client_cpu / self.seconds, self.worker_cpu / self.seconds


def median(streams: list[Stream]) -> Stream:
    """The median of each figure."""
    columns = {field.name: [getattr(stream, field.name) for stream in streams] for field in fields(Stream)}
    return Stream(**{name: statistics.median(values) for name, values in columns.items()})


def ours(binaries: Path, video: Video, *options: str) -> Stream:
    """`sleap-stream` to a `sleap-worker` without a model."""
    worker = [str(binaries / "sleap-worker"), "--listen", "127.0.0.1:0"]
    with running(worker) as process:
        url = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
        before = cpu_seconds(process.pid)
        client = [str(binaries / "sleap-stream"), "--stream", str(video.path), "--signal", url, *options]
        client_cpu, client_mb, log = finish(client)
        worker_cpu = cpu_seconds(process.pid) - before
        worker_mb = peak_mb(process.pid)
    summary = re.search(r"^frames +(\d+) +([\d.]+) frames/s +([\d.]+) MB/s ", log, re.MULTILINE)
    frames, fps, rate = (float(n) for n in summary.groups())
    answer = re.search(r"^ +round trip +([\d.]+) ms +[\d.]+ ms +([\d.]+) ms$", log, re.MULTILINE)
    p50, p99 = (float(n) for n in answer.groups()) if answer else (0, 0)
    return Stream(fps, rate, frames / fps, client_cpu, worker_cpu, client_mb, worker_mb, p50, p99)


def reference(python: str, video: Video, frames: int, *options: str) -> Stream:
    """The Python peers (aiortc) with the same video and the same pixels on the wire."""
    with running([python, str(PEERS / "reference_signaling.py")]) as room:
        url = event(room.stdout, "ready")["url"]
        worker = [python, str(PEERS / "reference_worker.py"), "--signal", url, "--quiet"]
        with running(worker) as process:
            event(process.stdout, "ready")
            before = cpu_seconds(process.pid)
            client = [python, str(PEERS / "reference_client.py"), "--signal", url, "--exit", "--quiet"]
            client += ["--video", str(video.path), "--size", video.size, "--frames", str(frames)]
            client_cpu, client_mb, _ = finish([*client, *options])
            complete = event(process.stdout, "complete")
            worker_cpu = cpu_seconds(process.pid) - before
            worker_mb = peak_mb(process.pid)
    seconds, received = complete["elapsed_seconds"], complete["frames_received"]
    if received != frames:
        raise RuntimeError(f"{received} of {frames} frames arrived at the Python peer")
    rate = complete["bytes_received"] / 1e6 / seconds
    return Stream(received / seconds, rate, seconds, client_cpu, worker_cpu, client_mb, worker_mb)


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen]:
    """A program that runs meanwhile; interrupted at the end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def finish(command: list[str]) -> tuple[float, float, str]:
    """Runs a program to its end: its CPU seconds, its peak memory in MB, and what it said on stderr."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{log}")
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, usage.ru_maxrss * 1024 / 1e6, log


def event(lines: Iterator[str], name: str) -> dict:
    """The next event of that name of a Python peer."""
    return next(found for found in map(json.loads, lines) if found["event"] == name)


def cpu_seconds(pid: int) -> float:
    # The program's name, in parentheses, may hold spaces.
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / 1e6
