"""Keys that sign what others keep, and verify without us: one that signs, and those that signed before it."""

from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey
from pydantic import BaseModel, ValidationError

from shared.auth import PEM, jwk, key_id, load_private_key, public_key


class Unproven(Exception):
    """Something that is not as it was signed; the text says what is wrong."""


class KeyOut(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    alg: str
    use: str
    kid: str
    x: str


def key_file(path: Path) -> tuple[Ed25519PrivateKey, list[Ed25519PublicKey]]:
    """From a PEM file: the private key that signs, then any number of public keys that did before.

    Raises TokenError that names the file.
    """
    signing = load_private_key(path)
    _, *earlier = PEM.findall(path.read_bytes())
    return signing, [public_key(block, path) for block in earlier]


def jwks(*keys: Ed25519PublicKey) -> list[dict[str, str]]:
    """Public keys as others read them (RFC 7517, RFC 8037), in the order given."""
    return [{**jwk(key), "alg": "EdDSA", "use": "sig", "kid": key_id(key)} for key in keys]


class _Jwk(BaseModel):
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    kid: str
    x: str


class _Jwks(BaseModel):
    keys: list[_Jwk]


def keys_of(text: str, door: str) -> dict[str, VerifyKey]:
    """The keys of a JWKS (JSON text) by `kid`. Raises Unproven that names the door where one is had."""
    try:
        return {key.kid: VerifyKey(from_base64url(key.x, "a key")) for key in _Jwks.model_validate_json(text).keys}
    except (ValidationError, CryptoError) as error:
        raise Unproven(f"the file of keys is no JWKS with Ed25519 keys: take it from {door}") from error


def from_base64url(text: object, what: str) -> bytes:
    """The bytes of base64url without padding. Raises Unproven that names what it is."""
    try:
        return urlsafe_b64decode(f"{text}==".encode("ascii"))
    except ValueError as error:
        raise Unproven(f"{what} is no base64url") from error
