"""See rules.sh. A pose is in hand at `captured_us` + `latency_us` of its line of JSON."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

from bench import table
from streams import running

REPO = Path(__file__).resolve().parent.parent.parent
BINARIES = Path(os.environ["SLEAP_STREAM_BENCH_BINARIES"])
MODEL = str(REPO / "examples/demo/model")
NODES = ["nose", "head", "thorax", "tail_base", "tail_tip"]
RATE = 100


def rules(port: str, udp: int, stripes: int) -> str:
    """Stripes all over the picture, so that a mouse that walks enters and leaves one several times a second."""
    lines = [
        f'[output.port]\nserial = "{port}"\non = "1"\noff = "0"',
        f'[output.udp]\nto = "udp://127.0.0.1:{udp}"',
    ]
    width = 512 / stripes
    for stripe in range(stripes):
        lines.append(f"[zone.s{stripe}]\nrectangle = [{stripe * width}, 0, {(stripe + 1) * width}, 384]")
        for node in NODES:
            when = f'when = {{ node = "{node}", in = "s{stripe}" }}'
            lines.append(f'[rule.{node}{stripe}]\n{when}\ndo = ["port", "udp"]\npulse = 1')
    return "\n".join(lines)


def receive(consumer: socket.socket, received: dict) -> None:
    while True:
        body, now = consumer.recv(65536), time.time_ns() // 1000
        if body == b"end":
            return
        event = json.loads(body)
        received[event["frame_id"], event["rule"], event["edge"]] = now


def quantiles(name: str, micros: list[float]) -> list[str]:
    micros = sorted(micros)
    at = [micros[min(len(micros) - 1, int(len(micros) * q))] / 1000 for q in (0.5, 0.99, 1)]
    return [name, str(len(micros)), *(f"{ms:.3f}" for ms in at)]


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    stripes = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    apparatus, port = os.openpty()
    tty.setraw(port)
    threading.Thread(target=lambda: [os.read(apparatus, 4096) for _ in iter(int, 1)], daemon=True).start()
    consumer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    consumer.bind(("127.0.0.1", 0))
    received: dict = {}
    receiving = threading.Thread(target=receive, args=(consumer, received))
    receiving.start()
    with tempfile.TemporaryDirectory() as folder:
        file, poses = Path(folder, "rules.toml"), Path(folder, "poses.jsonl")
        file.write_text(rules(os.ttyname(port), consumer.getsockname()[1], stripes))
        worker = [str(BINARIES / "sleap-worker"), "--listen", "127.0.0.1:0", "--model", MODEL]
        with running(worker) as process:
            url = next(line for line in process.stdout if line.startswith("ready: ")).split()[1]
            client = [
                str(BINARIES / "sleap-stream"),
                "--signal",
                url,
                "--rules",
                str(file),
                "-o",
                str(poses),
                "--quiet",
            ]
            pattern = ["--test-pattern", f"512x384@{RATE}", "--max-frames", str(seconds * RATE)]
            subprocess.run(client + pattern, check=True)
        consumer.sendto(b"end", consumer.getsockname())
        receiving.join()
        lines = (json.loads(line) for line in poses.read_text().splitlines())
        in_hand = {line["frame_id"]: line["captured_us"] + line["latency_us"] for line in lines}
        with poses.with_suffix(".events.csv").open() as events:
            rows = [row for row in csv.DictReader(events) if row["cause"] == "condition" and row["acted_us"]]
    frame = {(int(row["frame_id"]), row["rule"], row["edge"]): int(row["acted_us"]) for row in rows}
    left = [acted - in_hand[key[0]] for key, acted in frame.items()]
    came = [now - in_hand[key[0]] for key, now in received.items() if key in frame]
    title = f"From the pose in hand to the output of a rule, ms; {len(NODES) * stripes} rules; load {os.getloadavg()[0]:.1f}"
    rows = [
        quantiles("byte and datagram have left", left),
        quantiles("datagram is with a consumer in Python", came),
    ]
    table(title, ["", "events", "p50", "p99", "largest"], rows)


main()
