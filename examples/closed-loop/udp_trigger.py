#!/usr/bin/env python3
"""Does something when a node of the animal enters a region, from poses over UDP. Standard library only.

udp_trigger.py --port 9000 --node nose --region 200,100,440,380
sleap-worker --model MODEL --emit udp://127.0.0.1:9000
"""

import argparse
import json
import socket
import sys

from region import Region, index_of, run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9000, help="0: any free one")
    parser.add_argument("--node", default="nose")
    parser.add_argument("--region", type=Region.parse, required=True, metavar="LEFT,TOP,RIGHT,BOTTOM")
    parser.add_argument(
        "--silence", type=float, default=0.5, metavar="SECONDS", help="off after so long without a pose"
    )
    args = parser.parse_args()

    node = None  # its place in a pose; the skeleton says so
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as consumer:
        try:
            consumer.bind(("127.0.0.1", args.port))
        except (OSError, OverflowError) as error:
            sys.exit(f"error: cannot listen at UDP port {args.port}: {error}. Choose another with --port")
        print(f"listening at udp://127.0.0.1:{consumer.getsockname()[1]}", flush=True)
        consumer.settimeout(args.silence)
        while True:
            try:
                message = json.loads(consumer.recv(65536))
            except TimeoutError:
                args.region.silence()
                continue
            if message["type"] == "skeleton":
                node = index_of(args.node, message)
            elif message["type"] == "pose" and node is not None:
                args.region.look(message, node)
            elif message["type"] == "end":
                return args.region.end()


if __name__ == "__main__":
    run(main)
