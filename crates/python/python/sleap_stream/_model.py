"""Models inside of this process, without a worker."""

from __future__ import annotations

import importlib.util
import os
import threading
from typing import Any

from . import _log
from ._native import NativeModel, Pose, use_onnxruntime


def find_onnxruntime() -> None:
    """Loads the ONNX Runtime of the installed package `onnxruntime`, where there is one and no variable names another."""
    if os.environ.get("ORT_DYLIB_PATH"):
        use_onnxruntime(None)
        return
    spec = importlib.util.find_spec("onnxruntime")
    places = spec.submodule_search_locations if spec is not None else None
    folders = [os.path.join(place, "capi") for place in places or []]
    library = next((folder for folder in folders if os.path.isdir(folder)), None)
    use_onnxruntime(library)


class Model:
    """A model that `sleap-nn export` wrote, run in this process.

    path: the folder of the export.
    options: those of `sleap-worker` that concern the model, by their names: `device`, `threads`, `peak_threshold`,
        `max_instances`, `min_line_scores`, `min_instance_peaks`, `refine`, `max_batch`, `fp16`; `engine`, `engine_wait` and
        `engine_token_file` for an inference server in place of this process.

    On a CPU the frames of one call run beside each other, each on a share of the cores: on up to four copies of the model, which
    the first such call loads. `threads` keeps it to one copy with so many threads.

    ONNX Runtime is that of the installed package `onnxruntime`, `onnxruntime-openvino` or `onnxruntime-gpu`. Raises ModelError or OptionError.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:
        _log.forward()
        find_onnxruntime()
        self._native = NativeModel({"model": path, **options})
        self._next = 0
        self._lock = threading.Lock()

    def predict(self, frames: Any, *, rgb: bool = False, bits: int = 16) -> Pose | list[Pose]:
        """The poses of a frame, or of several frames in their order.

        frames: a frame as for `Stream.predict`, or several: a list, or an array with one dimension more.
        rgb: three channels are red, green, blue; otherwise blue, green, red.
        bits: bits of 16-bit samples that are used.
        """
        is_one = not isinstance(frames, (list, tuple)) and getattr(frames, "ndim", 4) < 4
        several = [frames] if is_one else list(frames)
        with self._lock:
            first = self._next
            self._next += len(several)
        poses = self._native.predict(several, rgb, bits, first)
        return poses[0] if is_one else poses

    @property
    def name(self) -> str:
        """The name of the trained model."""
        return self._native.name

    @property
    def kind(self) -> str:
        """Its kind, such as bottomup."""
        return self._native.kind

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._native.device

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels that frames are fitted to."""
        return self._native.input_shape

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return self._native.node_names

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs of nodes that are connected, by their indices."""
        return self._native.edges
