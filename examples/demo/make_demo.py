#!/usr/bin/env python3
"""Makes everything in this folder: the model, the video, its truth and its reference.

Needs `pip install 'sleap-nn[export]==0.3.5'`, ffmpeg with libx264, and cargo.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import sleap_io
import torch
from model import HEIGHT, WIDTH, export, train
from sleap_nn.data.resizing import apply_sizematcher
from sleap_nn.inference.predictor import Predictor

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RENDERER = "synthetic_animal"

# Sizes that frames have before they are matched to the model's, and how many of each:
# reduced frames are softer than those that are drawn at the model's size, and frames of
# another shape leave a black margin. Of each size there are some without an animal.
TRAINING = [
    ("512x384", 1400, 50),
    ("256x192", 450, 30),
    ("640x480", 450, 30),
    ("640x360", 500, 60),
    ("400x400", 200, 30),
]
VIDEO_SIZE = (512, 384)
VIDEO_FRAMES = 240
VIDEO_SEED = 4
VIDEO_START = 0
STILLS = 10


def render(renderer: Path, frames: int, size: str, *options: str) -> tuple[np.ndarray, dict]:
    """Frames (M, H, W) and the truth about them, from the client's own renderer."""
    with tempfile.TemporaryDirectory() as folder:
        raw, truth = Path(folder, "raw"), Path(folder, "truth.json")
        subprocess.run(
            [renderer, "--size", size, "--frames", str(frames), "--out", raw, "--truth", truth] + list(options),
            check=True,
        )
        info = json.loads(truth.read_text())
        pixels = np.fromfile(raw, np.uint8)
    return pixels.reshape(frames, info["height"], info["width"]), info


