"""The videos that are streamed: made once, kept in the cache."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SIZES = {"1080p": (1920, 1080), "480p": (640, 480)}
H264_FRAMES = 300
# Uncompressed 1080p is 6.2 MB a frame; this many stay in the page cache.
PLAIN_FRAMES = {"1080p": 150, "480p": 600}


@dataclass(frozen=True)
class Video:
    path: Path
    width: int
    height: int
    frames: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


def h264(cache: Path, name: str) -> Video:
    """A video as cameras' software writes it: reading it costs a decoder's work."""
    options = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    return _make(cache, name, "h264.mp4", H264_FRAMES, options)


def plain(cache: Path, name: str) -> Video:
    """Uncompressed BGR pixels: reading them costs a copy."""
    return _make(cache, name, "plain.avi", PLAIN_FRAMES[name], ["-c:v", "rawvideo", "-pix_fmt", "bgr24"])


def _make(cache: Path, name: str, suffix: str, frames: int, options: list[str]) -> Video:
    width, height = SIZES[name]
    path = cache / f"{name}-{frames}-{suffix}"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished-" + path.name)
        source = f"testsrc2=size={width}x{height}:rate=30"
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", str(frames)]
        subprocess.run([*command, *options, str(unfinished)], check=True)
        unfinished.rename(path)
    return Video(path, width, height, frames)
