"""Streams camera frames to a SLEAP model on another machine, and returns poses.

    import sleap_stream

    with sleap_stream.connect("sleap://rig:8080/#SECRET", jpeg_quality=80) as stream:
        for frame in camera:
            pose = stream.predict(frame)
            print(pose.points[:, 0], pose.age_ms)

`connect` streams frames that this program has, `Worker` is a worker inside of this process, `Model` a model
without a worker, and `sleap_stream.dlclive.DLCLive` stands in for DeepLabCut-live's class.
"""

from ._errors import (
    ConnectError,
    ForkError,
    FrameError,
    FrameFormatError,
    FrameLostError,
    FrameReplacedError,
    ModelError,
    OptionError,
    SleapStreamError,
    StreamClosedError,
    StreamError,
    StreamTimeoutError,
    WorkerError,
)
from ._model import Model
from ._native import Pose, __version__
from ._stream import ModelInfo, Poses, Stream, Ticket, connect
from ._worker import Worker

__all__ = [
    "ConnectError",
    "ForkError",
    "FrameError",
    "FrameFormatError",
    "FrameLostError",
    "FrameReplacedError",
    "Model",
    "ModelError",
    "ModelInfo",
    "OptionError",
    "Pose",
    "Poses",
    "SleapStreamError",
    "Stream",
    "StreamClosedError",
    "StreamError",
    "StreamTimeoutError",
    "Ticket",
    "Worker",
    "WorkerError",
    "__version__",
    "connect",
]
