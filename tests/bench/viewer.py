#!/usr/bin/env python3
"""A viewer of the worker's page without the page: asks for pictures, takes them, and counts.

Prints one JSON object a line: `{"event": "ready"}` with the first picture, and counts at the end, which is
SIGTERM. Pictures are not decoded: it stands for a browser on another machine.
"""

import argparse
import asyncio
import json
import signal
import time
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription


def exchange(link, sdp):
    """Sends the offer as the page does; returns the worker's answer."""
    origin, token = link.split("/#")
    headers = {"Origin": origin, "Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    with urllib.request.urlopen(urllib.request.Request(f"{origin}/view", sdp.encode(), headers)) as answer:
        return answer.read().decode()


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", help="the link that the worker printed")
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--width", type=int, default=640)
    args = parser.parse_args()

    peer = RTCPeerConnection()
    channel = peer.createDataChannel("frame-stream")
    counts = {"pictures": 0, "bytes": 0, "statuses": 0}
    begun = None

    @channel.on("open")
    def on_open():
        channel.send(json.dumps({"type": "VIEW", "fps": args.fps, "width": args.width, "quality": 70}))

    @channel.on("message")
    def on_message(message):
        nonlocal begun
        if isinstance(message, bytes):
            counts["bytes"] += len(message)
            return
        if not message.startswith("{"):
            return
        body = json.loads(message)
        if body["type"] == "STATUS":
            counts["statuses"] += 1
        elif body["type"] in ("PREDICTION", "FRAME_RECEIVED", "ERROR"):
            if begun is None:
                begun = time.monotonic()
                print(json.dumps({"event": "ready"}), flush=True)
            counts["pictures"] += 1
            channel.send(json.dumps({"type": "FRAME_RECEIVED", "frame_id": body["frame_id"]}))

    await peer.setLocalDescription(await peer.createOffer())
    answer = await asyncio.to_thread(exchange, args.link, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    seconds = time.monotonic() - begun if begun else 0
    rate = counts["pictures"] / seconds if seconds else 0
    print(json.dumps({"event": "end", **counts, "seconds": round(seconds, 2), "pictures_per_s": round(rate, 2)}), flush=True)
    await peer.close()


asyncio.run(main())
