"""Receipts that prove themselves: signed with Ed25519 over their canonical JSON (RFC 8785), verified by anyone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign, crypto_sign_BYTES
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from shared import base64url
from shared.auth import key_id
from shared.signing import Unproven, from_base64url, jwks, key_file, keys_of

DOOR = "/attendance/v1/receipt-keys"

MEMBERS = ("at", "flags", "kind", "punch_id", "received_at", "time_trust", "work_date", "zone")
"""What a receipt says, in the order of RFC 8785, and what its signature is over."""


class ReceiptKeys:
    """The key that signs receipts, and those that signed earlier ones."""

    def __init__(self, secret: bytes, signing: Ed25519PublicKey, *earlier: Ed25519PublicKey) -> None:
        key = SigningKey(secret)
        self._secret = bytes(key) + bytes(key.verify_key)
        self._before = f'{{"kid":"{key_id(signing)}","value":"'.encode()
        self._public = (signing, *earlier)

    @classmethod
    def from_file(cls, path: Path) -> "ReceiptKeys":
        """From a PEM file: the private key that signs, then any number of public keys that did before.

        Raises TokenError that names the file.
        """
        signing, earlier = key_file(path)
        return cls(signing.private_bytes_raw(), signing.public_key(), *earlier)

    def signature(self, canonical: bytes) -> bytes:
        """The member `signature` of a receipt, as JSON. The same bytes have the same one."""
        value = base64url.written(crypto_sign(canonical, self._secret)[:crypto_sign_BYTES])
        return b"".join((self._before, value.encode(), b'"}'))

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, the one that signs first."""
        return jwks(*self._public)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unproven("a member is there twice")
    return found


def _object(text: str, what: str) -> Mapping[str, Any]:
    try:
        found: object = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unproven(f"{what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unproven(f"{what} is no JSON object")
    return found  # pyright: ignore[reportUnknownVariableType] - read just now


def verify(receipt: str, keys_text: str) -> Mapping[str, Any]:
    """What a receipt (JSON text) says, if it says what one of the keys (JWKS, JSON text) has signed.

    Raises Unproven that says what is wrong.
    """
    said = _object(receipt, "the receipt")
    keys = keys_of(keys_text, DOOR)
    if not isinstance(said.get("signature"), dict):
        raise Unproven("it is not signed: the member signature is missing")
    signature: Mapping[str, object] = said["signature"]
    kid, value = str(signature.get("kid")), signature.get("value")
    missing = [name for name in MEMBERS if name not in said]
    added = [name for name in said if name not in (*MEMBERS, "signature")]
    if missing or added:
        told = [f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("added", added)) if names]
        raise Unproven("; ".join(told))
    if kid not in keys:
        raise Unproven(f"it names a key that is not among those given: {kid}")
    rest = {name: said[name] for name in MEMBERS}
    try:
        canonical = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        keys[kid].verify(canonical, from_base64url(value, "the signature"))
    except (CryptoError, ValueError) as error:
        raise Unproven(f"altered since it was signed: one of {', '.join(MEMBERS)}, or the signature") from error
    return rest
