"""Frames a second of a model through Triton's own Python client.

rate.py HOST:PORT MODEL HEIGHT WIDTH REQUESTS SECONDS: sends black frames, REQUESTS of them at the same time; prints the rate.
"""

import queue
import sys
import time

import numpy as np
from tritonclient import grpc


def main() -> None:
    server, model = sys.argv[1:3]
    height, width, requests = (int(word) for word in sys.argv[3:6])
    seconds = float(sys.argv[6])
    client = grpc.InferenceServerClient(server)
    frame = np.zeros((1, 1, height, width), np.uint8)
    outputs = [grpc.InferRequestedOutput(name) for name in ("peaks", "peak_vals")]
    done = queue.Queue()

    def send() -> None:
        image = grpc.InferInput("image", frame.shape, "UINT8")
        image.set_data_from_numpy(frame)
        client.async_infer(model, [image], lambda result, error: done.put((result, error)), outputs=outputs)

    def receive() -> None:
        result, error = done.get()
        if error is not None:
            raise error
        assert result.as_numpy("peaks").shape == (1, 5, 2)

    def run(until: float) -> int:
        frames = 0
        for _ in range(requests):
            send()
        while time.monotonic() < until:
            receive()
            frames += 1
            send()
        for _ in range(requests):
            receive()
        return frames + requests

    run(time.monotonic() + 0.3)
    start = time.monotonic()
    frames = run(start + seconds)
    print(f"{frames / (time.monotonic() - start):.1f}")


main()
