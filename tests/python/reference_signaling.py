#!/usr/bin/env python3
"""The reference's simple signaling server: a WebSocket room in which peers find and call each other.

Prints {"event": "ready", "url": ...} once it listens (by default on a free port).
"""

from __future__ import annotations

import argparse
import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire import emit

FORWARDED = {"offer", "answer", "candidate", "quit"}


class Room:
    def __init__(self) -> None:
        self._peers: dict[str, ServerConnection] = {}  # in order of registration

    async def serve_peer(self, socket: ServerConnection) -> None:
        own_id: str | None = None
        try:
            async for text in socket:
                message = json.loads(text)
                if message.get("type") == "register":
                    own_id = message["peer_id"]
                    self._peers[own_id] = socket  # registering is not answered
                else:
                    await self._handle(socket, own_id, message)
        except ConnectionClosed:
            pass
        finally:
            if own_id is not None and self._peers.get(own_id) is socket:
                del self._peers[own_id]

    async def _handle(self, socket: ServerConnection, own_id: str | None, message: dict) -> None:
        kind = message.get("type")
        if kind == "query":
            others = [peer for peer in self._peers if peer != own_id]
            await socket.send(json.dumps({"type": "available_peers", "peers": others}))
        elif kind in FORWARDED and message.get("target") in self._peers:
            await self._peers[message["target"]].send(json.dumps({**message, "sender": own_id}))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    args = parser.parse_args()
    async with serve(Room().serve_peer, args.host, args.port) as server:
        port = server.sockets[0].getsockname()[1]
        emit("ready", url=f"ws://{args.host}:{port}")
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
