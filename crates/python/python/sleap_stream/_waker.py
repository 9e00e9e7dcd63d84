"""Wakes coroutines when anything happens in a stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from ._native import NativeStream


class Waker:
    """One thread a stream waits for what happens, once a coroutine does, and wakes the loops."""

    def __init__(self, native: NativeStream) -> None:
        self._native = native
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future]] = []
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._has_waiting = threading.Condition(self._lock)

    def stop(self) -> None:
        """Nothing happens any more: the thread ends."""
        with self._lock:
            self._is_over = True
            self._has_waiting.notify()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until `holds` returns true; it is called each time that something has happened."""
        while True:
            woken = self._register()
            try:
                if holds():
                    return
                await woken
            finally:
                self._forget(woken)

    def _register(self) -> asyncio.Future:
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        with self._lock:
            self._waiting.append((loop, woken))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sleap-stream-waker", daemon=True)
                self._thread.start()
            self._has_waiting.notify()
        return woken

    def _forget(self, woken: asyncio.Future) -> None:
        with self._lock:
            self._waiting = [entry for entry in self._waiting if entry[1] is not woken]

    def _run(self) -> None:
        seen = 0
        while True:
            with self._lock:
                while not self._waiting and not self._is_over:
                    self._has_waiting.wait()
                if not self._waiting:
                    self._thread = None
                    return
            # What happened since the last look wakes those that have begun to wait meanwhile, too.
            seen = self._native.wait_for_change(seen, None)
            with self._lock:
                waiting, self._waiting = self._waiting, []
            for loop, woken in waiting:
                try:
                    loop.call_soon_threadsafe(_wake, woken)
                except RuntimeError:
                    # The loop is closed, and with it what has waited.
                    pass


def _wake(woken: asyncio.Future) -> None:
    if not woken.done():
        woken.set_result(None)
