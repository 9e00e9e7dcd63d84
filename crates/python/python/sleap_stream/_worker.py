"""Workers inside of this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import _log
from ._errors import StreamTimeoutError
from ._exit import ends_with_program
from ._model import find_onnxruntime
from ._native import NativeWorker

if TYPE_CHECKING:
    from typing_extensions import Self


class Worker:
    """A worker inside of this process, for tests and notebooks. `link` is what clients connect to.

    model: the folder that `sleap-nn export` wrote; without it frames are received and counted.
    timeout: seconds until it is ready.
    options: those of `sleap-worker`, by their names, such as `device`, `tracking=True`, `save_poses="poses"`. Without
        `listen` it is reached from this machine alone, at a free port. Files of settings are not read, and files
        that clients send are not taken.

    Used in a `with` block it is closed at its end. Raises WorkerError or OptionError.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        timeout: float | None = 120.0,
        **options: Any,
    ) -> None:
        _log.forward()
        if model is not None:
            find_onnxruntime()
        self._native = NativeWorker({"model": model, **options}, timeout)
        ends_with_program(self._native)
        self._is_closed = False

    @property
    def link(self) -> str | None:
        """What `connect` and `sleap-stream --worker` take; None in a room."""
        return self._native.link

    @property
    def signal(self) -> str:
        """The address of its signaling server."""
        return self._native.signal

    def close(self, timeout: float | None = 30.0) -> None:
        """Ends the worker. Raises WorkerError where it has failed or lost something."""
        if self._is_closed:
            return
        self._native.interrupt()
        if not self._native.ended(timeout):
            raise StreamTimeoutError(f"the worker has not ended within {timeout} s")
        self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()
