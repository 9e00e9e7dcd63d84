"""The frame-stream wire format as the Python reference speaks it, and frames to send over it.

Text messages are control, binary messages are bytes of the frame that the last FRAME_META announced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

LABEL = "frame-stream"
CHUNK_BYTES = 65_536
KEEP_ALIVE = b"KEEP_ALIVE"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def emit(event: str, **fields) -> None:
    """Print one JSON line: how these programs tell a test what happens."""
    print(json.dumps({"event": event, **fields}), flush=True)


def synthetic_frame(seed: int, index: int, width: int, height: int, channels: int) -> np.ndarray:
    """A frame that only (seed, index, size) decide: a coarse pattern, so that JPEG has something to keep."""
    coarse_shape = (height // 8 + 1, width // 8 + 1, channels)
    coarse = np.random.default_rng([seed, index]).integers(0, 256, coarse_shape, dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


class Video:
    """Frames of a video file as BGR images."""

    def __init__(self, path: str, seek: bool) -> None:
        self._capture, self._seek = cv2.VideoCapture(path, cv2.CAP_FFMPEG), seek

    def read(self, index: int) -> np.ndarray:
        """The frame `index`, found by seeking; without seeking, the next one."""
        if self._seek:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        ok, image = self._capture.read()
        if not ok:
            raise ValueError(f"the video has no frame {index}")
        return image


def pixels_of(data: bytes, dtype: str, height: int, width: int, channels: int) -> np.ndarray:
    """The image that a received frame's bytes stand for: BGR or gray, shape (height, width, channels)."""
    if dtype == "jpeg":
        flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        if image is None:
            raise ValueError("not a JPEG")
        return image.reshape(image.shape[0], image.shape[1], channels)
    return np.frombuffer(data, np.dtype(dtype)).reshape(height, width, channels)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError("JPEG encoding failed")
    return data.tobytes()


def frame_messages(frame_id: int, image: np.ndarray, jpeg_quality: int | None) -> Iterator[str | bytes]:
    """FRAME_META, the chunks, FRAME_END."""
    height, width, channels = image.shape
    data = image.tobytes() if jpeg_quality is None else encode_jpeg(image, jpeg_quality)
    dtype = image.dtype.name if jpeg_quality is None else "jpeg"
    yield f"FRAME_META::{frame_id}:{height}:{width}:{channels}:{dtype}:{len(data)}"
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
    yield f"FRAME_END::{frame_id}"


@dataclass
class ReceivedFrame:
    frame_id: int
    height: int
    width: int
    channels: int
    dtype: str
    data: bytes


class FrameReader:
    """Puts frames together from FRAME_META, chunks and FRAME_END; further META fields are ignored."""

    def __init__(self) -> None:
        self._meta: tuple[int, int, int, int, str, int] | None = None
        self._buffer = bytearray()

    def meta(self, text: str) -> None:
        fields = text.removeprefix("FRAME_META::").split(":")
        frame_id, height, width, channels = (int(field) for field in fields[:4])
        self._meta = (frame_id, height, width, channels, fields[4], int(fields[5]))
        self._buffer = bytearray()

    def chunk(self, data: bytes) -> None:
        if self._meta is None:
            raise ValueError(f"{len(data)} bytes outside a frame")
        if len(data) > CHUNK_BYTES:
            raise ValueError(f"chunk of {len(data)} bytes")
        self._buffer += data

    def end(self, text: str) -> ReceivedFrame:
        if self._meta is None:
            raise ValueError(f"{text} without FRAME_META")
        (frame_id, height, width, channels, dtype, nbytes), self._meta = self._meta, None
        if int(text.removeprefix("FRAME_END::")) != frame_id:
            raise ValueError(f"{text} ends frame {frame_id}")
        if len(self._buffer) != nbytes:
            raise ValueError(f"frame {frame_id}: {len(self._buffer)} bytes, announced {nbytes}")
        return ReceivedFrame(frame_id, height, width, channels, dtype, bytes(self._buffer))
