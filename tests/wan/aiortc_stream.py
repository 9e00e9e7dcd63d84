#!/usr/bin/env python3
"""A live stream of JPEG frames between two programs with aiortc, over one reliable, ordered data channel.

    aiortc_stream.py worker                              on the far host
    aiortc_stream.py client SECONDS PICTURES IN_FLIGHT   on the near host

The offer goes to the client's standard output, the answer to its standard input; with the worker it is the other way
round, and it ends with its standard input. The client's last line is its figures. The worker answers each frame with
a small JSON at once: it neither decodes the picture nor runs a model.
"""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from aiortc import RTCPeerConnection, RTCSessionDescription
from pictures import FPS, read
from wire import LABEL, FrameReader, frame_messages

JPEG_QUALITY = 80
# A channel that is not open then counts as failed.
OPEN_SECONDS = 60
# Answers that come later than this after the last frame are not waited for.
DRAIN_SECONDS = 5


class Client:
    """The newest frame waits for its turn, and is sent once the way is free."""

    def __init__(self, channel, in_flight):
        self.channel, self.in_flight = channel, in_flight
        self.waiting = None
        self.captured = {}
        self.ages, self.sent, self.bytes = [], 0, 0
        self.open, self.drained = asyncio.Event(), asyncio.Event()
        channel.on("open", self.open.set)
        channel.on("message", self.on_answer)
        channel.on("bufferedamountlow", self.send)

    def on_answer(self, text):
        self.ages.append(1000 * (time.monotonic() - self.captured.pop(json.loads(text)["frame_id"])))
        if not self.captured:
            self.drained.set()
        self.send()

    def send(self):
        """Sends the frame that waits, if no bytes do and few enough frames are unanswered."""
        if not self.waiting or self.channel.bufferedAmount or len(self.captured) >= self.in_flight:
            return
        (index, captured, picture), self.waiting = self.waiting, None
        self.captured[index] = captured
        self.drained.clear()
        self.sent += 1
        for message in frame_messages(index, picture, JPEG_QUALITY):
            self.bytes += len(message)
            self.channel.send(message)

    async def stream(self, seconds, pictures):
        await asyncio.wait_for(self.open.wait(), OPEN_SECONDS)
        begun = time.monotonic()
        frames = round(seconds * FPS)
        for index in range(frames):
            await asyncio.sleep(begun + index / FPS - time.monotonic())
            self.waiting = (index, time.monotonic(), pictures[index % len(pictures)])
            self.send()
        self.waiting = None
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.drained.wait(), DRAIN_SECONDS)
        return {
            "ages": self.ages,
            "seconds": time.monotonic() - begun,
            "bytes": self.bytes,
            "dropped": frames - self.sent,
            "lost": len(self.captured),
        }


async def line():
    return await asyncio.to_thread(sys.stdin.readline)


async def run_client(seconds, pictures, in_flight):
    peer = RTCPeerConnection()
    client = Client(peer.createDataChannel(LABEL), in_flight)
    await peer.setLocalDescription(await peer.createOffer())
    print(json.dumps(peer.localDescription.sdp), flush=True)
    await peer.setRemoteDescription(RTCSessionDescription(json.loads(await line()), "answer"))
    print(json.dumps(await client.stream(seconds, read(pictures))), flush=True)
    await peer.close()


async def run_worker():
    peer = RTCPeerConnection()
    reader = FrameReader()

    @peer.on("datachannel")
    def on_channel(channel):
        @channel.on("message")
        def on_message(message):
            if isinstance(message, bytes):
                reader.chunk(message)
            elif message.startswith("FRAME_META::"):
                reader.meta(message)
            else:
                frame = reader.end(message)
                channel.send(json.dumps({"type": "PREDICTION", "frame_id": frame.frame_id, "instances": []}))

    await peer.setRemoteDescription(RTCSessionDescription(json.loads(await line()), "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    print(json.dumps(peer.localDescription.sdp), flush=True)
    await line()
    await peer.close()


def stream(pair, pictures, seconds, rtt):
    """The figures of such a stream between two hosts."""
    # As many frames as the source delivers in a round trip, and two that are on their way into and out of the link.
    in_flight = 2 + int(rtt / 1000 * FPS)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    program = [sys.executable, __file__]
    far = [*pair.on(pair.far), *program, "worker"]
    near = [*pair.on(pair.near), *program, "client", str(seconds), str(pictures), str(in_flight)]
    with subprocess.Popen(far, **pipes) as worker, subprocess.Popen(near, **pipes) as client:
        hand_over(client, worker)
        hand_over(worker, client)
        figures = client.stdout.readline()
        worker.stdin.close()
        client.stdin.close()
    if not figures:
        raise RuntimeError("the client with aiortc has ended without figures")
    return json.loads(figures)


def hand_over(source, target):
    """Passes a session description on."""
    target.stdin.write(source.stdout.readline())
    target.stdin.flush()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(run_worker())
    else:
        asyncio.run(run_client(float(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
