#!/usr/bin/env python3
"""A signaling server, and a server of rooms, that means harm: whatever text it may choose is the given one.

Prints {"event": "ready", "url": ...} once it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire import emit


def worker(index: int, text: str) -> dict:
    """A member of a room that describes itself."""
    described = {"streaming": True, "sleap_stream_files": True, "worker_name": text, "status": text, "gpu_model": text}
    return {"peer_id": f"{text}{index}", "role": "worker", "connected_at": text, "metadata": {"properties": described}}


def answers(message: dict, text: str, workers: int, refuses: bool) -> list[dict]:
    """What the server says to a message of a client."""
    match message.get("type"):
        case "register" if "role" not in message:
            return []
        case "register" if refuses:
            return [{"type": "error", "reason": text}]
        case "register":
            servers = [{"urls": [f"stun:{text}"], "username": text, "credential": text}]
            return [{"type": "registered_auth", "peer_id": message["peer_id"], "ice_servers": servers}]
        case "query":
            return [{"type": "available_peers", "peers": [f"worker-{text}{index}" for index in range(workers)]}]
        case "discover_peers":
            return [{"type": "peer_list", "peers": [worker(index, text) for index in range(workers)]}]
        case "offer":
            target = message["target"]
            said = {"type": "error", "code": text, "message": text}
            return [said, {"type": "error", "code": "PEER_NOT_FOUND", "message": text, "target": target}]
        case _:
            return [{"type": "error", "code": text, "message": text}]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--refuse", action="store_true", help="let no peer into a room")
    args = parser.parse_args()

    async def serve_peer(socket: ServerConnection) -> None:
        try:
            async for message in socket:
                for answer in answers(json.loads(message), args.text, args.workers, args.refuse):
                    await socket.send(json.dumps(answer))
        except ConnectionClosed:
            pass

    async with serve(serve_peer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        emit("ready", url=f"ws://127.0.0.1:{port}")
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
