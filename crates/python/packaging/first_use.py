"""Uses an installed wheel as its first user does, with the demonstration's model and video: Python and the wheel are all it needs.

    bin/python first_use.py examples/demo [FOLDER]

Runs both programs of this Python's environment and its module. Leaves `poses.slp` and `poses.jsonl` in FOLDER (default: the
working folder). Ends with 1 at the first thing that is not as it should be.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import time
import urllib.request
import zlib

import numpy as np

BIN = pathlib.Path(sys.executable).parent
FRAMES = 240


def main():
    demo = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    versions()
    cameras()
    shipped = BIN.parent / "share/sleap-stream/demo"
    with Worker("--model", str(shipped / "model"), "--view", "127.0.0.1:0") as worker:
        stream(worker, shipped / "video.mp4", folder)
        live_view(worker)
        refused_address(worker)
    module(demo)


def check(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


def run(program, *arguments, code=0):
    """What a program prints, and what it says on standard error."""
    done = subprocess.run([str(BIN / program), *arguments], check=False, capture_output=True, text=True)
    check(done.returncode == code, f"{program} {arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr


def versions():
    for program in ("sleap-stream", "sleap-worker"):
        text, _ = run(program, "--version")
        print(text.strip())
        check("FFmpeg" in text and "OpenCV" in text, f"{program} --version names its libraries")


def cameras():
    text, words = run("sleap-stream", "cameras")
    print(f"cameras: {(text + words).strip()}")


class Worker:
    """A worker in a process, with what it prints once it is ready."""

    def __init__(self, *options):
        command = [str(BIN / "sleap-worker"), "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.links = {}
        while not {"ready", "view"} <= set(self.links):
            line = self.process.stdout.readline()
            check(line, f"the worker did not start: {self.process.stderr.read() if not line else ''}")
            name, _, link = line.strip().partition(": ")
            self.links[name] = link

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def stream(worker, video, folder):
    files = [folder / "poses.slp", folder / "poses.jsonl"]
    outputs = [word for file in files for word in ("--output", str(file))]
    options = ["--signal", worker.links["ready"], "--stream", str(video), "--overwrite", *outputs]
    started = time.monotonic()
    run("sleap-stream", *options)
    seconds = time.monotonic() - started
    lines = [json.loads(line) for line in files[1].read_text().splitlines()]
    found = sum(bool(line["instances"]) for line in lines)
    check(len(lines) == FRAMES and found == FRAMES, f"poses in {found} of {len(lines)} frames, not in {FRAMES}")
    check(files[0].read_bytes().startswith(b"\x89HDF\r\n"), f"{files[0]} is no HDF5 file")
    if "STARTED" in os.environ:
        print(f"from nothing to poses: {time.time() - float(os.environ['STARTED']):.1f} s")
    print(f"poses of {len(lines)} frames in {seconds:.1f} s; {files[0].name} has {files[0].stat().st_size} bytes")


def live_view(worker):
    with urllib.request.urlopen(worker.links["view"].split("#")[0]) as answer:
        page = answer.read()
        check(answer.status == 200 and b"<html" in page.lower(), "the live view gives no page")
    print(f"live view: a page of {len(page)} bytes")


def refused_address(worker):
    """SRT is in no wheel: an address of that kind is refused in words."""
    _, words = run("sleap-stream", "--signal", worker.links["ready"], "--stream", "srt://127.0.0.1:9", code=1)
    print(words.strip().splitlines()[-1])
    check("built without it" in words, f"srt:// is refused with other words: {words}")


def module(demo):
    import sleap_stream  # what came before does not need it

    truth = {
        frame["frame_idx"]: frame["instances"] for frame in json.loads((demo / "sleap_nn.json").read_text())["frames"]
    }
    files = sorted((demo / "frames").glob("*.png"))
    frames = [png(file) for file in files]
    expected = [
        np.array([point or (np.nan, np.nan) for point in truth[int(it.stem)][0]["points"]], float) for it in files
    ]
    model = sleap_stream.Model(demo / "model", device="cpu")
    with sleap_stream.Worker(demo / "model") as worker, sleap_stream.connect(worker.link) as stream:
        for way, predict in (("Model", model.predict), ("a stream", stream.predict)):
            poses = [predict(frame) for frame in frames]
            furthest = max(np.nanmax(np.abs(pose.points[0] - points)) for pose, points in zip(poses, expected))
            check(furthest < 1e-3, f"{way} in Python: a point is {furthest} pixels from sleap-nn's")
            print(f"sleap_stream {sleap_stream.__version__}, {way}: {len(poses)} poses, as sleap-nn's")


def png(path):
    """A PNG of 8 bits as NumPy's array: gray, or colours in OpenCV's order."""
    data, at, compressed = path.read_bytes(), 8, b""
    width, height, _, colours = struct.unpack(">IIBB", data[16:26])
    channels = {0: 1, 2: 3}[colours]
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            compressed += data[at + 8 : at + 8 + length]
        at += length + 12
    raw, step = zlib.decompress(compressed), width * channels
    rows, above = [], bytes(step)
    for y in range(height):
        begin = y * (step + 1)
        above = unfiltered(raw[begin], raw[begin + 1 : begin + 1 + step], above, channels)
        rows.append(above)
    image = np.frombuffer(b"".join(rows), np.uint8).reshape(height, width, channels)
    return np.ascontiguousarray(image[:, :, ::-1] if channels == 3 else image[:, :, 0])


def unfiltered(kind, row, above, channels):
    """The samples of a row, by the row above it."""
    row = bytearray(row)
    for at, value in enumerate(row):
        left = row[at - channels] if at >= channels else 0
        corner = above[at - channels] if at >= channels else 0
        guess = (0, left, above[at], (left + above[at]) // 2, paeth(left, above[at], corner))[kind]
        row[at] = (value + guess) & 0xFF
    return bytes(row)


def paeth(left, up, corner):
    """Which of the neighbours is nearest to the plane through all three."""
    distances = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
    return (left, up, corner)[distances.index(min(distances))]


if __name__ == "__main__":
    main()
