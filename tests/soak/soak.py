#!/usr/bin/env python3
"""Long streams of a file, at full rate, with random faults; no frame may be lost or answered twice.

    soak.py [--seconds N] [--clients N] [--pause N] [--seed N]

Three clients stream the demonstration's video, repeated, through the demonstration's model at one worker, and
what `Scene.faults` lists is done to the programs, at random moments, `--pause` seconds apart on average. Then it
checks that every frame of each client has exactly one pose, in order, that each pose is the one that an undisturbed
stream gives, and that memory is flat. While one client is held, the others have to go on. Two hosts with a link between them (`$WAN_A`, `$WAN_B`, see tests/wan/wan.py) are used if they are
there, and the link gets its share of the faults; without them both programs meet on loopback.
`$SLEAP_STREAM_BIN` is the folder of the programs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
BINARIES = Path(os.environ["SLEAP_STREAM_BIN"])
VIDEO = REPO / "examples/demo/video.mp4"
FRAMES = 240
# More than any machine here does.
FRAMES_PER_SECOND = 1000
# Poses after which a stream has gone on: more than can have been under way, or waited to be written.
GONE_ON = 100
# What a stream may take to go on after a fault has passed: signs of life, back-off, a model that is loaded.
PATIENCE = 60
# How often memory is looked at while nothing is done to the stream, and what it may grow by from one half of a
# program's longest life to the other. What is under way, and what the allocator keeps, moves it by up to 13 MB.
LOOK_SECONDS = 0.1
MOST_GROWTH_MB = 20
# Where clients come from elsewhere, both sides have to know a secret.
os.environ["SLEAP_ROOM_SECRET"] = secrets.token_urlsafe(32)
HOSTS = (os.environ.get("WAN_A"), os.environ.get("WAN_B"))
ADDRESS = "10.77.0.2" if HOSTS[0] else "127.0.0.1"


def on(host: str | None, *command: object) -> list[str]:
    return [*(["ip", "netns", "exec", host] if host else []), *map(str, command)]


class Program:
    """A program on a host, started again at will."""

    def __init__(self, host: str | None, log: Path, *command: object):
        self.command, self.log = on(host, BINARIES / str(command[0]), *command[1:]), log
        # What it took, in MB, at each look; for each time that it was started.
        self.lives: list[list[float]] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log.open("a"), text=True)
        self.lives.append([])

    def ready(self) -> str:
        """Waits for the line that says where it is met."""
        for line in self.process.stdout:
            if line.startswith("ready: "):
                return line.split()[1]
        raise SystemExit(f"{self.command[0]} ended with {self.process.wait()}:\n{self.log.read_text()[-3000:]}")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def look(self) -> None:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        self.lives[-1].append(int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / 1e6)


class Client(Program):
    """A client, and its output as it grows."""

    def __init__(self, folder: Path, name: str, url: str, video: Path):
        self.name, self.poses, self.read, self.count = name, folder / f"{name}.jsonl", 0, 0
        super().__init__(
            HOSTS[0],
            folder / f"{name}.log",
            "sleap-stream",
            "--signal",
            url,
            "--stream",
            video,
            "--output",
            self.poses,
            "--reconnect-timeout",
            PATIENCE,
        )

    def lines(self) -> int:
        """How many poses there are by now."""
        if self.poses.exists():
            with open(self.poses, "rb") as file:
                file.seek(self.read)
                more = file.read()
            self.read += len(more)
            self.count += more.count(b"\n")
        return self.count

    def goes_on(self) -> bool:
        """Whether it still runs; if not, everything ends."""
        if self.process.poll() is not None:
            raise SystemExit(f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
        return True


class Scene:
    """The programs, and what can be done to them."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.dice = folder, random.Random(seed)
        self.addresses = 10
        self.clients: list[Client] = []
        self.meeting = Program(HOSTS[1], folder / "meeting.log", "sleap-worker", "signal", "--listen", f"{ADDRESS}:0")
        self.url = self.meeting.ready()
        # Where it comes back it must be found at the same place.
        self.meeting.command[-1] = self.url.removeprefix("ws://")
        self.worker = Program(
            HOSTS[1],
            folder / "worker.log",
            "sleap-worker",
            "--signal",
            self.url,
            "--model",
            REPO / "examples/demo/model",
        )
        self.worker.ready()

    def stream(self, video: Path, name: str) -> Client:
        return Client(self.folder, name, self.url, video)

    def faults(self) -> list:
        link = [self.link_down, self.address_changed] if HOSTS[0] else []
        return [self.worker_killed, self.worker_held, self.client_held, self.meeting_killed, *link]

    def worker_killed(self) -> None:
        self.worker.kill()
        time.sleep(self.dice.uniform(0, 3))
        self.worker.start()
        self.worker.ready()

    def worker_held(self) -> None:
        """Both shorter and longer than what makes a peer count as gone."""
        self.worker.send(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.5, 12))
        self.worker.send(signal.SIGCONT)

    def client_held(self) -> None:
        """While one is held, poses of the others come."""
        client = self.dice.choice(self.clients)
        client.send(signal.SIGSTOP)
        go_on([other for other in self.clients if other is not client], 1)
        time.sleep(self.dice.uniform(0, 12))
        client.send(signal.SIGCONT)

    def meeting_killed(self) -> None:
        """The signaling server goes, with the worker as often as not."""
        both = self.dice.random() < 0.5
        self.meeting.kill()
        if both:
            self.worker.kill()
        self.meeting.start()
        self.meeting.ready()
        if both:
            self.worker.start()
            self.worker.ready()

    def link_down(self) -> None:
        ip("-n", HOSTS[0], "link", "set", "wan", "down")
        time.sleep(self.dice.uniform(0.5, 20))
        ip("-n", HOSTS[0], "link", "set", "wan", "up")

    def address_changed(self) -> None:
        self.addresses = self.addresses % 200 + 1 + (self.addresses == 1)
        ip("-n", HOSTS[0], "address", "flush", "dev", "wan")
        ip("-n", HOSTS[0], "address", "add", f"10.77.0.{self.addresses + 2}/24", "dev", "wan")

    def end(self) -> None:
        for program in (*self.clients, self.worker, self.meeting):
            program.kill()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def repeated(folder: Path, seconds: float) -> Path:
    """The demonstration's video, so often that it lasts."""
    video, times = folder / "video.mp4", int(seconds * FRAMES_PER_SECOND / FRAMES) + 1
    subprocess.run(
        ["ffmpeg", "-v", "error", "-stream_loop", str(times), "-i", str(VIDEO), "-c", "copy", str(video)], check=True
    )
    return video


