"""See emit.sh. A consumer's latency is the time of its receive call's return minus the message's `emitted_us`,
which the emitter takes when it is given the pose, before anything is encoded."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench import table
from streams import running

REPO = Path(__file__).resolve().parent.parent.parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = str(REPO / "examples/demo/model")
RATE = 100


def worker(emit: list[str]) -> list[str]:
    command = [str(BINARIES / "sleap-worker"), "--listen", "127.0.0.1:0", "--model", MODEL]
    return command + [word for url in emit for word in ("--emit", url)]


def stream(url: str, *args: str) -> str:
    """Runs a client to its end; its summary."""
    command = [str(BINARIES / "sleap-stream"), "--signal", url, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def ready(process: subprocess.Popen) -> str:
    return next(line for line in process.stdout if line.startswith("ready: ")).split()[1]


def udp_consumer():
    import socket

    consumer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    consumer.bind(("127.0.0.1", 0))
    port = consumer.getsockname()[1]
    return consumer, port


def json_lateness(body: bytes, now: int):
    message = json.loads(body)
    late = now - message["emitted_us"] if message["type"] == "pose" else None
    return late, message["type"] == "end"


def take_udp(consumer, late: list[float]) -> None:
    done = False
    while not done:
        body = consumer.recv(65536)
        value, done = json_lateness(body, time.time_ns() // 1000)
        late.extend([] if value is None else [value])


def take_osc(consumer, late: list[float]) -> None:
    from pythonosc.osc_bundle import OscBundle

    while True:
        datagram = consumer.recv(65536)
        now = time.time_ns() // 1000
        message = next(iter(OscBundle(datagram)))
        if message.address == "/sleap/end":
            return
        if message.address == "/sleap/frame":
            late.append(now - (message.params[4] * 1_000_000 + message.params[5]))


def take_zmq(consumer, late: list[float]) -> None:
    done = False
    while not done:
        _, body = consumer.recv_multipart()
        value, done = json_lateness(body, time.time_ns() // 1000)
        late.extend([] if value is None else [value])


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def latency(kind: str, poses: int) -> list[float]:
    """Microseconds of each pose."""
    import zmq

    late: list[float] = []
    if kind == "zmq":
        port = free_port()
        consumer = zmq.Context.instance().socket(zmq.SUB)
        consumer.subscribe("")
        consumer.connect(f"tcp://127.0.0.1:{port}")
    else:
        consumer, port = udp_consumer()
    take = {"udp": take_udp, "osc": take_osc, "zmq": take_zmq}[kind]
    taking = threading.Thread(target=take, args=(consumer, late))
    taking.start()
    with running(worker([f"{kind}://127.0.0.1:{port}"])) as process:
        stream(ready(process), "--test-pattern", f"512x384@{RATE}", "--max-frames", str(poses), "--every-frame")
        taking.join()
    return late


def rate(emit: list[str], stall: str | None) -> float:
    """Frames a second of a stream that goes as fast as it can."""
    import zmq

    with running(worker(emit)) as process:
        url = ready(process)
        subscriber = zmq.Context.instance().socket(zmq.SUB)
        subscriber.setsockopt(zmq.RCVHWM, 1)
        subscriber.setsockopt(zmq.RCVBUF, 4096)
        subscriber.subscribe("")
        if stall:
            subscriber.connect(stall)  # and never read
        summary = stream(url, "--test-pattern", "256x192@1000", "--every-frame", "--max-frames", "2000")
        subscriber.close(0)
    return float(re.search(r"([\d.]+) frames/s", summary)[1])


def main() -> None:
    poses = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rows = []
    for kind in ("udp", "osc", "zmq"):
        late = sorted(latency(kind, poses))
        at = [late[min(len(late) - 1, int(len(late) * q))] / 1000 for q in (0.5, 0.99, 0.999, 1)]
        rows.append([f"{kind}://", f"{len(late)} of {poses}", *(f"{ms:.2f}" for ms in at)])
    title = f"Latency from pose to consumer at {RATE} poses a second, ms; load {os.getloadavg()[0]:.1f}"
    table(title, ["", "received", "p50", "p99", "p99.9", "largest"], rows)

    port = free_port()
    zmq_url, absent = f"zmq://127.0.0.1:{port}", f"udp://127.0.0.1:{free_port()}"
    cases = {
        "nobody": ([], None),
        "UDP, absent": ([absent], None),
        "ZeroMQ, stalled": ([zmq_url], f"tcp://127.0.0.1:{port}"),
        "both": ([absent, zmq_url], f"tcp://127.0.0.1:{port}"),
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (emit, stall) in cases.items():
            rates[name].append(rate(emit, stall))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    rows = [[name, f"{fps:.0f}", f"{fps / medians['nobody']:.2f}"] for name, fps in medians.items()]
    title = f"Rate with consumers that take nothing, medians of {rounds} rounds; load {os.getloadavg()[0]:.1f}"
    table(title, ["consumer", "frames/s", "of the rate without"], rows)


main()
