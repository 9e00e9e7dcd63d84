"""SLEAP-RTC's challenge on the data channel, as the Python peers answer and check it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CHALLENGE, RESPONSE, SUCCESS, FAILURE = "AUTH_CHALLENGE::", "AUTH_RESPONSE::", "AUTH_SUCCESS", "AUTH_FAILURE"


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_nonce() -> str:
    return encode(secrets.token_bytes(32))


def mac(secret: str, nonce: str) -> str:
    return encode(hmac.new(decode(secret), decode(nonce), hashlib.sha256).digest())


def respond(nonce: str, secret: str | None, key: str | None) -> str:
    """The client's answer; its key goes before the secret."""
    if key:
        return RESPONSE + encode(Ed25519PrivateKey.from_private_bytes(decode(key)).sign(nonce.encode()))
    return RESPONSE + (mac(secret, nonce) if secret else "missing")


def accepts(answer: str, nonce: str, secret: str | None, authorized: str | None) -> bool:
    """Whether a worker lets the client in."""
    answer = answer.removeprefix(RESPONSE)
    if secret:
        return hmac.compare_digest(mac(secret, nonce), answer)
    try:
        Ed25519PublicKey.from_public_bytes(decode(authorized)).verify(decode(answer), nonce.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