def read(poses: Path) -> list[dict]:
    with open(poses) as lines:
        return [json.loads(line) for line in lines]


def pose(line: dict) -> tuple:
    return line["instances"], line["confidence"], line["instance_scores"]


def go_on(clients: list[Client], poses: int = GONE_ON) -> float:
    """Waits until each client has so many poses more, and says how long that took."""
    wanted, started = {client: client.lines() + poses for client in clients}, time.monotonic()
    while wanted:
        wanted = {client: count for client, count in wanted.items() if client.goes_on() and client.lines() < count}
        if wanted and time.monotonic() - started > PATIENCE:
            client = next(iter(wanted))
            raise SystemExit(f"{client.name} had no pose for {PATIENCE} s:\n{client.log.read_text()[-3000:]}")
        time.sleep(0.02)
    return time.monotonic() - started


def pass_by(scene: Scene, seconds: float) -> None:
    """Leaves the stream alone, and looks at what the programs take for it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for program in (*scene.clients, scene.worker):
            program.look()
        time.sleep(LOOK_SECONDS)


def disturb(scene: Scene, seconds: float, pause: float) -> dict[str, list[float]]:
    """Faults until the time is over: how long each kind was felt afterwards."""
    felt: dict[str, list[float]] = {fault.__name__: [] for fault in scene.faults()}
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        pass_by(scene, min(scene.dice.expovariate(1 / pause), 5 * pause))
        # The first round has each of them, so that a short run has them all.
        unseen = [fault for fault in scene.faults() if not felt[fault.__name__]]
        fault = scene.dice.choice(unseen or scene.faults())
        fault()
        felt[fault.__name__].append(go_on(scene.clients))
    return felt


def check(client: Client, status: int, reference: list[dict]) -> int:
    """Whether a client that was interrupted has what it should have: how many poses."""
    log = client.log.read_text()
    print(f"{client.name}\n{log[log.rfind(chr(10) + 'frames ') :].strip()}")
    if status != 130 or "ERROR" in log or "unanswered" in log or "failed" in log:
        raise SystemExit(f"{client.name} ended with {status}:\n{log[-3000:]}")
    expected = [pose(line) for line in reference]
    lines = read(client.poses)
    for index, line in enumerate(lines):
        if line["frame_id"] != index:
            raise SystemExit(f"{client.name}: line {index} is about frame {line['frame_id']}")
        if pose(line) != expected[index % FRAMES]:
            raise SystemExit(
                f"{client.name}: frame {index} has another pose than an undisturbed stream's {index % FRAMES}"
            )
    return len(lines)


def flat(name: str, program: Program) -> None:
    """The least that a program takes stays the same through its longest life: a leak would raise it."""
    life = max(program.lives, key=len)
    # Not its start: what is allocated once is no leak.
    life = life[len(life) // 5 :]
    half = len(life) // 2
    if not half:
        raise SystemExit(f"the memory of the {name} was looked at {len(life)} times: choose more seconds")
    growth, most = min(life[half:]) - min(life[:half]), max(map(max, filter(None, program.lives)))
    print(
        f"{name}: {most:.0f} MB at most, looked at while it streamed; {growth:+.0f} MB from one half to the other of "
        f"its longest life ({len(life)} looks)"
    )
    if growth > MOST_GROWTH_MB:
        raise SystemExit(f"the memory of the {name} is not flat")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--pause", type=float, default=3)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.randrange(1 << 32)
    print(f"--seed {seed}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = Scene(folder, seed)
        try:
            undisturbed = scene.stream(VIDEO, "reference")
            if undisturbed.process.wait() != 0:
                raise SystemExit(undisturbed.log.read_text())
            reference = read(undisturbed.poses)
            video = repeated(folder, args.seconds)
            for number in range(1, args.clients + 1):
                scene.clients.append(scene.stream(video, f"client {number}"))
            go_on(scene.clients)
            felt = disturb(scene, args.seconds, args.pause)
            for client in scene.clients:
                client.send(signal.SIGINT)
            ended = {client: client.process.wait() for client in scene.clients}
        finally:
            scene.end()
        frames = sum(check(client, status, reference) for client, status in ended.items())
        for other in ("worker.log", "meeting.log"):
            text = (folder / other).read_text()
            if "ERROR" in text or "panicked" in text:
                raise SystemExit(f"{other}:\n{text[-3000:]}")
    for kind, seconds in felt.items():
        if seconds:
            kind = kind.replace("_", " ")
            print(
                f"{kind:>16}: {len(seconds):3} times; {GONE_ON} poses more after {statistics.median(seconds):.1f} s, "
                f"{max(seconds):.1f} s at most"
            )
    print(
        f"{frames} frames of {args.clients} clients, {sum(map(len, felt.values()))} faults: each frame has one pose, in order, "
        "and the right one"
    )
    for client in scene.clients:
        flat(client.name, client)
    flat("worker", scene.worker)


if __name__ == "__main__":
    sys.exit(main())
