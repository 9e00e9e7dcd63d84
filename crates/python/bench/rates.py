"""Measures the module beside the programs and beside sleap-nn, in alternating rounds.

    PYTHONPATH=target/python python crates/python/bench/rates.py target/release [EXPORT:VIDEO ...]

age         the age of poses with predict(), beside the client's: the test pattern of 640x480 as JPEG, 30 frames a second
raw         raw frames of 1920x1080: send() from an array, beside the client from an uncompressed file
aiortc      frames of 640x480 as JPEG: send() and its poses of a model that costs next to nothing, beside a client and a worker
            that are written in Python with aiortc and decode only
model       frames a second of a video with Model.predict() for each EXPORT, reading included, beside the session of ONNX Runtime
            alone, and beside sleap-nn's predictor where the variable SLEAP_NN names a Python that has it; also through
            OpenVINO where OPENVINO names the folder of such an ONNX Runtime
start       sleap-stream --version beside starting Python and importing the module
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import sleap_stream

ROOT = pathlib.Path(__file__).parents[3]
DEMO = ROOT / "examples" / "demo" / "model"
# A model that costs next to nothing.
TOY = ROOT / "crates" / "pose" / "tests" / "toys" / "gray"
ROUNDS = 3
BATCH = 4
# Frames in a call of Model.predict().
CALL = 16
ENVIRONMENT = {**os.environ, "SLEAP_STREAM_NO_CONFIG": "1", "SLEAP_WORKER_NO_CONFIG": "1"}


@contextlib.contextmanager
def worker(binaries, *args):
    """A worker in a process of its own; gives its link."""
    command = [binaries / "sleap-worker", "--listen", "127.0.0.1:0", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as process:
        try:
            yield "sleap://" + re.search(r"ws://(\S+)", process.stdout.readline()).group(1) + "/"
        finally:
            process.terminate()


def client(binaries, link, *args):
    """The summary of a run of the client."""
    command = [binaries / "sleap-stream", "--worker", link, "--json", *args]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
    return json.loads(lines.splitlines()[-1])


def pattern_frames(count=30):
    """Frames that compress about as the test pattern does."""
    random = np.random.default_rng(1)
    base = random.integers(0, 256, (30, 40, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    return [np.roll(base, shift * 4, axis=1).copy() for shift in range(count)]


def age(binaries):
    """p50 and p99 of both, milliseconds."""
    frames, rows = pattern_frames(), {"client": [], "predict": []}
    with worker(binaries, "--model", DEMO) as link:
        for _ in range(ROUNDS):
            summary = client(
                binaries, link, "--test-pattern", "640x480@30", "--jpeg-quality", "80", "--max-frames", "300"
            )
            rows["client"].append((summary["age_ms"]["p50"], summary["age_ms"]["p99"]))
            with sleap_stream.connect(link, jpeg_quality=80) as stream:
                due, ages, calls = time.monotonic(), [], []
                for at in range(300):
                    due += 1 / 30
                    time.sleep(max(0, due - time.monotonic()))
                    begun = time.perf_counter()
                    ages.append(stream.predict(frames[at % len(frames)]).age_ms)
                    calls.append((time.perf_counter() - begun) * 1e3)
            rows["predict"].append((np.percentile(ages, 50), np.percentile(ages, 99)))
            rows.setdefault("call of predict", []).append((np.percentile(calls, 50), np.percentile(calls, 99)))
    for name, values in rows.items():
        middle = [statistics.median(column) for column in zip(*values)]
        print(f"age of the pose, {name:<16} p50 {middle[0]:6.2f} ms   p99 {middle[1]:6.2f} ms")


def raw(binaries, count=300):
    """Frames a second of raw 1080p, from an uncompressed file and from an array."""
    frame = np.random.default_rng(2).integers(0, 256, (1080, 1920, 3), np.uint8)
    rates = {"client": [], "send": []}
    with tempfile.NamedTemporaryFile(suffix=".rgb") as file, worker(binaries, "--model", DEMO) as link:
        for _ in range(40):
            file.write(frame)
        file.flush()
        form = ["--format", "rawvideo", "--size", "1920x1080", "--pixel-format", "bgr24", file.name]
        for _ in range(ROUNDS):
            rates["client"].append(client(binaries, link, *form)["frames_per_second"])
            with sleap_stream.connect(link, policy="all") as stream:
                begun = time.monotonic()
                for _ in range(40):
                    ticket = stream.send(frame, copy=False)
                ticket.result()
                rates["send"].append(40 / (time.monotonic() - begun))
    for name, values in rates.items():
        print(f"raw 1080p, {name:<8} {statistics.median(values):7.1f} frames/s")


def peers():
    """What a lab would write by hand: the Python peers of the tests."""
    folder = ROOT / "tests/python"
    sys.path.insert(0, str(folder))
    return folder


def aiortc_rate(count):
    """Frames a second from a client to a worker in Python."""

    @contextlib.contextmanager
    def running(script, *args):
        command = [sys.executable, peers() / script, *args]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                yield lambda name: next(found for found in map(json.loads, process.stdout) if found["event"] == name)
            finally:
                process.terminate()

    form = ["--size", "640x480", "--jpeg-quality", "80", "--quiet", "--exit"]
    with running("reference_signaling.py") as room:
        url = room("ready")["url"]
        with running("reference_worker.py", "--signal", url, "--quiet") as at_worker:
            at_worker("ready")
            with running("reference_client.py", "--signal", url, "--frames", str(count), *form):
                complete = at_worker("complete")
    return complete["frames_received"] / complete["elapsed_seconds"]


def aiortc(binaries, count=600):
    """Frames a second of JPEG 640x480 that are made in Python, to a worker that decodes them."""
    peers()
    from wire import synthetic_frame

    rates = {"aiortc": [], "send": []}
    for _ in range(ROUNDS):
        rates["aiortc"].append(aiortc_rate(count // 3))
        with (
            worker(binaries, "--model", TOY) as link,
            sleap_stream.connect(link, policy="all", jpeg_quality=80) as stream,
        ):
            begun = time.monotonic()
            for at in range(count):
                ticket = stream.send(synthetic_frame(0, at, 640, 480, 3), copy=False)
            ticket.result()
            rates["send"].append(count / (time.monotonic() - begun))
    for name, values in rates.items():
        print(f"JPEG 640x480, {name:<7} {statistics.median(values):7.1f} frames/s")


def session_rate(model, shape, count):
    """The session of ONNX Runtime alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model / "model.onnx"), providers=["CPUExecutionProvider"])
    batch = np.zeros((BATCH, shape[2], *shape[:2]), np.uint8)
    begun = time.monotonic()
    for _ in range(0, count, BATCH):
        session.run(None, {"image": batch})
    return count / (time.monotonic() - begun)


