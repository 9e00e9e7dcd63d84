"""Serves an export by Triton, over KServe's v2 protocol, until it is terminated.

serve.py MODEL_DIR NAME GRPC_PORT READY: writes `serving NAME at PORT` into the file READY once the model can be asked. Port 0 is
a free one.
"""

import pathlib
import signal
import socket
import sys

import numpy as np
import onnxruntime
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(bool)": np.bool_}

MAX_BATCH = 8


def tensor(value) -> Tensor:
    """A tensor of the graph, without the dimension of the batch; -1 where a length is not fixed."""
    lengths = [n if isinstance(n, int) else -1 for n in value.shape[1:]]
    return Tensor(name=value.name, dtype=TYPES[value.type], shape=tuple(lengths))


def free_ports(count: int) -> list[int]:
    """Ports that are free now. Triton cannot choose one itself."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def main() -> None:
    directory, name, port = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    ready = pathlib.Path(sys.argv[4])
    http, own = free_ports(2)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options, providers)
    names = [output.name for output in session.get_outputs()]

    def infer(requests):
        answers = []
        for request in requests:
            outputs = session.run(None, dict(request.items()))
            answers.append(dict(zip(names, outputs, strict=True)))
        return answers

    config = TritonConfig(
        grpc_address="127.0.0.1",
        grpc_port=port or own,
        http_address="127.0.0.1",
        http_port=http,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name=name,
            infer_func=infer,
            inputs=[tensor(value) for value in session.get_inputs()],
            outputs=[tensor(value) for value in session.get_outputs()],
            config=ModelConfig(max_batch_size=MAX_BATCH, batcher=DynamicBatcher()),
        )
        triton.run()
        # Not to standard output, into whose lines Triton's own log may fall.
        ready.write_text(f"serving {name} at {port or own}\n")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


main()
