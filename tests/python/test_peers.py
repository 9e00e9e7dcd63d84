"""The reference peers against each other: what one says it sent is what the other says it received."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from wire import CHUNK_BYTES, FrameReader, frame_messages, sha256, synthetic_frame

HERE = Path(__file__).resolve().parent


class Program:
    """One of the reference programs; its standard output is a sequence of JSON events."""

    def __init__(self, name: str, *args: str) -> None:
        command = [sys.executable, str(HERE / name), *args]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_for(self, event: str) -> dict:
        return next(line for line in self.events() if line["event"] == event)

    def events(self) -> Iterator[dict]:
        for line in self._process.stdout:
            yield json.loads(line)

    def exit_code(self) -> int:
        return self._process.wait()

    def __enter__(self) -> Program:  # noqa: PYI034  Self is of Python 3.11, tests run with 3.10, too
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def signal_url() -> Iterator[str]:
    with Program("reference_signaling.py") as server:
        yield server.wait_for("ready")["url"]


def stream(signal_url: str, worker_args: list[str], client_args: list[str]) -> tuple[list[dict], list[dict]]:
    """Run a worker and a client to their ends; the events of each."""
    with Program("reference_worker.py", "--signal", signal_url, "--once", *worker_args) as worker:
        worker.wait_for("ready")
        with Program("reference_client.py", "--signal", signal_url, "--exit", *client_args) as client:
            sent = list(client.events())
            assert client.exit_code() == 0
        received = list(worker.events())
        assert worker.exit_code() == 0
    return sent, received


def only(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event["event"] == name]


def identity(frame: dict) -> tuple:
    return frame["frame_id"], frame["shape"], frame["sha256"], frame["payload_sha256"]


@pytest.mark.parametrize(
    "client_args",
    [
        ["--raw", "--size", "320x240"],
        ["--raw", "--size", "31x17", "--channels", "1"],
        ["--jpeg-quality", "80", "--size", "640x480", "--wait-ack"],
        ["--raw", "--batch", "4", "--keep-alive"],
    ],
    ids=["raw", "gray", "jpeg", "batches"],
)
def test_what_is_sent_arrives(signal_url: str, client_args: list[str]) -> None:
    sent, received = stream(signal_url, [], ["--frames", "10", *client_args])
    assert len(only(sent, "sent")) == 10
    assert list(map(identity, only(received, "frame"))) == list(map(identity, only(sent, "sent")))
    assert only(received, "bad_frame") == []
    assert only(sent, "complete")[0]["complete"]["frames_received"] == 10
    batches = [(batch["declared"], batch["received"]) for batch in only(received, "batch")]
    assert batches == ([(4, 4), (4, 4), (2, 2)] if "--batch" in client_args else [])


def test_answers_come_back(signal_url: str) -> None:
    sent, _ = stream(signal_url, ["--predict", "--fail-frame", "1"], ["--frames", "3"])
    messages = [event["message"] for event in only(sent, "message")]
    assert [(message["type"], message["frame_id"]) for message in messages] == [
        ("PREDICTION", 0),
        ("ERROR", 1),
        ("PREDICTION", 2),
    ]
    assert messages[2]["instances"][0][0] == [2, 2]


def test_a_worker_that_ignores_the_start_acknowledges_nothing(signal_url: str) -> None:
    sent, received = stream(signal_url, ["--ignore-start"], ["--frames", "2"])
    assert only(sent, "ack") == []
    assert len(only(received, "frame")) == 2


SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
# 32 bytes of "k", and the public key to it.
KEY, PUBLIC_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s", "gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo"


@pytest.mark.parametrize(
    ("worker_args", "client_args"),
    [(["--secret", SECRET], ["--secret", SECRET]), (["--authorized-key", PUBLIC_KEY], ["--key", KEY])],
    ids=["secret", "key"],
)
def test_a_client_that_answers_the_challenge_is_served(
    signal_url: str, worker_args: list[str], client_args: list[str]
) -> None:
    sent, received = stream(signal_url, worker_args, ["--frames", "3", *client_args])
    assert len(only(sent, "let_in")) == 1
    assert len(only(received, "frame")) == 3


def test_a_client_with_another_secret_is_not_heard(signal_url: str) -> None:
    with Program("reference_worker.py", "--signal", signal_url, "--secret", SECRET) as worker:
        worker.wait_for("ready")
        with Program("reference_client.py", "--signal", signal_url, "--secret", "B" + SECRET[1:]) as client:
            assert client.wait_for("refused")["reason"] == "invalid"


def test_saved_frames_are_the_received_ones(signal_url: str, tmp_path: Path) -> None:
    worker_args = ["--save-every", "2", "--output", str(tmp_path)]
    sent, _ = stream(signal_url, worker_args, ["--frames", "5"])
    assert only(sent, "ack")[0]["ack"]["verification_mode"] == "save_every_2"
    saved = {path.name: sha256(cv2.imread(str(path)).tobytes()) for path in tmp_path.iterdir()}
    expected = {f"frame_{frame['frame_id']:06d}.png": frame["sha256"] for frame in only(sent, "sent")[::2]}
    assert saved == expected


def test_frames_depend_on_seed_and_index_alone() -> None:
    frame = synthetic_frame(1, 2, 40, 30, 3)
    assert frame.tobytes() == synthetic_frame(1, 2, 40, 30, 3).tobytes()
    assert frame.tobytes() != synthetic_frame(1, 3, 40, 30, 3).tobytes()
    assert frame.tobytes() != synthetic_frame(2, 2, 40, 30, 3).tobytes()


def test_a_frame_that_lacks_a_chunk_is_refused() -> None:
    meta, first, *_, end = frame_messages(7, synthetic_frame(0, 7, 320, 240, 3), None)
    assert len(first) == CHUNK_BYTES
    reader = FrameReader()
    reader.meta(meta + ":1700000000000000")
    reader.chunk(first)
    with pytest.raises(ValueError, match="65536 bytes, announced 230400"):
        reader.end(end)
