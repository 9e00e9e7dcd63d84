"""A worker and a browser with an emulated wide-area link between them (tests/wan)."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import BIN, REPO, running_worker

# What wan.py ends with where this machine cannot make such a link.
UNAVAILABLE = 77

CAMERA_FLAGS = (
    "--no-sandbox",
    "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


class Unavailable(Exception):
    """This machine cannot make the link."""


@dataclass
class Hosts:
    """The two hosts: network namespaces."""

    near: str
    far: str

    @staticmethod
    def on(host: str) -> tuple:
        """What starts a program on a host, in front of its command line."""
        return ("ip", "netns", "exec", host)

    def chromium(self, folder: Path, host: str | None = None) -> Path:
        """A program that starts Chromium on a host, the near one by default."""
        host = host or self.near
        path = folder / f"{host}-chromium"
        browser = os.environ["SLEAP_STREAM_TEST_CHROMIUM"]
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.on(host))} {browser} "$@"\n')
        path.chmod(0o755)
        return path

    def worker(self, tmp_path: Path, *args, **options):
        """A worker on the far host, whose page the near one can open."""
        return running_worker(
            tmp_path,
            *args,
            prefix=self.on(self.far),
            listen="10.77.0.2:0",
            view="10.77.0.2:0",
            **options,
        )


@contextmanager
def hosts(*link):
    """Two hosts with such a link (options of wan.py) between them, until the end of the block."""
    relay = os.environ.get("WAN_RELAY", BIN / "examples" / "wan_relay")
    if not Path(relay).exists():
        raise FileNotFoundError(f"{relay} is not there: cargo build --workspace --all-targets")
    words = [sys.executable, REPO / "tests/wan/wan.py", *link, "--relay", relay, "--"]
    # It ends with its standard input.
    process = subprocess.Popen(
        [*words, "sh", "-c", 'echo "$WAN_A $WAN_B"; read -r _'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    names = process.stdout.readline().split()
    try:
        if not names:
            if process.wait() == UNAVAILABLE:
                raise Unavailable
            raise RuntimeError(f"wan.py ended with {process.returncode}")
        near, far = names
        # Chromium looks for its own address by its way to elsewhere.
        subprocess.run(["ip", "-n", near, "route", "add", "default", "dev", "wan"], check=True)
        yield Hosts(near, far)
    finally:
        process.stdin.close()
        process.wait()
