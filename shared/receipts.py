"""Receipts that prove themselves: signed with Ed25519 over their canonical JSON (RFC 8785), verified by anyone."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign, crypto_sign_BYTES
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey
from pydantic import BaseModel, ValidationError

from shared import base64url
from shared.auth import PEM, jwk, key_id, load_private_key, public_key

MEMBERS = ("at", "flags", "kind", "punch_id", "received_at", "time_trust", "work_date", "zone")
"""What a receipt says, in the order of RFC 8785, and what its signature is over."""


class Unproven(Exception):
    """A receipt that is not as it was signed; the text says what is wrong."""


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
        signing = load_private_key(path)
        _, *earlier = PEM.findall(path.read_bytes())
        return cls(
            signing.private_bytes_raw(), signing.public_key(), *(public_key(block, path) for block in earlier)
        )

    def signature(self, canonical: bytes) -> bytes:
        """The member `signature` of a receipt, as JSON. The same bytes have the same one."""
        value = base64url.written(crypto_sign(canonical, self._secret)[:crypto_sign_BYTES])
        return b"".join((self._before, value.encode(), b'"}'))

    def jwks(self) -> list[dict[str, str]]:
        """The public keys (RFC 7517, RFC 8037), the one that signs first."""
        return [{**jwk(key), "alg": "EdDSA", "use": "sig", "kid": key_id(key)} for key in self._public]


def _bytes(text: object, what: str) -> bytes:
    try:
        return urlsafe_b64decode(f"{text}==".encode("ascii"))
    except ValueError as error:
        raise Unproven(f"{what} is no base64url") from error


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


class _Jwk(BaseModel):
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    kid: str
    x: str


class _Jwks(BaseModel):
    keys: list[_Jwk]


def _public_keys(jwks: str) -> dict[str, VerifyKey]:
    try:
        return {key.kid: VerifyKey(_bytes(key.x, "a key")) for key in _Jwks.model_validate_json(jwks).keys}
    except (ValidationError, CryptoError) as error:
        raise Unproven(
            "the file of keys is no JWKS with Ed25519 keys: take it from /attendance/v1/receipt-keys"
        ) from error


def verify(receipt: str, jwks: str) -> Mapping[str, Any]:
    """What a receipt (JSON text) says, if it says what one of the keys (JWKS, JSON text) has signed.

    Raises Unproven that says what is wrong.
    """
    said = _object(receipt, "the receipt")
    keys = _public_keys(jwks)
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
        keys[kid].verify(canonical, _bytes(value, "the signature"))
    except (CryptoError, ValueError) as error:
        raise Unproven(f"altered since it was signed: one of {', '.join(MEMBERS)}, or the signature") from error
    return rest
