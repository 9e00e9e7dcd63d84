#!/usr/bin/env python3
"""How long after its start a client has the first pose, over a link that wan.py has made.

    wan.py LINK_OPTIONS --relay PATH -- first.py RUNS CLIENT_OPTIONS...

Prints the seconds of each run, then the median, the 95th percentile and the longest.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

ADDRESS = "10.77.0.2:8080"


def main() -> None:
    runs, options = int(sys.argv[1]), sys.argv[2:]
    folder = pathlib.Path(os.environ["SLEAP_STREAM_BIN"])
    # The client comes from elsewhere: both sides know a secret.
    os.environ["SLEAP_ROOM_SECRET"] = "first-pose-over-a-wide-area-link-0123456789"
    on = ["ip", "netns", "exec"]
    worker = [*on, os.environ["WAN_B"], folder / "sleap-worker", "--listen", ADDRESS, "--model", "examples/demo/model"]
    client = [*on, os.environ["WAN_A"], folder / "sleap-stream", "--signal", f"ws://{ADDRESS}", "-o", "-", *options]
    log = (
        (pathlib.Path(os.environ["WAN_LOG"]) / "first.log").open("w") if "WAN_LOG" in os.environ else subprocess.DEVNULL
    )
    quiet = {"stdout": subprocess.PIPE, "stderr": log}
    times = []
    with subprocess.Popen(worker, **quiet) as serving:
        serving.stdout.readline()
        for _ in range(runs):
            began = time.monotonic()
            with subprocess.Popen(client, **quiet) as streaming:
                if not streaming.stdout.readline():
                    sys.exit("first.py: a client has ended without a pose")
                times.append(time.monotonic() - began)
                print(f"{times[-1]:.2f}", flush=True)
                streaming.send_signal(signal.SIGINT)
                streaming.stdout.read()
        serving.terminate()
    times.sort()
    last = len(times) - 1
    print(
        f"median {times[last // 2]:.2f} s, 95th percentile {times[round(last * 0.95)]:.2f} s, longest {times[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
