"""Ends what a program has left open when it ends."""

from __future__ import annotations

import atexit
import logging
import weakref
from typing import Any

from ._errors import ForkError, SleapStreamError

# How long a stream or a worker may take to end, seconds.
END_TIMEOUT = 10.0

_open: weakref.WeakSet[Any] = weakref.WeakSet()


def ends_with_program(native: Any) -> None:
    """Lets a stream or a worker end in order with the program, where it is not closed before."""
    _open.add(native)


@atexit.register
def _end_all() -> None:
    for native in list(_open):
        try:
            if native.is_over():
                continue
            native.interrupt()
            native.ended(END_TIMEOUT)
        except ForkError:
            # It is the other process's.
            continue
        except SleapStreamError as error:
            logging.getLogger("sleap_stream").warning("it was not closed before the program ended, and %s", error)
