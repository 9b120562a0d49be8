"""Browsers that are pushed to, as the walk of all doors asks for them (see tests/kit/walk.py)."""

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared import base64url
from tests.kit.walk import Body, Made, Target, World, told


def subscription(**changes: Any) -> dict[str, Any]:
    """As a browser hands it over, for an endpoint of its own."""
    point = generate_private_key(SECP256R1()).public_key()
    keys = {
        "p256dh": base64url.written(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        "auth": base64url.written(os.urandom(16)),
    }
    endpoint = f"https://fcm.googleapis.com/fcm/send/{uuid4().hex}"
    return {"endpoint": endpoint, "keys": keys, "label": "Chrome, Android", **changes}


async def device(world: World, target: Target) -> str:
    device_id = str(uuid4())
    path = f"/notifications/v1/me/push-subscriptions/{device_id}"
    await world.call("PUT", path, role="staff", subject=target.employee, json=subscription())
    return device_id


PUSHED: Mapping[str, Made] = {"device_id": device}
PUSHING: Mapping[str, Body] = {
    "PUT /notifications/v1/me/push-subscriptions/{device_id}": told(lambda _, __: subscription()),
}
