#!/usr/bin/env python3
"""The real programs of SLEAP-RTC, as its package has them, without their windows.

    sleap_rtc_peer.py worker KEY ROOM    its worker, with KEY in the room; runs until it is stopped
    sleap_rtc_peer.py workers ROOM       what its client lists of the workers in the room

HOME holds its credentials, SLEAP_RTC_SIGNALING_WS names its server. Prints {"event": "absent"} where
the package is not installed (it needs Python 3.11).
"""

from __future__ import annotations

import importlib.util
import sys

from wire import emit


def worker(key: str, room: str) -> None:
    from sleap_rtc.rtc_worker import run_RTCworker

    emit("starting")
    run_RTCworker(api_key=key, room_id=room, name="python-worker")
    emit("ended")


def workers(room: str) -> None:
    from sleap_rtc.api import list_workers

    for found in list_workers(room):
        emit("worker", id=found.id, status=found.status, properties=found.metadata["properties"])


if __name__ == "__main__":
    if importlib.util.find_spec("sleap_rtc") is None:
        emit("absent")
    else:
        {"worker": worker, "workers": workers}[sys.argv[1]](*sys.argv[2:])
