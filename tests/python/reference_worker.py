#!/usr/bin/env python3
"""A worker that behaves as the Python reference does, printing what it receives as JSON lines.

Events: ready, ignored (before authentication), stream_start, batch, frame (frame_id, shape, dtype, nbytes, sha256 of the pixel bytes,
payload_sha256 of the bytes on the wire), bad_frame, complete, closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

import cv2
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from challenge import CHALLENGE, FAILURE, RESPONSE, SUCCESS, accepts, new_nonce
from websockets.asyncio.client import ClientConnection, connect
from wire import KEEP_ALIVE, LABEL, FrameReader, ReceivedFrame, emit, pixels_of, sha256


def prediction_for(frame: ReceivedFrame) -> dict:
    """Two made-up instances of three points that the frame's number and size decide; one point is missing."""
    corner = [frame.frame_id % frame.width, frame.frame_id % frame.height]
    middle = [frame.width / 2, frame.height / 2]
    return {
        "type": "PREDICTION",
        "frame_id": frame.frame_id,
        "instances": [[corner, middle, None], [middle, corner, [0, 0.5]]],
        "confidence": [[0.9, 0.5, None], [1, 0, 0.25]],
    }


class Stream:
    """One client's data channel."""

    def __init__(self, channel: RTCDataChannel, args: argparse.Namespace, finished: asyncio.Event) -> None:
        self._channel, self._args, self._finished = channel, args, finished
        self._reader = FrameReader()
        self._started = time.monotonic()
        self._received = self._saved = self._in_batch = self._bytes = 0
        channel.on("message", self._on_message)
        channel.on("close", self._on_close)
        asks = args.secret or args.authorized_key or args.without_secret
        self._nonce = new_nonce() if asks else None
        if self._nonce:
            channel.send(CHALLENGE + self._nonce)

    def _on_close(self) -> None:
        emit("closed", frames_received=self._received)
        self._finished.set()

    def _is_let_in(self, message: str | bytes) -> bool:
        """Whether the client may be heard; takes its answer to the challenge."""
        if self._nonce is None:
            return True
        if isinstance(message, str) and message.startswith(RESPONSE):
            args = self._args
            if args.without_secret:
                # As the Python worker does: it says so, and goes on serving.
                self._channel.send(f"{FAILURE}::missing")
                self._nonce = None
            elif accepts(message, self._nonce, args.secret, args.authorized_key):
                self._channel.send(SUCCESS)
                self._nonce = None
            else:
                self._channel.send(f"{FAILURE}::invalid")
        else:
            emit("ignored", message=str(message)[:80])
        return False

    def _on_message(self, message: str | bytes) -> None:
        if not self._is_let_in(message):
            return
        try:
            if isinstance(message, bytes):
                if message != KEEP_ALIVE:
                    self._reader.chunk(message)
            else:
                self._on_text(message)
        except (ValueError, IndexError) as error:
            emit("bad_frame", message=str(error))

    def _on_text(self, text: str) -> None:
        if text.startswith("FRAME_META::"):
            self._reader.meta(text)
        elif text.startswith("FRAME_END::"):
            self._on_frame(self._reader.end(text))
        elif text.startswith("BATCH_START::"):
            self._in_batch = 0
        elif text.startswith("BATCH_END::"):
            emit("batch", declared=int(text.removeprefix("BATCH_END::")), received=self._in_batch)
        elif text.startswith("{"):
            self._on_json(json.loads(text))

    def _on_json(self, message: dict) -> None:
        if message.get("type") == "STREAM_START":
            emit("stream_start", start=message)
            self._started = time.monotonic()
            self._received = self._saved = self._bytes = 0
            if not self._args.ignore_start:
                self._acknowledge()
        elif message.get("type") == "STREAM_END":
            self._complete(message)

    def _acknowledge(self) -> None:
        ack = {"type": "STREAM_ACK", "status": "ready", "verification_mode": self._mode()}
        if self._args.answers:
            ack["answers"] = True
        if self._args.heartbeat:
            ack["heartbeat"] = True
        if self._args.version:
            ack["worker_version"] = self._args.version
        if self._args.heartbeat:
            self._beating = asyncio.ensure_future(self._beat())
        self._send(ack)

    async def _beat(self) -> None:
        while self._channel.readyState == "open":
            self._channel.send(KEEP_ALIVE)
            await asyncio.sleep(1)

    def _mode(self) -> str:
        return f"save_every_{self._args.save_every}" if self._args.save_every else "stats_only"

    def _on_frame(self, frame: ReceivedFrame) -> None:
        if frame.frame_id in self._args.lose_frame:
            return
        pixels = pixels_of(frame.data, frame.dtype, frame.height, frame.width, frame.channels)
        if not self._args.quiet:
            emit(
                "frame",
                frame_id=frame.frame_id,
                shape=list(pixels.shape),
                dtype=frame.dtype,
                nbytes=len(frame.data),
                sha256=sha256(pixels.tobytes()),
                payload_sha256=sha256(frame.data),
            )
        self._bytes += len(frame.data)
        if self._args.save_every and self._received % self._args.save_every == 0:
            cv2.imwrite(str(self._args.output / f"frame_{frame.frame_id:06d}.png"), pixels)
            self._saved += 1
        self._received += 1
        self._in_batch += 1
        self._answer(frame)

    def _answer(self, frame: ReceivedFrame) -> None:
        args, frame_id = self._args, frame.frame_id
        if args.complain:
            self._send({"type": "ERROR", "message": "the disk is full"})
        if frame_id in args.skip_frame or (self._received > args.mute[0] and frame_id < args.mute[1]):
            return
        if args.garble:
            self._send({"type": "PREDICTION", "frame_id": frame_id, "instances": "none that could be read"})
        elif frame_id in args.fail_frame:
            self._send({"type": "ERROR", "frame_id": frame_id, "message": "asked to fail"})
        elif args.predict:
            self._send(prediction_for(frame))

    def _complete(self, stream_end: dict) -> None:
        elapsed = time.monotonic() - self._started
        emit(
            "complete",
            frames_received=self._received,
            frames_saved=self._saved,
            bytes_received=self._bytes,
            elapsed_seconds=elapsed,
            stream_end=stream_end,
        )
        self._send(
            {
                "type": "STREAM_COMPLETE",
                "frames_received": self._received,
                "frames_saved": self._saved,
                "elapsed_seconds": elapsed,
                "average_fps": self._received / elapsed if elapsed > 0 else 0,
            }
        )

    def _send(self, message: dict) -> None:
        self._channel.send(json.dumps(message))


