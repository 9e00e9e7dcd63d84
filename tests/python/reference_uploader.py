#!/usr/bin/env python3
"""A client that sends a file as SLEAP-RTC's own clients do.

`--upload` does what `upload_file` does (checksum, check, start, chunks of 64 KiB, end), `--package` what
`send_track_package` does (FILE_META, chunks of 32 KiB, END_OF_FILE); both then take a file of predictions
as those clients take it. With `--real` the package's own `upload_file` does the upload. Further options lie, or go
beyond the reference.

Events: ready (channel open), said (any text of the worker), saved (a file that came, with size and digest),
uploaded (the worker's path), refused (its reason), gone (this program leaves in the midst of it), absent (the package
sleap-rtc is not installed; it needs Python 3.11).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.util
import os
import sys
import uuid
from pathlib import Path

from aiortc import RTCDataChannel, RTCPeerConnection
from reference_client import call, first_of
from websockets.asyncio.client import connect
from wire import KEEP_ALIVE, LABEL, emit, sha256

HIGH_WATER_BYTES = 16 * 1024 * 1024
UPLOAD_CHUNK, PACKAGE_CHUNK = 64 * 1024, 32 * 1024
# Only bounds how long a worker that says nothing holds up the tests.
RESPONSE_TIMEOUT = 120.0
ANSWERS_OF_SERVICES = ("INFERENCE_JOBS_DONE", "JOB_", "FS_", "WORKER_PATH_")


class Refused(Exception):
    pass


class Uploader:
    def __init__(self, channel: RTCDataChannel, args: argparse.Namespace) -> None:
        self._channel, self._args = channel, args
        self.open, self.closed, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._responses: asyncio.Queue[str] = asyncio.Queue()
        self._progressed = asyncio.Event()
        self._file, self._name = bytearray(), ""
        channel.on("open", self.open.set)
        channel.on("close", self.closed.set)
        channel.on("message", self._on_message)

    def _on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            if message != KEEP_ALIVE:
                self._file.extend(message)
            return
        emit("said", text=message)
        if message.startswith("FILE_UPLOAD_PROGRESS::"):
            if int(message.split("::")[1]) > 0:
                self._progressed.set()
            if self._args.real:
                self._responses.put_nowait(message)
        elif message.startswith(("FILE_UPLOAD_", "ERROR::")):
            self._responses.put_nowait(message)
            if "ERROR" in message.split("::")[0]:
                self._progressed.set()
        elif message == "END_OF_FILE":
            emit("saved", name=self._name, bytes=len(self._file), sha256=sha256(bytes(self._file)))
            if self._args.output:
                Path(self._args.output).write_bytes(self._file)
        elif "FILE_META::" in message:
            # Exactly three fields, as the reference takes them apart.
            self._name, _size, _hint = message.split("FILE_META::", 1)[1].split(":")
            self._file = bytearray()
        elif message.startswith(ANSWERS_OF_SERVICES) and not message.startswith("INFERENCE_JOB_"):
            self.done.set()

    async def _response(self) -> str:
        response = await asyncio.wait_for(self._responses.get(), RESPONSE_TIMEOUT)
        if response.startswith(("FILE_UPLOAD_ERROR::", "ERROR::")):
            raise Refused(response.split("::", 1)[1])
        return response

    async def _chunks(self, path: Path, size: int, offset: int) -> None:
        sent = 0
        with path.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(size):
                while self._channel.bufferedAmount > HIGH_WATER_BYTES:
                    await asyncio.sleep(0.1)
                self._channel.send(chunk)
                sent += len(chunk)
                if self._args.vanish_after and sent >= self._args.vanish_after:
                    # The worker has some of it.
                    await self._progressed.wait()
                    emit("gone", sent=sent)
                    os._exit(7)
                await asyncio.sleep(0)  # the transport runs in this loop too

    async def upload(self, path: Path) -> str:
        args = self._args
        digest = args.lie_sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
        name, size = args.name or path.name, args.lie_bytes or path.stat().st_size
        more = f"::{size}::{args.resume}" if args.resume else ""
        self._channel.send(f"FILE_UPLOAD_CHECK::{digest}::{name}{more}")
        response = await self._response()
        if response.startswith("FILE_UPLOAD_CACHE_HIT::"):
            return response.split("::", 1)[1]
        self._ready(response)
        self._channel.send(f"FILE_UPLOAD_START::{name}::{size}::{args.dest}::0")
        offset = self._ready(await self._response())
        await self._chunks(path, UPLOAD_CHUNK, offset)
        self._channel.send("FILE_UPLOAD_END")
        response = await self._response()
        if not response.startswith("FILE_UPLOAD_COMPLETE::"):
            raise Refused(f"unexpected: {response}")
        return response.split("::", 1)[1]

    async def real_upload(self, path: Path) -> str:
        from sleap_rtc.client.file_transfer import upload_file

        def told(sent: int, total: int) -> None:
            emit("progress", bytes=sent, total=total)

        try:
            return await upload_file(self._channel, self._responses, str(path), self._args.dest, "0", told)
        except RuntimeError as error:
            raise Refused(str(error)) from error

    def _ready(self, response: str) -> int:
        """Exactly the word, as the reference wants it, unless this client said that it can resume."""
        if self._args.resume and response.startswith("FILE_UPLOAD_READY::"):
            return int(response.split("::")[1])
        if response != "FILE_UPLOAD_READY":
            raise Refused(f"unexpected: {response}")
        return 0

    async def package(self, path: Path) -> None:
        size = self._args.lie_bytes or path.stat().st_size
        self._channel.send("PACKAGE_TYPE::track")
        self._channel.send("OUTPUT_DIR::models")
        self._channel.send(f"FILE_META::{self._args.name or path.name}:{size}:false")
        await self._chunks(path, PACKAGE_CHUNK, 0)
        self._channel.send("END_OF_FILE")
        refused, done = asyncio.ensure_future(self._response()), asyncio.ensure_future(self.done.wait())
        await asyncio.wait([refused, done], return_when=asyncio.FIRST_COMPLETED)
        if refused.done():
            refused.result()
        refused.cancel()

    async def run(self) -> None:
        args = self._args
        try:
            if args.say:
                self._channel.send(args.say)
                await first_of(self.done, self.closed)
            if args.predict:
                self._channel.send("PACKAGE_TYPE::track")
            if args.upload:
                upload = self.real_upload if args.real else self.upload
                emit("uploaded", path=await upload(Path(args.upload)))
            if args.predict:
                await first_of(self.done, self.closed)
            if args.package:
                await self.package(Path(args.package))
        except Refused as reason:
            emit("refused", reason=str(reason))


async def run(args: argparse.Namespace) -> int:
    if args.real and importlib.util.find_spec("sleap_rtc") is None:
        emit("absent")
        return 0
    peer = RTCPeerConnection()
    uploader = Uploader(peer.createDataChannel(LABEL), args)
    try:
        async with connect(args.signal) as socket:
            await call(socket, peer, f"client-{uuid.uuid4().hex[:8]}")
            await first_of(uploader.open, uploader.closed)
            emit("ready")
            await uploader.run()
            return 1 if uploader.closed.is_set() else 0
    finally:
        await peer.close()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", default="ws://localhost:8080", help="signaling server")
    parser.add_argument("--upload", metavar="FILE", help="as upload_file does")
    parser.add_argument("--package", metavar="FILE", help="as send_track_package does")
    parser.add_argument("--real", action="store_true", help="with --upload: by the package's own function")
    parser.add_argument(
        "--predict", action="store_true", help="with --upload: wait for predictions (beyond the reference)"
    )
    parser.add_argument("--output", metavar="FILE", help="where a file that comes is saved")
    parser.add_argument("--dest", default="/mnt/data", help="directory on the worker")
    parser.add_argument("--name", help="say this name instead of the file's")
    parser.add_argument("--resume", metavar="ID", help="go on with the upload of this name (beyond the reference)")
    parser.add_argument("--say", metavar="TEXT", help="first say this, and wait for the answer of a job service")
    parser.add_argument("--lie-sha256", metavar="HEX")
    parser.add_argument("--lie-bytes", type=int)
    parser.add_argument("--vanish-after", type=int, metavar="BYTES", help="die in the midst of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(parse_args())))
