"""A push service on this machine, as a browser's maker runs one: it believes only who signs, and hands what it
takes to the browser of the test, which decrypts it."""

from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def message_key_file(folder: Path) -> Path:
    """A file with a new key of messages."""
    path = folder / f"messages-{uuid4().hex}.pem"
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path
