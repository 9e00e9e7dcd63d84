"""Stands in for the class `DLCLive` of DeepLabCut-live: the poses come from a worker.

from sleap_stream.dlclive import DLCLive, Processor

live = DLCLive("sleap://rig:8080/#SECRET", processor=MyProcessor())
live.init_inference(frame)
pose = live.get_pose(frame)        # float array of the shape (nodes, 3): x, y and score
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import SleapStreamError
from ._native import Pose
from ._stream import Stream, connect

if TYPE_CHECKING:
    from typing_extensions import Self


class DLCLiveError(SleapStreamError):
    """A call that DeepLabCut-live refuses, too."""


class Processor:
    """What acts on poses; own processors derive from it, or have the same methods."""

    def __init__(self, **kwargs: Any) -> None:
        pass

    def process(self, pose: np.ndarray, **kwargs: Any) -> np.ndarray:
        """Gets each pose, and what the call of `get_pose` had beside the frame; returns the pose to give."""
        return pose

    def save(self, file: Any = "") -> Any:
        """Saves what the processor has kept."""
        return 0


class DLCLive:
    """Gives the pose of each frame, as DeepLabCut-live's class of this name does.

    model_path: the worker's link or stored name, instead of an exported network.
    cropping: [x1, x2, y1, y2]: only this part of frames is sent.
    dynamic: (state, threshold, margin): only what is around the last pose is sent.
    resize: factor by which frames are made smaller before they are sent.
    processor: an object with `process(pose, **kwargs)`.
    single_animal: the instance with the best score, of the shape (nodes, 3); otherwise all, of the shape
        (instances, nodes, 3).
    options: those of `sleap_stream.connect`.

    What concerns DeepLabCut's own networks (model_type, precision, tf_config, device, convert2rgb, ...) is
    accepted and has no effect: the worker has the model.
    """

    def __init__(
        self,
        model_path: str | None = None,
        model_type: str = "base",
        precision: str = "FP32",
        tf_config: Any = None,
        single_animal: bool = True,
        device: str | None = None,
        top_down_config: dict | None = None,
        top_down_dynamic: dict | None = None,
        cropping: list[int] | None = None,
        dynamic: tuple[bool, float, float] = (False, 0.5, 10),
        resize: float | None = None,
        convert2rgb: bool = True,
        processor: Any | None = None,
        display: Any = False,
        pcutoff: float = 0.5,
        display_radius: int = 3,
        display_cmap: str = "bmy",
        **options: Any,
    ) -> None:
        if display:
            raise DLCLiveError("display=True: frames are shown by the worker, with sleap-worker --view or --display")
        self.path = model_path
        self.single_animal = single_animal
        self.cropping = cropping
        self.dynamic = dynamic
        self.dynamic_cropping: list[int] | None = None
        self.resize = resize
        self.processor = processor
        self.pose: np.ndarray | None = None
        self.is_initialized = False
        self._options = options
        self._stream: Stream | None = None

    @property
    def cfg(self) -> dict | None:
        """The names of the nodes, as DeepLabCut's configuration has them; None before `init_inference`."""
        if self._stream is None:
            return None
        return {"all_joints_names": list(self._stream.node_names)}

    def init_inference(self, frame: np.ndarray | None = None, **kwargs: Any) -> np.ndarray:
        """Connects to the worker, and gives the pose of the first frame."""
        if frame is None:
            raise DLCLiveError("No frame provided to initialize inference.")
        if self._stream is None:
            self._stream = connect(self.path, name="DLCLive", **self._options)
        pose = self._pose_of(frame, kwargs)
        self.is_initialized = True
        return pose

    def get_pose(self, frame: np.ndarray | None = None, **kwargs: Any) -> np.ndarray:
        """The pose of a frame. `kwargs`, such as `frame_time` and `record`, go to the processor."""
        if frame is None:
            raise DLCLiveError("No frame provided for live pose estimation")
        if self._stream is None:
            raise DLCLiveError("call init_inference with the first frame before get_pose")
        return self._pose_of(frame, kwargs)

    def close(self) -> None:
        """Ends the stream. Raises StreamError where anything was lost."""
        self.is_initialized = False
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def _pose_of(self, frame: np.ndarray, kwargs: dict[str, Any]) -> np.ndarray:
        part = self._part_of(np.asarray(frame))
        found = self._stream.predict(part)
        self.pose = self._in_frame(best(found) if self.single_animal else every(found))
        if self.processor:
            self.pose = self.processor.process(self.pose, **kwargs)
        return self.pose

    def _part_of(self, frame: np.ndarray) -> np.ndarray:
        """What is sent of a frame."""
        if self.cropping:
            x1, x2, y1, y2 = self.cropping
            frame = frame[y1:y2, x1:x2]
        self._follow(frame)
        if self.dynamic_cropping is not None:
            x1, x2, y1, y2 = self.dynamic_cropping
            frame = frame[y1:y2, x1:x2]
        if self.resize is not None and self.resize != 1:
            frame = smaller(frame, self.resize)
        return frame

    def _follow(self, frame: np.ndarray) -> None:
        """Moves the part that is sent to the last pose."""
        is_on, threshold, margin = self.dynamic
        if not is_on or self.pose is None:
            return
        pose = self.pose.reshape(-1, 3)
        if self.cropping:
            pose = pose - [self.cropping[0], self.cropping[2], 0]
        detected = pose[pose[:, 2] >= threshold]
        if len(detected) == 0:
            self.dynamic_cropping = None
            return
        height, width = frame.shape[:2]
        (x1, y1), (x2, y2) = detected[:, :2].min(axis=0), detected[:, :2].max(axis=0)
        x1, x2 = max(0, int(x1) - int(margin)), min(width, int(x2) + int(margin))
        y1, y2 = max(0, int(y1) - int(margin)), min(height, int(y2) + int(margin))
        # A processor may give poses outside of the frame.
        self.dynamic_cropping = [x1, x2, y1, y2] if x1 < x2 and y1 < y2 else None

    def _in_frame(self, pose: np.ndarray) -> np.ndarray:
        """A pose of what was sent, in pixels of the frame."""
        if self.resize is not None:
            pose[..., :2] *= 1 / self.resize
        for part in (self.cropping, self.dynamic_cropping):
            if part is not None:
                pose[..., 0] += part[0]
                pose[..., 1] += part[2]
        return pose


def every(found: Pose) -> np.ndarray:
    """All instances, of the shape (instances, nodes, 3). A node that was not found is at 0, 0 with a score of 0."""
    pose = np.concatenate([found.points, found.point_scores[..., None]], axis=-1).astype(np.float64)
    pose[np.isnan(pose[..., 0])] = 0
    return np.nan_to_num(pose, nan=0.0)


def best(found: Pose) -> np.ndarray:
    """The instance with the best score, of the shape (nodes, 3); zeros where there is none."""
    if len(found) == 0:
        return np.zeros((len(found.node_names), 3))
    return every(found)[int(np.nanargmax(np.nan_to_num(found.scores, nan=-np.inf)))]


def smaller(frame: np.ndarray, factor: float) -> np.ndarray:
    """The frame resized by this factor, with OpenCV as DeepLabCut-live does it."""
    import cv2

    height, width = frame.shape[:2]
    return cv2.resize(frame, (int(width * factor), int(height * factor)))
