#!/usr/bin/env python3
"""A server of SLEAP-RTC's rooms, in the production form, that takes nothing but what that form has.

Every message is checked; what is wrong with one is an event "violation", and the sender hears
INVALID_MESSAGE. Prints {"event": "ready", "url": ...} once it listens, then what happens.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import ipaddress
import json
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire import emit

REGISTER_KEYS = {"type", "peer_id", "role", "metadata", "api_key", "jwt", "room_id", "token", "is_admin"}
DESCRIPTION_KEYS = {"type", "sender", "target", "sdp", "role"}
CANDIDATE_KEYS = {"type", "sender", "target", "candidate"}
# Between SLEAP-RTC's own workers; what they are called on arrival.
MESH = {"mesh_connect": "mesh_offer", "mesh_answer": "mesh_answer", "ice_candidate": "ice_candidate"}


class Violation(Exception):
    """A message that the form does not have."""


class Refused(Exception):
    """A peer that may not enter."""

    def __init__(self, **answer) -> None:
        super().__init__(answer)
        self.answer = answer


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


def is_text(value) -> bool:
    return isinstance(value, str) and value != ""


def check_metadata(metadata) -> None:
    demand(isinstance(metadata, dict) and metadata.keys() <= {"tags", "properties"}, "metadata {tags, properties}")
    tags = metadata.get("tags", [])
    demand(isinstance(tags, list) and all(is_text(tag) for tag in tags), "tags are texts")
    demand(isinstance(metadata.get("properties", {}), dict), "properties are an object")


def matches(peer: Peer, filters: dict) -> bool:
    demand(filters.keys() <= {"role", "tags", "properties", "room_id"}, f"filters {sorted(filters)}")
    if filters.get("role", peer.role) != peer.role:
        return False
    tags = filters.get("tags")
    if tags and not set(tags) & set(peer.metadata.get("tags", [])):
        return False
    properties = peer.metadata.get("properties", {})
    compare = {"$gte": lambda a, b: a >= b, "$lte": lambda a, b: a <= b, "$eq": lambda a, b: a == b}
    for key, wanted in filters.get("properties", {}).items():
        if key not in properties:
            return False
        tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
        demand(tests.keys() <= compare.keys(), f"comparisons {sorted(tests)}")
        if not all(compare[name](properties[key], value) for name, value in tests.items()):
            return False
    return True


class Peer:
    """Someone in a room. Without a socket: one that the command line put there."""

    def __init__(self, socket: ServerConnection | None, room: str, peer_id: str, role: str, metadata: dict) -> None:
        self.socket, self.room, self.peer_id, self.role, self.metadata = socket, room, peer_id, role, metadata
        self.connected_at = datetime.datetime.now(datetime.timezone.utc).isoformat()

    def described(self) -> dict:
        return {
            "peer_id": self.peer_id,
            "role": self.role,
            "metadata": self.metadata,
            "connected_at": self.connected_at,
        }

    async def deliver(self, message: dict) -> None:
        emit("delivered", kind=message["type"], to=self.peer_id)
        if self.socket is not None:
            await self.socket.send(json.dumps(message))


class Server:
    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._peers: dict[str, Peer] = {}
        self._admins: dict[str, str] = {}
        self._sockets = 0
        self._offers = 0
        self._entered = {"worker": 0, "client": 0}
        self._mute: set[ServerConnection] = set()
        for text in args.peer:
            room, peer_id, properties = text.split("=", 2)
            properties = json.loads(properties)
            tags = ["streaming-worker"] if "streaming" in properties else ["sleap-rtc", "inference-worker"]
            metadata = {"tags": tags, "properties": properties}
            self._peers[peer_id] = Peer(None, room, peer_id, "worker", metadata)

    async def serve_peer(self, socket: ServerConnection) -> None:
        number = self._sockets
        self._sockets += 1
        pings = asyncio.create_task(self._ping(socket, number))
        own: Peer | None = None
        try:
            async for text in socket:
                try:
                    own = await self._handle(socket, own, text)
                except Violation as violation:
                    emit("violation", reason=str(violation), text=str(text)[:400])
                    await self._error(socket, "INVALID_MESSAGE", str(violation))
                except Refused as refused:
                    emit("refused", **refused.answer)
                    await socket.send(json.dumps({"type": "error", **refused.answer}))
        except ConnectionClosed:
            pass
        finally:
            pings.cancel()
            if own is not None and self._peers.get(own.peer_id) is own:
                del self._peers[own.peer_id]
                emit("left", peer_id=own.peer_id)

    async def _ping(self, socket: ServerConnection, number: int) -> None:
        """Pings, save towards the first socket once it is to be mute."""
        sent = 0
        while True:
            await asyncio.sleep(self._args.ping_every)
            if number == 0 and self._args.mute_after is not None and sent >= self._args.mute_after:
                self._mute.add(socket)
            if socket not in self._mute:
                await socket.send(json.dumps({"type": "ping"}))
            sent += 1

    async def _error(self, socket: ServerConnection, code: str, message: str) -> None:
        await socket.send(json.dumps({"type": "error", "code": code, "message": message}))

    async def _handle(self, socket: ServerConnection, own: Peer | None, text) -> Peer | None:
        demand(isinstance(text, str), "messages are text")
        try:
            message = json.loads(text)
        except ValueError:
            await self._error(socket, "INVALID_JSON", "not JSON")
            raise Violation("JSON") from None
        demand(isinstance(message, dict) and is_text(message.get("type")), "an object with a type")
        kind = message["type"]
        if kind == "register":
            return await self._register(socket, message)
        if own is None:
            await self._error(socket, "NOT_IN_ROOM", "register first")
            raise Violation(f"{kind} before register")
        if kind == "discover_peers":
            await self._discover(own, message)
        elif kind == "update_metadata":
            await self._update(own, message)
        elif kind in ("offer", "answer", "candidate"):
            await self._forward(own, message)
        elif kind in MESH and own.role == "worker":
            await self._forward_mesh(own, message)
        elif kind == "ping":
            demand(message.keys() == {"type"}, "ping alone")
            emit("ping", peer_id=own.peer_id)
            if socket not in self._mute:
                await socket.send(json.dumps({"type": "pong"}))
        else:
            await self._error(socket, "UNKNOWN_MESSAGE_TYPE", kind)
            raise Violation(f"type {kind}")
        return own

    async def _register(self, socket: ServerConnection, message: dict) -> Peer:
        demand(message.keys() <= REGISTER_KEYS, f"keys of register: {sorted(message)}")
        demand(is_text(message.get("peer_id")), "peer_id")
        demand(message.get("role") in ("worker", "client"), "role")
        check_metadata(message.get("metadata"))
        room = self._admit(message)
        peer = Peer(socket, room, message["peer_id"], message["role"], message["metadata"])
        others = {it.peer_id: it.metadata for it in self._peers.values() if it.room == room}
        others.pop(peer.peer_id, None)
        self._peers[peer.peer_id] = peer
        if message.get("is_admin"):
            self._admins.setdefault(room, peer.peer_id)
        emit("registered", peer_id=peer.peer_id, role=peer.role, metadata=peer.metadata)
        answer = {
            "type": "registered_auth",
            "room_id": room,
            "token": "session",
            "peer_id": peer.peer_id,
            "admin_peer_id": self._admins.get(room),
            "peer_list": list(others),
            "peer_metadata": others,
            "ice_servers": self._lent(peer.role),
            "mesh_ice_servers": [],
        }
        await socket.send(json.dumps(answer))
        return peer

    def _lent(self, role: str) -> list:
        lent = json.loads(self._args.ice_servers)
        self._entered[role] += 1
        if self._args.lend_relay:
            name = f"{role}-{self._entered[role]}"
            lent.append({"urls": f"turn:{self._args.lend_relay}", "username": name, "credential": "p"})
        return lent

    def _admit(self, message: dict) -> str:
        """The room that the credential opens."""
        demand(("api_key" in message) != ("jwt" in message), "one credential")
        room = message.get("room_id")
        if message["role"] == "worker":
            key = message.get("api_key")
            demand(is_text(key) and key.startswith("slp_"), "a worker's key")
            if key.startswith("slp_acct_"):
                demand(is_text(room), "an account's key names the room")
                known = key == f"slp_acct_{self._args.key}"
            else:
                room = self._args.room
                known = key == f"slp_{self._args.key}"
            if not known:
                raise Refused(reason="Invalid or revoked API key")
            if self._entered["worker"] and self._args.refuse_again:
                self._args.refuse_again -= 1
                raise Refused(reason="No more keys today")
        else:
            demand(is_text(message.get("jwt")) and is_text(room), "jwt and room_id")
            if message["jwt"] != self._args.jwt:
                raise Refused(reason="Token has expired")
        if room != self._args.room:
            raise Refused(code="ROOM_NOT_FOUND", message=f"Room {room} not found")
        return room

    async def _discover(self, own: Peer, message: dict) -> None:
        demand(message.keys() == {"type", "from_peer_id", "filters"}, "keys of discover_peers")
        demand(message["from_peer_id"] == own.peer_id, "from_peer_id is one's own")
        demand(isinstance(message["filters"], dict), "filters are an object")
        emit("discover", filters=message["filters"])
        peers = [it for it in self._peers.values() if it.room == own.room and it is not own]
        found = [peer.described() for peer in peers if matches(peer, message["filters"])]
        listing = {"type": "peer_list", "to_peer_id": own.peer_id, "peers": found, "count": len(found)}
        await own.socket.send(json.dumps(listing))

    async def _update(self, own: Peer, message: dict) -> None:
        demand(message.keys() == {"type", "peer_id", "metadata"}, "keys of update_metadata")
        demand(message["peer_id"] == own.peer_id, "peer_id is one's own")
        check_metadata(message["metadata"])
        own.metadata = {
            "tags": message["metadata"].get("tags", own.metadata.get("tags", [])),
            "properties": {**own.metadata.get("properties", {}), **message["metadata"].get("properties", {})},
        }
        if self._args.stale_status:
            own.metadata["properties"]["status"] = "available"
            load = own.metadata["properties"].get("streaming_load")
            if load is not None:
                load["free"] = load["streams"]
        emit("metadata", peer_id=own.peer_id, status=own.metadata["properties"].get("status"))
        if self._args.drop_busy and own.metadata["properties"].get("status") == "busy":
            self._args.drop_busy = False
            emit("dropped")
            own.socket.transport.abort()
            return
        if self._args.expel_busy and own.metadata["properties"].get("status") == "busy":
            self._args.expel_busy = False
            del self._peers[own.peer_id]
            emit("expelled")
            await self._error(own.socket, "NOT_IN_ROOM", "register first")
            return
        updated = {"type": "metadata_updated", "peer_id": own.peer_id, "metadata": own.metadata}
        await own.socket.send(json.dumps(updated))

    async def _forward(self, own: Peer, message: dict) -> None:
        kind = message["type"]
        keys = CANDIDATE_KEYS if kind == "candidate" else DESCRIPTION_KEYS
        demand(message.keys() <= keys, f"keys of {kind}: {sorted(message)}")
        demand(message.get("sender") == own.peer_id, "sender is one's own")
        demand(is_text(message.get("target")), "target")
        if kind == "candidate":
            demand(isinstance(message.get("candidate"), dict), "candidate {candidate, sdpMid, sdpMLineIndex}")
        else:
            sdp = message.get("sdp")
            demand(is_text(sdp) and sdp.startswith("v=0") and "a=candidate:" in sdp, "sdp with its candidates")
        await self._send_on(own, message["target"], message)

    async def _forward_mesh(self, own: Peer, message: dict) -> None:
        renamed = {**message, "type": MESH[message["type"]], "from_peer_id": own.peer_id}
        await self._send_on(own, message.get("target_peer_id"), renamed)

    async def _send_on(self, own: Peer, target: str, message: dict) -> None:
        peer = self._peers.get(target)
        self._offers += message["type"] == "offer"
        is_lost = message["type"] == "offer" and self._offers == self._args.lose_offer
        is_absent = is_lost or (peer is not None and peer.socket is None and self._args.absent)
        if message["type"] == "offer" and self._offers == self._args.swallow_offer:
            emit("swallowed", peer_id=target)
            return
        if is_absent:
            emit("absent", peer_id=target)
        if peer is None or is_absent:
            await self._error(own.socket, "PEER_NOT_FOUND", f"no peer {target}")
        elif peer.room != own.room:
            await self._error(own.socket, "PEER_NOT_IN_ROOM", f"{target} is elsewhere")
        else:
            await peer.deliver(message)


def certificate(folder: Path) -> ssl.SSLContext:
    """A new authority, kept in ca.pem, and a certificate of it for 127.0.0.1."""

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    now = datetime.datetime.now(datetime.timezone.utc)

    def build(name: str, issuer: str, key, signing, extension) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=2))
        return builder.add_extension(extension, critical=False).sign(signing, hashes.SHA256())

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    basic = x509.BasicConstraints(ca=True, path_length=None)
    authority = build("test authority", "test authority", authority_key, authority_key, basic)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    own = build("room server", "test authority", key, authority_key, here)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + own.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", default="lab", help="the only room")
    parser.add_argument("--key", default="key", help="opens it as slp_KEY and slp_acct_KEY")
    parser.add_argument("--jwt", default="jwt", help="the login that opens it")
    parser.add_argument("--ice-servers", default="[]", help="JSON list that is lent to who registers")
    parser.add_argument("--lend-relay", metavar="HOST:PORT", help="TURN server that is lent under a new name each time")
    parser.add_argument("--refuse-again", type=int, default=0, help="so many workers after the first one that entered")
    parser.add_argument("--peer", action="append", default=[], help="ROOM=ID=JSON of properties of a worker there")
    parser.add_argument("--ping-every", type=float, default=30.0, help="seconds")
    parser.add_argument("--mute-after", type=int, help="the first socket hears nothing after so many pings")
    parser.add_argument("--drop-busy", action="store_true", help="cut off the first worker that says it is busy")
    parser.add_argument("--expel-busy", action="store_true", help="forget the first worker that says it is busy")
    parser.add_argument("--stale-status", action="store_true", help="say that all are available, whatever they say")
    parser.add_argument("--absent", action="store_true", help="list the workers of --peer, and deliver nothing to them")
    parser.add_argument("--lose-offer", type=int, help="deliver this one of all offers to nobody; the first is 1")
    parser.add_argument("--swallow-offer", type=int, help="... and say nothing of it")
    parser.add_argument("--tls", type=Path, metavar="DIR", help="serve wss://; DIR/ca.pem is the authority")
    args = parser.parse_args()
    context = certificate(args.tls) if args.tls else None
    # Only the form's own pings: the library's would keep a connection alive that the form has given up.
    async with serve(Server(args).serve_peer, "127.0.0.1", 0, ssl=context, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        emit("ready", url=f"{'wss' if context else 'ws'}://127.0.0.1:{port}")
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
