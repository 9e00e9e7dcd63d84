#!/usr/bin/env python3
"""A client that behaves as the Python reference does: it streams deterministic frames to the first worker.

Events: ready (channel open), let_in, refused (authentication), ack, sent (frame_id, shape, sha256 of the pixels that the worker must see,
payload_sha256 of the bytes on the wire), message (any other JSON of the worker), complete, closed.
It takes the first peer that the signaling server names and, like the reference, neither waits for
STREAM_ACK nor exits after STREAM_COMPLETE unless asked to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from challenge import CHALLENGE, FAILURE, SUCCESS, respond
from websockets.asyncio.client import connect
from wire import KEEP_ALIVE, LABEL, Video, emit, frame_messages, pixels_of, sha256, synthetic_frame

HIGH_WATER_BYTES = 4 * 1024 * 1024
LOW_WATER_BYTES = 1024 * 1024


class Client:
    def __init__(self, channel: RTCDataChannel, args: argparse.Namespace) -> None:
        self._channel, self._args = channel, args
        self._video = Video(args.video, args.seek) if args.video else None
        self._low = asyncio.Event()
        self.open, self.acked = asyncio.Event(), asyncio.Event()
        self.completed, self.closed = asyncio.Event(), asyncio.Event()
        self._let_in = asyncio.Event()
        channel.bufferedAmountLowThreshold = LOW_WATER_BYTES
        channel.on("open", self.open.set)
        channel.on("close", self._on_close)
        channel.on("message", self._on_message)
        channel.on("bufferedamountlow", self._low.set)

    def _on_close(self) -> None:
        emit("closed")
        self.closed.set()

    def on_streamed(self, streaming: asyncio.Task) -> None:
        """A stream that could not be sent ends the run; its error is told at the end."""
        if not streaming.cancelled() and streaming.exception():
            self.closed.set()

    def _on_message(self, text: str | bytes) -> None:
        if isinstance(text, bytes) or self._on_auth(text):
            return
        message = json.loads(text) if text.startswith("{") else {"text": text}
        kind = message.get("type")
        if kind == "STREAM_ACK":
            emit("ack", ack=message)
            self.acked.set()
        elif kind == "STREAM_COMPLETE":
            emit("complete", complete=message)
            self.completed.set()
        else:
            emit("message", message=message)

    def _on_auth(self, text: str) -> bool:
        """Answers a challenge and hears the verdict; whether that is what the message was."""
        if text.startswith(CHALLENGE):
            nonce = text.removeprefix(CHALLENGE)
            self._channel.send(respond(nonce, self._args.secret, self._args.key))
        elif text.startswith(SUCCESS):
            emit("let_in")
            self._let_in.set()
        elif text.startswith(FAILURE):
            emit("refused", reason=text.removeprefix(FAILURE + "::"))
        else:
            return False
        return True

    async def _send(self, message: str | bytes) -> None:
        while self._channel.bufferedAmount > HIGH_WATER_BYTES:
            self._low.clear()
            await self._low.wait()
        self._channel.send(message)

    def _stream_start(self) -> str:
        args = self._args
        start = {
            "type": "STREAM_START",
            "source_name": "synthetic",
            "is_webcam": False,
            "total_frames": args.frames,
            "frames_to_send": args.frames,
            "sample_rate": 1,
            "batch_size": args.batch,
            "fps": args.fps,
            "width": args.width,
            "height": args.height,
            "original_width": args.width,
            "original_height": args.height,
            "jpeg_quality": args.jpeg_quality,
        }
        if args.version:
            start["client_version"] = args.version
        return json.dumps(start)

    async def stream(self) -> None:
        if self._args.secret or self._args.key or self._args.wait_auth:
            await self._let_in.wait()
        started = time.monotonic()
        await self._send(self._stream_start())
        if self._args.wait_ack:
            await self.acked.wait()
        batch = self._args.batch
        for index in range(self._args.frames):
            in_batch = min(batch, self._args.frames - index + index % batch)
            if batch > 1 and index % batch == 0:
                await self._send(f"BATCH_START::{in_batch}")
            await self._send_frame(index)
            if batch > 1 and (index % batch == batch - 1 or index == self._args.frames - 1):
                await self._send(f"BATCH_END::{in_batch}")
            if self._args.fps:
                await asyncio.sleep(max(0.0, started + (index + 1) / self._args.fps - time.monotonic()))
            else:
                await asyncio.sleep(0)  # the transport runs in this loop too
        elapsed = time.monotonic() - started
        end = {"type": "STREAM_END", "total_sent": self._args.frames, "elapsed_seconds": elapsed}
        await self._send(json.dumps({**end, "average_fps": self._args.frames / elapsed}))

    async def _send_frame(self, index: int) -> None:
        args = self._args
        if self._video:
            image = self._video.read(index * args.step)
        else:
            image = synthetic_frame(args.seed, index, args.width, args.height, args.channels)
        messages = list(frame_messages(index, image, args.jpeg_quality))
        for message in messages:
            await self._send(message)
        if args.keep_alive:
            await self._send(KEEP_ALIVE)
        if args.quiet:
            return
        payload = b"".join(messages[1:-1])
        dtype = "uint8" if args.jpeg_quality is None else "jpeg"
        pixels = pixels_of(payload, dtype, *image.shape)
        emit(
            "sent",
            frame_id=index,
            shape=list(image.shape),
            sha256=sha256(pixels.tobytes()),
            payload_sha256=sha256(payload),
        )


async def call(socket, peer: RTCPeerConnection, own_id: str) -> None:
    """Register, ask who is there, offer to the first with every candidate gathered, take the answer."""
    await socket.send(json.dumps({"type": "register", "peer_id": own_id}))
    await socket.send(json.dumps({"type": "query"}))
    peers = json.loads(await socket.recv())["peers"]
    if not peers:
        sys.exit("no worker is registered")
    await peer.setLocalDescription(await peer.createOffer())
    offer = {"type": "offer", "target": peers[0], "sdp": peer.localDescription.sdp}
    await socket.send(json.dumps(offer))
    message = json.loads(await socket.recv())
    while message.get("type") != "answer":
        message = json.loads(await socket.recv())
    await peer.setRemoteDescription(RTCSessionDescription(sdp=message["sdp"], type="answer"))


async def first_of(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def run(args: argparse.Namespace) -> int:
    peer = RTCPeerConnection()
    client = Client(peer.createDataChannel(LABEL), args)
    extra = [peer.createDataChannel(f"extra-{index}") for index in range(args.extra_channels)]

    @peer.on("connectionstatechange")
    def on_state() -> None:
        if peer.connectionState in ("failed", "closed"):
            client.closed.set()

    try:
        async with connect(args.signal) as socket:
            await call(socket, peer, f"client-{uuid.uuid4().hex[:8]}")
            await first_of(client.open, client.closed)
            emit("ready", extra_channels=len(extra))
            streaming = asyncio.ensure_future(client.stream())
            streaming.add_done_callback(client.on_streamed)
            await first_of(client.completed, client.closed)
            if client.completed.is_set() and not args.exit:
                await client.closed.wait()
            if not streaming.cancel():
                streaming.result()
    finally:
        await peer.close()
    return 0 if client.completed.is_set() else 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", default="ws://localhost:8080", help="signaling server")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--size", default="320x240", metavar="WxH")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fps", type=float, help="pace; as fast as possible without")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--video", metavar="FILE", help="stream this (of size --size) instead of synthetic frames")
    parser.add_argument("--seek", action="store_true", help="seek before each read, as the Python reference does")
    parser.add_argument("--step", type=int, default=1, help="with --seek: every STEP-th frame of the video only")
    parser.add_argument("--quiet", action="store_true", help="no digests: what is measured is streaming alone")
    encoding = parser.add_mutually_exclusive_group()
    encoding.add_argument("--jpeg-quality", type=int)
    encoding.add_argument("--raw", action="store_true", help="uint8 pixels (the default)")
    parser.add_argument("--wait-ack", action="store_true", help="send no frame before STREAM_ACK")
    parser.add_argument("--keep-alive", action="store_true", help="send KEEP_ALIVE after every frame")
    parser.add_argument("--secret", help="answer the worker's challenge with this secret (base64)")
    parser.add_argument("--key", help="... with this Ed25519 private key (base64)")
    parser.add_argument("--wait-auth", action="store_true", help="... with nothing, and wait for the verdict")
    parser.add_argument("--extra-channels", type=int, default=0, metavar="N", help="open N more data channels")
    parser.add_argument("--version", metavar="X.Y.Z", help="say that the client has this version")
    parser.add_argument("--exit", action="store_true", help="exit after STREAM_COMPLETE")
    args = parser.parse_args()
    if args.step != 1 and not (args.video and args.seek):
        parser.error("--step needs --video and --seek")
    args.width, args.height = (int(side) for side in args.size.split("x"))
    return args


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(run(parse_args())))
    except KeyboardInterrupt:
        pass
