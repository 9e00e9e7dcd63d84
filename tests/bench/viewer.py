#!/usr/bin/env python3
"""A viewer of the worker's page without the page: asks for pictures, takes them, and counts.

From one status to the next it wants pictures, to the following it wants none, and so on. Each status gives
the stream's rate in such a stretch, printed as a JSON object a line: `{"looks": true, "fps": 310.5,
"pictures": 10}`. Ends by itself after `--stretches` of them. Pictures are not decoded: this stands for a
browser on another machine.
"""

import argparse
import asyncio
import json
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription


def exchange(link, sdp):
    """Sends the offer as the page does; returns the worker's answer."""
    origin, token = link.split("/#")
    headers = {"Origin": origin, "Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    with urllib.request.urlopen(urllib.request.Request(f"{origin}/view", sdp.encode(), headers)) as answer:
        return answer.read().decode()


class Viewer:
    def __init__(self, channel, args):
        self.channel = channel
        self.args = args
        self.looks = True
        self.pictures = 0
        self.stretches = 0
        self.ended = asyncio.Event()
        channel.on("open", lambda: self.say(type="VIEW", fps=args.fps, width=args.width))
        channel.on("message", self.hear)

    def say(self, **body):
        self.channel.send(json.dumps(body))

    def hear(self, message):
        if isinstance(message, bytes) or not message.startswith("{"):
            return
        body = json.loads(message)
        if body["type"] == "STATUS":
            self.status(body.get("stream"))
        elif body["type"] in ("PREDICTION", "FRAME_RECEIVED", "ERROR"):
            self.pictures += 1
            self.say(type="FRAME_RECEIVED", frame_id=body["frame_id"])

    def status(self, stream):
        if not stream:
            return
        print(json.dumps({"looks": self.looks, "fps": stream["fps"], "pictures": self.pictures}), flush=True)
        self.pictures = 0
        self.looks = not self.looks
        self.say(type="VIEW", fps=self.args.fps if self.looks else 0, width=self.args.width)
        self.stretches += 1
        if self.stretches == self.args.stretches:
            self.ended.set()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", help="the link that the worker printed")
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--stretches", type=int, default=60)
    args = parser.parse_args()
    peer = RTCPeerConnection()
    viewer = Viewer(peer.createDataChannel("frame-stream"), args)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await asyncio.to_thread(exchange, args.link, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await viewer.ended.wait()
    await peer.close()


asyncio.run(main())
