"""The native part of `sleap_stream`, which its other modules use."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

def forward_logs(verbose: int) -> bool: ...
def use_onnxruntime(path: str | None) -> str: ...

class Pose:
    """The poses of one frame. Arrays have a row for each instance; what is missing is NaN."""

    @property
    def frame_id(self) -> int:
        """Counts the frames of the stream, from 0."""
    @property
    def points(self) -> NDArray[np.float32]:
        """x and y in pixels of the frame, of the shape (instances, nodes, 2)."""
    @property
    def point_scores(self) -> NDArray[np.float32]:
        """The score of each point, of the shape (instances, nodes)."""
    @property
    def scores(self) -> NDArray[np.float32]:
        """The score of each instance."""
    @property
    def tracks(self) -> list[str | None]:
        """The track of each instance, or None."""
    @property
    def track_names(self) -> list[str | None]:
        """The name that people gave the track of each instance, or None."""
    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of the nodes."""
    @property
    def age_ms(self) -> float | None:
        """From the capture of the frame until its poses were here, milliseconds; None of a `Model`."""
    @property
    def captured_at(self) -> float | None:
        """When the frame was captured, seconds since 1970; None of a `Model`."""
    @property
    def parts_ms(self) -> dict[str, float]:
        """The parts of the age, milliseconds, by their names; of a `Model` its steps."""
    @property
    def ahead(self) -> NDArray[np.float32] | None:
        """With predict_ahead: the points at the moment of their use, like `points`."""
    @property
    def smooth(self) -> NDArray[np.float32] | None:
        """With smooth: the smoothed points, like `points`."""
    def __len__(self) -> int:
        """How many instances there are."""

class NativeTicket:
    @property
    def frame_id(self) -> int: ...
    def done(self) -> bool: ...
    def result(self, timeout: float | None = None) -> Pose: ...

class NativeStream:
    def __init__(
        self,
        options: dict[str, Any],
        every_frame: bool,
        name: str,
        rgb: bool,
        bits: int,
        timeout: float | None,
    ) -> None: ...
    def predict(self, frame: Any, captured_at: float | None, timeout: float | None) -> Pose: ...
    def send(self, frame: Any, captured_at: float | None, copy: bool, timeout: float | None) -> NativeTicket: ...
    def next_pose(self, timeout: float | None) -> tuple[bool, Pose | None]: ...
    def missed_poses(self) -> int: ...
    def wait_for_change(self, seen: int, timeout: float | None) -> int: ...
    def summary(self) -> str | None: ...
    def end(self) -> None: ...
    def interrupt(self) -> None: ...
    def is_over(self) -> bool: ...
    def ended(self, timeout: float | None) -> bool: ...
    @property
    def worker(self) -> str: ...
    @property
    def model(self) -> tuple[str, str, int, int, int, str] | None: ...
    @property
    def node_names(self) -> tuple[str, ...]: ...
    @property
    def edges(self) -> list[tuple[int, int]]: ...

class NativeModel:
    def __init__(self, options: dict[str, Any]) -> None: ...
    def predict(self, frames: list[Any], rgb: bool, bits: int, first_id: int) -> list[Pose]: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def input_shape(self) -> tuple[int, int, int]: ...
    @property
    def node_names(self) -> tuple[str, ...]: ...
    @property
    def edges(self) -> list[tuple[int, int]]: ...

class NativeWorker:
    def __init__(self, options: dict[str, Any], timeout: float | None) -> None: ...
    @property
    def link(self) -> str | None: ...
    @property
    def signal(self) -> str: ...
    def interrupt(self) -> None: ...
    def is_over(self) -> bool: ...
    def ended(self, timeout: float | None) -> bool: ...
