"""Web Push: how a message is encrypted for one browser, and how its push service is told who sends.

Sources: RFC 8291 (encryption) on RFC 8188 (aes128gcm), RFC 8292 (VAPID).
"""

import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared import base64url
from shared.message_key import MessageKey

AUTH_BYTES = 16
MOST_BYTES = 3900
"""Of a message before it is encrypted. A push service takes 4,096 bytes (RFC 8030, 7.2), of which encryption takes
103; some take a little less."""
_RECORD_BYTES = 4096
_LAST_RECORD = b"\x02"

_TOKEN_S = 12 * 3600
"""A token may live for 24 hours (RFC 8292, 2); with half of them no clock within reason is too far off."""
_MOST_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser gives out for those who push to it: its public key, 65 bytes, and a secret of 16 bytes."""

    p256dh: bytes
    auth: bytes


def point(raw: bytes) -> EllipticCurvePublicKey:
    """The public key of 65 bytes, an uncompressed point of P-256. Raises ValueError for any other."""
    if len(raw) != 65 or raw[:1] != b"\x04":
        raise ValueError("65 bytes that begin with 4 are wanted")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


def encrypted(
    message: bytes, browser: Browser, *, key: EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """The body of a push, in the content coding aes128gcm.

    `key` and `salt` are made for each message; a test gives those of the standard. Raises ValueError for a message
    of more than MOST_BYTES.
    """
    if len(message) > MOST_BYTES:
        raise ValueError(f"a push holds {MOST_BYTES} bytes, not {len(message)}")
    key, salt = key or generate_private_key(SECP256R1()), salt or os.urandom(16)
    ours = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ECDH(), point(browser.p256dh))
    secret = _derived(shared, browser.auth, b"WebPush: info\0" + browser.p256dh + ours, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, message + _LAST_RECORD, None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


class Vapid:
    """Says to push services who sends: a token for each of them, used until half of its life is over."""

    def __init__(self, key: MessageKey, contact: str | None) -> None:
        """`contact`: a mailto: or https: address where a push service reaches those who run this system."""
        self._key, self._contact = key, contact
        self.public = base64url.written(key.public)
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def topic(self, said: bytes) -> str:
        """By what a push service knows what replaces what (RFC 8030, 5.4); it tells nothing else."""
        return base64url.written(self._key.tag(b"topic of pushes " + said))

    def authorization(self, endpoint: str) -> str:
        """The header `Authorization` for a push to this endpoint: for its own origin, by claims of its own."""
        parts = urlsplit(endpoint)
        origin, now = f"{parts.scheme}://{parts.netloc}", time.time()
        text, renew_at = self._tokens.get(origin, ("", 0.0))
        if renew_at <= now:
            claims: dict[str, str | int] = {"aud": origin, "exp": int(now) + _TOKEN_S}
            if self._contact is not None:
                claims["sub"] = self._contact
            text = jwt.encode(claims, self._key.vapid, algorithm="ES256")
            self._tokens[origin] = text, now + _TOKEN_S / 2
            if len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)
        return f"vapid t={text}, k={self.public}"
