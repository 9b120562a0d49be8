"""The key with which reporting signs what it answers for: checkpoints of the log, and packs.

A signature over bytes is plain Ed25519; one over a text can be put under it as C2SP's signed note says, so that
the tools of other logs read it (https://c2sp.org/signed-note).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from shared.auth import key_id
from shared.signing import Unproven, jwks, key_file, keys_of

DOOR = "/reporting/v1/proof-keys"
MOST_NOTE = 20_000
"""Characters of a note that is read: of 16 signatures and more."""

_ED25519 = b"\x01"
"""The type of signature, in ids of keys and in the text of a key."""
_BY = "\u2014 "


def _key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


class ProofKeys:
    """The key that signs, and those that signed before it."""

    def __init__(self, signing: Ed25519PrivateKey, *earlier: Ed25519PublicKey) -> None:
        self._signing = signing
        self._public = (signing.public_key(), *earlier)

    @classmethod
    def from_file(cls, path: Path) -> "ProofKeys":
        """From a PEM file: the private key that signs, then any number of public keys that did before.

        Raises TokenError that names the file.
        """
        signing, earlier = key_file(path)
        return cls(signing, *earlier)

    @property
    def kid(self) -> str:
        """The `kid` of the key that signs."""
        return key_id(self._public[0])

    def sign(self, message: bytes) -> bytes:
        """64 bytes over the message; the same message has the same ones (RFC 8032)."""
        return self._signing.sign(message)

    def note(self, name: str, text: str) -> str:
        """The text with its signature by the key called `name`. The text ends with a newline."""
        signature = _key_hash(name, self._public[0].public_bytes_raw()) + self.sign(text.encode())
        return f"{text}\n{_BY}{name} {b64encode(signature).decode()}\n"

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, the one that signs first."""
        return jwks(*self._public)

    def verifier_keys(self, name: str) -> list[str]:
        """The public keys as C2SP's tools take them, under the name of what they sign; the present one first."""
        texts: list[str] = []
        for key in self._public:
            public = key.public_bytes_raw()
            encoded = b64encode(_ED25519 + public).decode()
            texts.append(f"{name}+{_key_hash(name, public).hex()}+{encoded}")
        return texts


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What anybody verifies with: the saved answer of `GET /reporting/v1/proof-keys`."""

    by_kid: Mapping[str, VerifyKey]

    @classmethod
    def of(cls, text: str) -> "PublicKeys":
        """From JWKS, as JSON text. Raises Unproven."""
        return cls(keys_of(text, DOOR))

    def verify(self, kid: str, message: bytes, signature: bytes) -> None:
        """Raises Unproven unless the key with this `kid` has signed the message."""
        if kid not in self.by_kid:
            raise Unproven(f"it names a key that is not among those given: {kid}")
        try:
            self.by_kid[kid].verify(message, signature)
        except (CryptoError, ValueError) as error:
            raise Unproven("altered since it was signed, or signed by somebody else") from error

    def opened(self, note: str, name: str) -> str:
        """The text of a signed note that one of the keys has signed under `name`; others' lines are passed over.

        Raises Unproven that says what is wrong with it.
        """
        text, parted, signatures = note.rpartition("\n\n")
        lines = signatures.split("\n")
        if len(note) > MOST_NOTE or not parted or lines.pop() or not lines:
            raise Unproven("it is no signed note: a text, an empty line and lines of signatures")
        text += "\n"
        if any(ord(char) < 0x20 and char != "\n" for char in note):
            raise Unproven("it is no signed note: control characters stand in it")
        known = {_key_hash(name, bytes(key)): key for key in self.by_kid.values()}
        signed = False
        for line in lines:
            by, _, encoded = line.removeprefix(_BY).partition(" ")
            if not line.startswith(_BY) or not by or not encoded:
                raise Unproven("it is no signed note: a line of signatures is none")
            try:
                signature = b64decode(encoded, validate=True)
            except ValueError as error:
                raise Unproven("it is no signed note: a signature is no base64") from error
            key = known.get(signature[:4])
            if by != name or key is None:
                continue
            try:
                key.verify(text.encode(), signature[4:])
            except (CryptoError, ValueError) as error:
                raise Unproven("altered since it was signed, or signed by somebody else") from error
            signed = True
        if not signed:
            raise Unproven(f"none of the keys given has signed it as {name}")
        return text
