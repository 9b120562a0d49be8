"""base64url without padding, as tokens, keys and cursors are written (RFC 4648, 5; RFC 7515, 2)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

_WRITTEN = re.compile(r"[A-Za-z0-9_-]*={0,2}")


def written(raw: bytes) -> str:
    """The text of some bytes."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def read(text: str) -> bytes:
    """The bytes of a text, with or without padding. Raises ValueError for what is no base64url."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("letters, digits, - and _ alone are base64url")
    bare = text.rstrip("=")
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
