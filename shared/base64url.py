"""base64url without padding, as tokens, keys and cursors are written (RFC 4648, 5; RFC 7515, 2)."""

from base64 import urlsafe_b64encode


def written(raw: bytes) -> str:
    """The text of some bytes."""
    return urlsafe_b64encode(raw).decode().rstrip("=")