def sleap_nn_rate(python, model, video, count):
    """sleap-nn's predictor on the same frames, which it reads itself."""
    script = ROOT / "tests/bench/sleap_nn_predict.py"
    command = [python, script, model, video, str(count), str(os.cpu_count())]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return result["frames"] / result["seconds"]


def module_rate(loaded, video, count):
    """Model.predict() on the frames of a video, some in each call."""
    import cv2

    def read():
        image = capture.read()[1]
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if loaded.input_shape[2] == 1 else image

    capture = cv2.VideoCapture(str(video))
    loaded.predict([read() for _ in range(CALL)])
    capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
    begun = time.monotonic()
    for _ in range(0, count, CALL):
        loaded.predict([read() for _ in range(CALL)])
    return count / (time.monotonic() - begun)


def model(export, count=96):
    """Frames a second of a model in this process."""
    folder, video = map(pathlib.Path, str(export).split(":"))
    if openvino := os.environ.get("OPENVINO"):
        os.environ["ORT_DYLIB_PATH"] = openvino
    models = {"Model.predict": sleap_stream.Model(folder, device="cpu", max_batch=BATCH)}
    if openvino:
        models["through OpenVINO"] = sleap_stream.Model(folder, device="openvino")
    loaded = models["Model.predict"]
    rates = {name: [] for name in (*models, "session alone", "sleap-nn")}
    for _ in range(ROUNDS):
        for name, one in models.items():
            rates[name].append(module_rate(one, video, count))
        with contextlib.suppress(ImportError):
            rates["session alone"].append(session_rate(folder, loaded.input_shape, count))
        if python := os.environ.get("SLEAP_NN"):
            rates["sleap-nn"].append(sleap_nn_rate(python, folder, video, count))
    for name, values in rates.items():
        if values:
            print(f"{loaded.kind}, {name:<17} {statistics.median(values):7.1f} frames/s")


def start(binaries):
    """Seconds of the programs, and of a script of Python in their place."""
    script = "import sleap_stream; print(sleap_stream.__version__)"
    commands = {
        "sleap-stream --version": [binaries / "sleap-stream", "--version"],
        "Python": [sys.executable, "-c", "pass"],
    }
    commands["Python, import"] = [sys.executable, "-c", script]
    for name, command in commands.items():
        times = []
        for _ in range(20):
            begun = time.monotonic()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.monotonic() - begun)
        print(f"start, {name:<24} {statistics.median(times) * 1e3:6.1f} ms")


def main():
    if len(sys.argv) < 2 or not shutil.which("sleap-stream", path=sys.argv[1]):
        sys.exit(__doc__)
    binaries = pathlib.Path(sys.argv[1])
    for part in (start, age, raw, aiortc):
        part(binaries)
    for export in sys.argv[2:] or [f"{DEMO}:{DEMO.parent / 'video.mp4'}"]:
        model(export)


if __name__ == "__main__":
    main()
