"""What can go wrong. Every exception is a `SleapStreamError`."""


class SleapStreamError(Exception):
    """Something went wrong; the text says what, why, and what to do."""


class OptionError(SleapStreamError, ValueError):
    """An option is not known, has no usable value, or contradicts another."""


class ConnectError(SleapStreamError, ConnectionError):
    """No worker was found, or it did not take the stream."""


class StreamError(SleapStreamError):
    """The stream has failed, or frames or poses were lost."""


class StreamClosedError(StreamError):
    """The stream takes no frame any more."""


class StreamTimeoutError(SleapStreamError, TimeoutError):
    """It took longer than `timeout` seconds."""


class FrameFormatError(SleapStreamError, ValueError):
    """The object is no frame."""


class FrameError(SleapStreamError):
    """The frame has no poses: the worker could not use it."""


class FrameReplacedError(FrameError):
    """The frame was not sent: a newer one has taken its place."""


class FrameLostError(FrameError):
    """The frame has no result: the connection or the worker was lost."""


class ModelError(SleapStreamError):
    """The model or ONNX Runtime cannot be used."""


class WorkerError(SleapStreamError):
    """The worker in this process has failed."""


class ForkError(SleapStreamError, RuntimeError):
    """The object belongs to the process that this one was forked from."""
