"""Streams of frames that this program has."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _log
from ._errors import OptionError, SleapStreamError, StreamError, StreamTimeoutError
from ._exit import ends_with_program
from ._native import NativeStream, NativeTicket, Pose
from ._waker import Waker

if TYPE_CHECKING:
    from typing_extensions import Self

POLICIES = ("newest", "all")


class ModelInfo(NamedTuple):
    """The worker's model."""

    name: str
    kind: str
    height: int
    width: int
    channels: int
    device: str


def connect(
    worker: str | None = None,
    *,
    policy: str = "newest",
    name: str = "python",
    rgb: bool = False,
    bits: int = 16,
    timeout: float | None = 60.0,
    on_pose: Callable[[Pose], object] | None = None,
    **options: Any,
) -> Stream:
    """Connects to a worker, for frames that this program has.

    worker: a link (`sleap://HOST:PORT/#SECRET`) or the name of a stored one; without it the worker is found as
        the command line finds it: the only stored one, or one on this machine.
    policy: "newest": a newer frame takes the place of one that has not left yet, so that poses stay young;
        "all": every frame is sent, and `send` waits for room.
    name: what the frames are called in files and at the worker.
    rgb: three channels are red, green, blue; otherwise blue, green, red, as OpenCV has them.
    bits: bits of 16-bit samples that are used, such as 12.
    timeout: seconds until the worker is ready.
    on_pose: called with the poses of each frame that was sent, on a thread of its own.
    options: all other options of `sleap-stream`, by their names (`sleap-stream --help`), such as
        `jpeg_quality=80`, `outputs=["poses.slp"]`, `emit="udp://127.0.0.1:9000"`, `tracking=True`, `max_tracks=2`,
        `rules="rules.toml"`, `max_latency=150`, `secret="..."`. Files and variables give options, too, as for
        `sleap-stream`.

    Raises OptionError, ConnectError or StreamTimeoutError.
    """
    if policy not in POLICIES:
        raise OptionError(f"policy={policy!r}: give 'newest' or 'all'")
    _log.forward()
    if worker is not None:
        options["worker"] = worker
    native = NativeStream(options, policy == "all", name, rgb, bits, timeout)
    return Stream(native, on_pose)


class Stream:
    """A stream of frames to a worker. All methods may be called from any thread.

    Used in a `with` block it is closed at its end, which raises where anything was lost.
    """

    def __init__(self, native: NativeStream, on_pose: Callable[[Pose], object] | None = None) -> None:
        self._native = native
        ends_with_program(native)
        self._waker = Waker(native)
        self._takes_poses = False
        self._is_closed = False
        self._callback: _Callback | None = None
        if on_pose is not None:
            self._callback = _Callback(self.poses(), on_pose)

    def predict(self, frame: Any, *, captured_at: float | None = None, timeout: float | None = 60.0) -> Pose:
        """Hands a frame in and waits for its poses.

        frame: an array of NumPy of the shape (height, width), (height, width, 1) or (height, width, 3), of
            uint8 or uint16. It is not copied, so that nothing else may write to it meanwhile.
        captured_at: when it was captured, as `time.time()` has it; `age_ms` counts from then.
        timeout: seconds to wait.

        Raises StreamTimeoutError, a FrameError where the frame has no poses, or StreamClosedError.
        """
        return self._native.predict(frame, captured_at, timeout)

    def send(
        self,
        frame: Any,
        *,
        captured_at: float | None = None,
        copy: bool = True,
        timeout: float | None = 60.0,
    ) -> Ticket:
        """Hands a frame in, and does not wait for its poses: `poses()`, `on_pose` and the ticket give them.

        copy: without it the array is not copied, and must not be written to until its poses are here.
        timeout: with the policy "all": seconds to wait for room.

        Raises StreamTimeoutError or StreamClosedError.
        """
        ticket = self._native.send(frame, captured_at, copy, timeout)
        return Ticket(ticket, self._waker)

    def poses(self, timeout: float | None = None) -> Poses:
        """The poses of frames that were sent, as they come: `for pose in stream.poses()`, or `async for`.

        It ends when the stream has ended: after `end()` or `close()`, from whichever thread. 4096 poses wait for it
        at most; where older ones had to give way `close()` raises.
        timeout: seconds to wait for the next poses, then StreamTimeoutError.
        """
        self._takes_poses = True
        return Poses(self._native, self._waker, timeout)

    def stats(self) -> dict[str, Any]:
        """Counts and times so far, as the summary of `sleap-stream --json` has them."""
        summary = self._native.summary()
        return json.loads(summary) if summary is not None else {}

    def end(self) -> None:
        """No frame follows: `poses()` ends when those that were handed in have their results."""
        self._native.end()

    def close(self, timeout: float | None = 120.0) -> None:
        """Ends the stream in order, completes its outputs, and raises StreamError where anything was lost."""
        if self._is_closed:
            return
        self._native.end()
        if not self._native.ended(timeout):
            self._native.interrupt()
            raise StreamTimeoutError(f"the stream has not ended within {timeout} s")
        self._is_closed = True
        self._waker.stop()
        if self._callback is not None:
            self._callback.finish()
        missed = self._native.missed_poses()
        if self._takes_poses and missed:
            raise StreamError(
                f"{missed} poses were not taken in time: older ones had to give way. Take them from poses() "
                "faster, or on a thread of its own"
            )

    def abort(self) -> None:
        """Ends the stream at once; results of frames that have left are waited for up to five seconds."""
        self._native.interrupt()

    @property
    def worker(self) -> str:
        """Which worker it is."""
        return self._native.worker

    @property
    def model(self) -> ModelInfo | None:
        """The worker's model, where the worker says."""
        model = self._native.model
        return ModelInfo(*model) if model is not None else None

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return self._native.node_names

    @property
    def edges(self) -> list[tuple[int, int]]:
        """Pairs of nodes that are connected, by their indices."""
        return self._native.edges

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
            return
        # What the block raised is what went wrong first; outputs are completed all the same.
        self.abort()
        try:
            self.close()
        except SleapStreamError as also:
            _log_also(also)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        import asyncio

        await asyncio.get_running_loop().run_in_executor(None, self.__exit__, kind, error, trace)