def build_renderer() -> Path:
    """Builds the example that draws the frames; returns its path."""
    command = ["cargo", "build", "--release", "-p", "sleap-stream-vision", "--example", RENDERER]
    report = subprocess.run(command + ["--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for line in report.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == RENDERER:
            return Path(message["executable"])
    raise RuntimeError(f"cargo did not say where it put {RENDERER}")


def matched(frame: np.ndarray) -> tuple[np.ndarray, float]:
    """A frame (H, W) in the model's size, and the scale, both from sleap-nn."""
    resized, scale = apply_sizematcher(torch.from_numpy(frame)[None], HEIGHT, WIDTH)
    return resized[0].numpy(), float(scale)


def training_data(renderer: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
    """Images in the model's size, the part (rows, columns) of each that is not margin, and
    points in the images' pixels, NaN where there is no animal."""
    images, inside, points = [], [], []
    jobs = [(size, count, "1") for size, count, _ in TRAINING]
    jobs += [(size, count, "0") for size, _, count in TRAINING]
    for seed, (size, count, animals) in enumerate(jobs):
        options = ("--random", "--seed", str(1000 + seed), "--animals", animals)
        frames, info = render(renderer, count, size, *options)
        for frame, truth in zip(frames, info["frames"]):
            image, scale = matched(frame)
            images.append(image)
            inside.append([round(side * scale) for side in frame.shape])
            missing = [[np.nan, np.nan]] * len(info["nodes"])
            animal = truth["animals"][0] if truth["animals"] else missing
            points.append(np.array(animal) * scale)
    return np.stack(images), np.array(inside), np.stack(points), info


def write_video(renderer: Path, out: Path) -> dict:
    """Encodes video.mp4; returns the truth about its frames."""
    width, height = VIDEO_SIZE
    options = ("--seed", str(VIDEO_SEED), "--start", str(VIDEO_START))
    frames, info = render(renderer, VIDEO_FRAMES, f"{width}x{height}@30", *options)
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pixel_format", "gray"]
    command += ["-video_size", f"{width}x{height}", "-framerate", "30", "-i", "-"]
    command += ["-c:v", "libx264", "-preset", "veryslow", "-crf", "20", "-bf", "0", "-g", "60"]
    command += ["-threads", "1", "-pix_fmt", "yuv420p", "-vf", "scale=out_range=tv"]
    command += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    command += ["-color_range", "tv", "-movflags", "+faststart", "-fflags", "+bitexact"]
    subprocess.run(command + [out / "video.mp4"], input=frames.tobytes(), check=True)
    info["frames"] = [frame["animals"] for frame in info["frames"]]
    return info


def reference(out: Path, info: dict) -> tuple[dict, list[np.ndarray]]:
    """sleap-nn's predictions for video.mp4, and the frames they were made from."""
    video = sleap_io.load_video(str(out / "video.mp4"))
    frames = [video[i] for i in range(len(video))]
    pairs = [matched(frame[..., 0]) for frame in frames]
    stack = np.stack([image for image, _ in pairs])[..., None]
    predictor = Predictor.from_export_dir(str(out / "model"), runtime="onnx", device="cpu", batch_size=4)
    labels = predictor.predict(stack)
    found = {labeled.frame_idx: labeled.instances for labeled in labels}
    rows = []
    for index, (_, scale) in enumerate(pairs):
        instances = [describe(instance, scale) for instance in found.get(index, [])]
        rows.append({"frame_idx": index, "instances": instances})
    packages = ["sleap-nn", "sleap-io", "onnxruntime", "torch", "torchvision"]
    packages += [name for name in ("opencv-python", "opencv-python-headless") if has(name)]
    return {
        "model_kind": "single_instance",
        "video": "video.mp4",
        "video_shape": [int(n) for n in video.shape],
        "video_backend": type(video.backend).__name__,
        "plugin": video.backend.plugin,
        "n_frames": len(rows),
        "versions": {name: version(name) for name in packages},
        "size_matching": "sleap_nn.data.resizing.apply_sizematcher, points divided by its scale",
        "skeleton": {"nodes": info["nodes"], "edges": info["edges"]},
        "frames": rows,
    }, frames


def has(package: str) -> bool:
    """Whether a package is installed."""
    try:
        return bool(version(package))
    except ModuleNotFoundError:
        return False


def describe(instance, scale: float) -> dict:
    """One instance, its points in the video's pixels; null where a point is missing."""
    points = instance.numpy() / scale
    return {
        "points": [None if np.isnan(p).any() else [round(float(v), 5) for v in p] for p in points],
        "point_scores": [round(float(score), 6) for score in instance.points["score"]],
        "score": round(float(instance.score), 6),
        "tracking_score": None,
        "track": None,
    }


def write_rows(path: Path, content: dict) -> None:
    """JSON with one frame on each line."""
    head = json.dumps({key: value for key, value in content.items() if key != "frames"}, indent=1)
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in content["frames"])
    path.write_text(head[:-2] + ',\n "frames": [\n' + rows + "\n]}\n")


def report(info: dict, predictions: dict) -> None:
    """Prints how far the predictions are from the truth."""
    complete, errors = 0, []
    for truth, row in zip(info["frames"], predictions["frames"]):
        points = row["instances"][0]["points"] if row["instances"] else [None]
        if None not in points:
            complete += 1
            errors.append(np.linalg.norm(np.array(points) - np.array(truth[0]), axis=-1))
    scale = min(WIDTH / info["width"], HEIGHT / info["height"])
    print(f"{complete} of {len(info['frames'])} frames have all points")
    for name, each in [("all", np.ravel(errors))] + list(zip(info["nodes"], np.transpose(errors))):
        median, high = np.median(each), np.percentile(each, 95)
        print(
            f"{name:10} median {median:.2f} px, 95% below {high:.2f} px"
            f" (at the model's size {median * scale:.2f} and {high * scale:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renderer", type=Path, help="a built synthetic_animal example")
    parser.add_argument("--steps", type=int, default=1000, help="training steps")
    parser.add_argument("--keep-model", action="store_true", help="do not train")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write")
    args = parser.parse_args()
    renderer = args.renderer or build_renderer()
    if not args.keep_model:
        images, inside, points, info = training_data(renderer)
        network = train(images, inside, points, args.steps)
        export(network, info["nodes"], info["edges"], args.out / "model")
    info = write_video(renderer, args.out)
    predictions, frames = reference(args.out, info)
    write_rows(args.out / "truth.json", info)
    write_rows(args.out / "sleap_nn.json", predictions)
    stills = args.out / "frames"
    stills.mkdir(exist_ok=True)
    for index in range(0, VIDEO_FRAMES, VIDEO_FRAMES // STILLS):
        path = str(stills / f"{index:04}.png")
        cv2.imwrite(path, frames[index][..., 0], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    report(info, predictions)


if __name__ == "__main__":
    main()
