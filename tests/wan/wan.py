#!/usr/bin/env python3
"""Runs a command between two hosts with a wide-area link between them.

    wan.py --rtt MS --loss PERCENT --rate MBIT [LINK_OPTIONS] --relay PATH -- COMMAND...

The hosts are network namespaces of this process's own, `$WAN_A` (10.77.0.1) and `$WAN_B` (10.77.0.2); the
command starts its two sides with `ip netns exec`. The link is the program `wan_relay` (tests/examples)
between two TUN devices, since not every kernel has netem. Needs root, iproute2 and /dev/net/tun; 77 without.
"""

import argparse
import fcntl
import os
import shutil
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001


def tun(namespace: str, name: str) -> int:
    """A TUN device in a namespace, as a descriptor that does not wait; there it is called `wan`."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    ip("link", "set", name, "netns", namespace, "name", "wan")
    return device


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def unavailable(why: str) -> None:
    print(f"wan.py: {why}", file=sys.stderr)
    sys.exit(77)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rtt", type=float, required=True, metavar="MS")
    parser.add_argument("--loss", type=float, default=0, metavar="PERCENT", help="in each direction")
    parser.add_argument(
        "--burst", type=float, default=1, metavar="PACKETS", help="packets of a bad time, on average; 1: there is none"
    )
    parser.add_argument(
        "--bad-loss", type=float, default=100, metavar="PERCENT", help="of a bad time's packets; default: all of them"
    )
    parser.add_argument("--jitter", type=float, default=0, metavar="MS", help="packets take up to so much longer")
    parser.add_argument("--reorder", type=float, default=0, metavar="PERCENT", help="packets that others pass")
    parser.add_argument("--reorder-by", type=float, default=10, metavar="MS", help="how late those are")
    parser.add_argument(
        "--cut", type=float, default=0, metavar="S", help="so often one UDP flow is cut for good, never the first"
    )
    parser.add_argument("--rate", type=float, required=True, metavar="MBIT", help="in each direction")
    parser.add_argument("--queue", type=float, metavar="KB", help="default: 100 ms at the rate, 256 at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--relay", required=True, help="the built wan_relay")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        unavailable("this needs root, /dev/net/tun and iproute2")

    queue = args.queue or max(256, args.rate * 1e6 / 8 * 0.1 / 1024)
    hosts = {"A": f"wan-a-{os.getpid()}", "B": f"wan-b-{os.getpid()}"}
    relay = None
    try:
        devices = []
        for index, namespace in enumerate(hosts.values(), 1):
            if (
                subprocess.run(["ip", "netns", "add", namespace], stderr=subprocess.DEVNULL, check=False).returncode
                != 0
            ):
                unavailable("network namespaces cannot be made here")
            devices.append(tun(namespace, f"w{index}-{os.getpid()}"))
            ip("-n", namespace, "link", "set", "lo", "up")
            ip("-n", namespace, "addr", "add", f"10.77.0.{index}/24", "dev", "wan")
            ip("-n", namespace, "link", "set", "wan", "mtu", "1500", "txqueuelen", "10000", "up")
        settings = {
            "delay_ms": args.rtt / 2,
            "jitter_ms": args.jitter,
            "rate_mbit": args.rate,
            "queue_kb": queue,
            "loss": args.loss,
            "burst": args.burst,
            "bad_loss": args.bad_loss,
            "reorder": args.reorder,
            "reorder_ms": args.reorder_by,
            "cut_s": args.cut,
            "seed": args.seed,
        }
        words = [args.relay, *(f"{name}={value}" for name, value in settings.items())]
        relay = subprocess.Popen(words, stdin=devices[0], stdout=devices[1])
        environment = os.environ | {"WAN_A": hosts["A"], "WAN_B": hosts["B"]}
        return subprocess.run(args.command, env=environment, check=False).returncode
    finally:
        if relay:
            relay.terminate()
            relay.wait()
        for namespace in hosts.values():
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main())
