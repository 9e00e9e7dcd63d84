#!/usr/bin/env python3
"""Writes auth.json: what the specification's Authentication comes to for given secrets and nonces.

    python3 make_auth.py

hashlib and hmac come with Python; the signature needs the package `cryptography`. Bytes are hexadecimal,
texts are as they stand in messages.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LABEL = b"sleap-stream auth v1"


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf_sha256(salt: bytes, secret: bytes, info: bytes) -> bytes:
    """RFC 5869, 32 bytes: one block."""
    return mac(mac(salt, secret), info + b"\x01")


def bound(secret: bytes, worker: tuple[bytes, bytes], client: tuple[bytes, bytes]) -> dict:
    (nonce_w, certificate_w), (nonce_c, certificate_c) = worker, client
    prints = [hashlib.sha256(certificate).digest() for certificate in (certificate_w, certificate_c)]
    parts = [LABEL, nonce_w, nonce_c, b"sha-256", prints[0], b"sha-256", prints[1]]
    transcript = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    proofs = [mac(hkdf_sha256(LABEL, secret, role), transcript) for role in (b"client", b"worker")]
    return {
        "secret": text(secret),
        "worker_certificate": certificate_w.hex(),
        "client_certificate": certificate_c.hex(),
        "transcript": transcript.hex(),
        "challenge": f"AUTH_CHALLENGE::{text(nonce_w)}",
        "answer": f"AUTH_PROOF::{text(nonce_c)}:{text(proofs[0])}",
        "success": f"AUTH_SUCCESS::{text(proofs[1])}",
    }


def plain(secret: bytes, key: bytes, nonce: bytes) -> dict:
    signing = Ed25519PrivateKey.from_private_bytes(key)
    public = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "secret": text(secret),
        "private_key": text(key),
        "public_key": text(public),
        "challenge": f"AUTH_CHALLENGE::{text(nonce)}",
        "hmac_answer": f"AUTH_RESPONSE::{text(mac(secret, nonce))}",
        "ed25519_answer": f"AUTH_RESPONSE::{text(signing.sign(text(nonce).encode()))}",
    }


vectors = {
    "bound": [
        bound(bytes(range(32)), (b"w" * 32, b"the worker's certificate"), (b"c" * 32, b"the client's")),
        bound(b"\xff" * 16, (bytes(32), b""), (b"\xff" * 32, b"\x30\x82")),
        bound(hashlib.sha256(b"long").digest() * 3, (b"\x01" * 32, b"a"), (b"\x01" * 32, b"a")),
    ],
    "plain": [plain(bytes(range(32)), b"k" * 32, b"n" * 32), plain(b"\xfb" * 16, bytes(range(32)), b"\xfe" * 32)],
}
Path(__file__).with_name("auth.json").write_text(json.dumps(vectors, indent=1) + "\n")
