"""A consumer of poses that shares no code with what emits them.

Prints one JSON object a line: `ready` once it listens, then each message that it is given, and ends with the
stream. `--vanish N` ends it after so many poses, `--stall` makes it subscribe and never read.
"""

import argparse
import json
import math
import signal
import socket
import sys


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def udp(args):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as consumer:
        consumer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        consumer.bind(("127.0.0.1", args.port))
        say("ready", url=f"udp://127.0.0.1:{consumer.getsockname()[1]}")
        while True:
            yield json.loads(consumer.recv(65536))


def zmq(args):
    import zmq

    consumer = zmq.Context.instance().socket(zmq.SUB)
    consumer.setsockopt(zmq.LINGER, 0)
    if args.stall:
        consumer.setsockopt(zmq.RCVHWM, 1)
        consumer.setsockopt(zmq.RCVBUF, 4096)
    for topic in args.topic or [""]:
        consumer.setsockopt_string(zmq.SUBSCRIBE, topic)
    consumer.connect(args.connect.replace("zmq://", "tcp://"))
    say("ready", url=args.connect)
    if args.stall:
        signal.pause()
    while True:
        topic, body = consumer.recv_multipart()
        message = json.loads(body)
        assert topic.decode() == message["type"], topic
        yield message


def osc(args):
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    received = []

    def take(address, *values):
        values = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
        kind = {"/sleap/frame": "pose", "/sleap/end": "end"}.get(address, "osc")
        received.append({"type": kind, "address": address, "values": values})

    dispatcher = Dispatcher()
    dispatcher.set_default_handler(take)
    with BlockingOSCUDPServer(("127.0.0.1", args.port), dispatcher) as server:
        server.max_packet_size = 65536
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        say("ready", url=f"osc://127.0.0.1:{server.server_address[1]}")
        while True:
            server.handle_request()
            yield from received
            received.clear()


def lsl(args):
    """Samples of the stream of this name and of its events, as they come."""
    import pathlib

    import pylsl

    library = pathlib.Path(pylsl.__file__).parent / "lib" / "liblsl.so"
    say("ready", url=f"lsl://{args.name}", library=str(library))
    inlets = {}
    for kind, name in (("pose", args.name), ("event", f"{args.name}-events")):
        [found] = pylsl.resolve_byprop("name", name, 1, 120)
        # Times as they were given, by the clock of the machine that offers the stream.
        inlets[kind] = pylsl.StreamInlet(found, processing_flags=0, recover=False)
        inlets[kind].open_stream(120)
        channel = inlets[kind].info(120).desc().child("channels").child("channel")
        labels = []
        while not channel.empty():
            labels.append(channel.child_value("label"))
            channel = channel.next_sibling("channel")
        yield {"type": "stream", "kind": found.type(), "labels": labels}
    while True:
        for kind, inlet in inlets.items():
            values, time = inlet.pull_sample(timeout=0.05)
            if values is not None:
                values = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
                yield {"type": kind, "values": values, "time": time}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["udp", "osc", "zmq", "lsl"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--connect", help="address of a publisher")
    parser.add_argument("--name", help="name of a stream")
    parser.add_argument("--topic", action="append")
    parser.add_argument("--vanish", type=int, metavar="N")
    parser.add_argument("--stall", action="store_true")
    args = parser.parse_args()
    poses = 0
    for message in {"udp": udp, "osc": osc, "zmq": zmq, "lsl": lsl}[args.kind](args):
        say(message["type"], message=message)
        poses += message["type"] == "pose"
        if message["type"] == "end" or poses == args.vanish:
            return 0


sys.exit(main())
