#!/usr/bin/env python3
"""Does something when a node of the animal enters a region, from poses over ZeroMQ. Needs pyzmq.

    sleap-worker --model MODEL --emit zmq://127.0.0.1:5556
    zmq_trigger.py --connect tcp://127.0.0.1:5556 --node nose --region 200,100,440,380

With --newest it skips poses that came while it was busy.
"""

import argparse
import json
import sys

from region import Region, index_of, run

try:
    import zmq
except ImportError:
    sys.exit("error: pyzmq is needed: pip install pyzmq")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connect", default="tcp://127.0.0.1:5556", metavar="tcp://HOST:PORT")
    parser.add_argument("--node", default="nose")
    parser.add_argument("--region", type=Region.parse, required=True, metavar="LEFT,TOP,RIGHT,BOTTOM")
    parser.add_argument("--newest", action="store_true")
    parser.add_argument(
        "--silence", type=float, default=0.5, metavar="SECONDS", help="off after so long without a pose"
    )
    args = parser.parse_args()

    consumer = zmq.Context.instance().socket(zmq.SUB)
    consumer.subscribe("")  # poses, the skeleton and the end
    try:
        consumer.connect(args.connect)
    except zmq.ZMQError as error:
        sys.exit(f"error: cannot connect to {args.connect}: {error}. The form is tcp://HOST:PORT")
    print(f"subscribed at {args.connect}", flush=True)
    node = None  # its place in a pose; the skeleton says so
    pose = None  # one that may be outrun by the next
    while True:
        if pose is not None and not (args.newest and consumer.poll(0)):
            args.region.look(pose, node)
            pose = None
        if not consumer.poll(args.silence * 1000):
            args.region.silence()
            continue
        _, body = consumer.recv_multipart()
        message = json.loads(body)
        if message["type"] == "skeleton":
            node = index_of(args.node, message)
        elif message["type"] == "pose" and node is not None:
            pose = message
        elif message["type"] == "end":
            return args.region.end()


if __name__ == "__main__":
    run(main)
