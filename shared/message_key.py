"""The key of what leaves the house: it says to push services who sends (VAPID), proves that a link is ours, and
gives each receiver of webhooks its secret.

One file (`HADIR_MESSAGE_KEY_FILE`): a P-256 private key in PEM. Whoever changes it ends all push subscriptions,
all links in messages sent before, and all secrets of webhooks.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from shared.auth import TokenError


@dataclass(frozen=True)
class MessageKey:
    """`vapid` signs pushes (RFC 8292); `links` is the secret under which links are tagged."""

    vapid: EllipticCurvePrivateKey
    links: bytes

    @classmethod
    def from_file(cls, path: Path) -> "MessageKey":
        """Raises TokenError that names the file and what it should hold."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise TokenError(
                f"{path}: no private key in PEM can be read there ({type(error).__name__})"
            ) from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise TokenError(f"{path}: a P-256 key is wanted: openssl ecparam -name prime256v1 -genkey -noout")
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        return cls(key, HKDF(SHA256(), 32, None, b"hadir links in messages").derive(secret))

    @property
    def public(self) -> bytes:
        """The public half as browsers want it: 65 bytes, an uncompressed point."""
        return self.vapid.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def tag(self, said: bytes) -> bytes:
        """What proves that `said` was said by us: 16 bytes."""
        return hmac.new(self.links, said, hashlib.sha256).digest()[:16]

    def secret(self, name: bytes) -> bytes:
        """The secret of this name, the same each time, so that none has to be kept: 32 bytes."""
        return HKDF(SHA256(), 32, None, b"hadir secret " + name).derive(self.links)
