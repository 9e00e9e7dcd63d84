"""Times sleap-nn's own prediction with an exported model: one JSON line.

    python sleap_nn_predict.py MODEL_DIR VIDEO FRAMES THREADS

It reads the video itself, as `sleap-nn predict` does. Loading and a first batch do not count.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import torch
from sleap_nn.inference.predictor import Predictor

BATCH = 4


def main() -> None:
    model, video, frames, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    predictor = Predictor.from_export_dir(model, runtime="onnx", device="cpu", batch_size=BATCH)
    predictor.predict(video, frames=range(BATCH))
    started = time.perf_counter()
    labels = predictor.predict(video, frames=range(frames))
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "frames": frames,
                "seconds": seconds,
                "with_instances": len(labels),
                "sleap_nn": version("sleap-nn"),
                "onnxruntime": version("onnxruntime"),
            }
        )
    )


if __name__ == "__main__":
    main()