async def answer(socket: ClientConnection, offer: dict, args: argparse.Namespace, finished: asyncio.Event):
    """Answer one offer with every candidate gathered; trickled candidates are not taken."""
    peer = RTCPeerConnection()

    @peer.on("datachannel")
    def on_datachannel(channel: RTCDataChannel) -> None:
        if channel.label == LABEL:
            Stream(channel, args, finished)

    await peer.setRemoteDescription(RTCSessionDescription(sdp=offer["sdp"], type="offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    reply = {"type": "answer", "target": offer["sender"], "sdp": peer.localDescription.sdp}
    await socket.send(json.dumps(reply))
    return peer


async def serve(args: argparse.Namespace) -> None:
    peers: list[RTCPeerConnection] = []
    finished = asyncio.Event()
    async with connect(args.signal) as socket:
        await socket.send(json.dumps({"type": "register", "peer_id": args.peer_id}))
        emit("ready", peer_id=args.peer_id)

        async def take_offers() -> None:
            async for text in socket:
                message = json.loads(text)
                if message.get("type") == "offer":
                    peers.append(await answer(socket, message, args, finished))

        offers = asyncio.ensure_future(take_offers())
        waits = {offers, asyncio.ensure_future(finished.wait())} if args.once else {offers}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()
    await asyncio.gather(*(peer.close() for peer in peers))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", default="ws://localhost:8080", help="signaling server")
    parser.add_argument("--peer-id", default="reference-worker")
    parser.add_argument("--predict", action="store_true", help="answer every frame with a PREDICTION")
    parser.add_argument("--fail-frame", type=int, action="append", default=[], metavar="ID", help="answer ERROR")
    parser.add_argument("--answers", action="store_true", help="promise an answer to every frame")
    parser.add_argument("--version", metavar="X.Y.Z", help="say that the worker has this version")
    parser.add_argument("--heartbeat", action="store_true", help="send KEEP_ALIVE every second")
    parser.add_argument("--skip-frame", type=int, action="append", default=[], metavar="ID", help="answer nothing")
    parser.add_argument(
        "--mute", type=int, nargs=2, default=(0, 0), metavar=("COUNT", "ID"), help="... after COUNT frames, until ID"
    )
    parser.add_argument("--complain", action="store_true", help="send an ERROR about no frame with every frame")
    parser.add_argument("--garble", action="store_true", help="answer what cannot be read")
    parser.add_argument("--lose-frame", type=int, action="append", default=[], metavar="ID", help="as if it never came")
    parser.add_argument("--save-every", type=int, metavar="N")
    parser.add_argument("--output", type=Path, default=Path("."))
    parser.add_argument("--ignore-start", action="store_true", help="send no STREAM_ACK, as a file-transfer worker")
    parser.add_argument("--secret", help="ask clients for this secret (base64)")
    parser.add_argument("--authorized-key", help="... for a signature with this key (Ed25519, base64)")
    parser.add_argument("--without-secret", action="store_true", help="... and say that there is none to check with")
    parser.add_argument("--quiet", action="store_true", help="decode and count frames, but tell nothing of them")
    parser.add_argument("--once", action="store_true", help="exit when the first channel has closed")
    args = parser.parse_args()
    if args.save_every:
        args.output.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    try:
        asyncio.run(serve(parse_args()))
    except KeyboardInterrupt:
        pass