class Ticket:
    """A frame that was sent."""

    def __init__(self, native: NativeTicket, waker: Waker) -> None:
        self._native = native
        self._waker = waker

    @property
    def frame_id(self) -> int:
        """Counts the frames of the stream, from 0."""
        return self._native.frame_id

    def done(self) -> bool:
        """Whether it is known what became of the frame."""
        return self._native.done()

    def result(self, timeout: float | None = None) -> Pose:
        """Waits for the poses. Raises a FrameError where there are none, or StreamTimeoutError."""
        return self._native.result(timeout)

    def __await__(self):
        return self._result().__await__()

    async def _result(self) -> Pose:
        await self._waker.until(self._native.done)
        return self._native.result(0)


class Poses:
    """The poses of frames that were sent, as they come; an iterator, and an asynchronous one."""

    def __init__(self, native: NativeStream, waker: Waker, timeout: float | None) -> None:
        self._native = native
        self._waker = waker
        self._timeout = timeout

    def __iter__(self) -> Iterator[Pose]:
        return self

    def __next__(self) -> Pose:
        is_open, pose = self._native.next_pose(self._timeout)
        if pose is not None:
            return pose
        if is_open:
            raise StreamTimeoutError(f"no poses came within {self._timeout} s")
        raise StopIteration

    def __aiter__(self) -> AsyncIterator[Pose]:
        return self

    async def __anext__(self) -> Pose:
        found: list[Pose | None] = []

        def take() -> bool:
            is_open, pose = self._native.next_pose(0)
            if pose is not None or not is_open:
                found.append(pose)
            return bool(found)

        await self._waker.until(take)
        if found[0] is None:
            raise StopAsyncIteration
        return found[0]


class _Callback:
    """Calls a function with poses, on a thread of its own."""

    def __init__(self, poses: Poses, function: Callable[[Pose], object]) -> None:
        self._poses = poses
        self._function = function
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sleap-stream-poses", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for pose in self._poses:
            if self._error is not None:
                continue
            try:
                self._function(pose)
            except BaseException as error:  # noqa: BLE001 - it is raised by close()
                self._error = error
                _log_also(error)

    def finish(self) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join()
        if self._error is not None:
            raise StreamError("on_pose has raised an exception, and was not called any more") from self._error


def _log_also(error: BaseException) -> None:
    import logging

    logging.getLogger("sleap_stream").warning("%s: %s", type(error).__name__, error)
