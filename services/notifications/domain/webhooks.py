"""What a webhook is made of, as Standard Webhooks 1.0 has it: its secret, its signatures, its body.

Source: https://github.com/standard-webhooks/standard-webhooks (spec/standard-webhooks.md). The HMAC is computed
here, over `id.seconds.body`: the library for Python signs another instant than it is given where that has a zone.
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

SECRETS = 2
"""Secrets of a receiver at most: the one in use, and the one that it is changing to."""
PREFIX = "whsec_"


def name_of(subscription_id: UUID, secret_id: UUID) -> bytes:
    """By which name the message key gives a secret of a subscription."""
    return b"webhook " + subscription_id.bytes + secret_id.bytes


def written(secret: bytes) -> str:
    """A secret as its receiver keeps it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(
    message_id: str, at: float, body: bytes, secrets: Sequence[bytes], content_type: str = "application/json"
) -> dict[str, str]:
    """What says whose a webhook is: one signature by each secret. `at`: Unix seconds at which it is sent."""
    seconds = int(at)
    said = f"{message_id}.{seconds}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(one, said, hashlib.sha256)).decode() for one in secrets)
    return {
        "content-type": content_type,
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def body(kind: str, at: dt.datetime, data: Mapping[str, Any]) -> bytes:
    """What is said: of which kind, when it happened, and what. The same bytes each time."""
    timestamp = at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    whole = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
