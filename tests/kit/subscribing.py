"""Subscriptions of other systems, as the walk of all doors asks for them (see tests/kit/walk.py)."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.kit.walk import Body, Made, Target, World, told

WHY: dict[str, Any] = {"reason": "uji"}
PUBLIC = "https://192.0.9.1/hook"
"""An address of the public Internet, as far as its number goes; by a number, so that no name is looked up."""


def terms(**changes: Any) -> dict[str, Any]:
    """For the whole city: the walk's OPDs are its own matter."""
    return {"address": PUBLIC, "kinds": ["counter.short"], "description": "Papan kota", **WHY, **changes}


def subscription(**changes: Any) -> dict[str, Any]:
    return {"subscription_id": str(uuid4()), "way": "webhook", **terms(), **changes}


async def made(world: World, _: Target) -> str:
    return (await world.call("POST", "/notifications/v1/subscriptions", json=subscription()))["subscription_id"]


async def office(world: World, _: Target) -> str:
    """One by e-mail: a webhook of the walk would be called."""
    given = subscription(way="email", address="kantor@contoh.example")
    return (await world.call("POST", "/notifications/v1/subscriptions", json=given))["subscription_id"]


async def retired(world: World, target: Target) -> str:
    """A secret of the subscription that the same row is about, beside its first one."""
    path = "/notifications/v1/subscriptions/{subscription_id}/secrets/{secret_id}/retirement"
    subscription_id = world.made[f"POST {path} ?subscription_id", target.name]
    secret = {"secret_id": str(uuid4()), **WHY}
    await world.call("POST", f"/notifications/v1/subscriptions/{subscription_id}/secrets", json=secret)
    return secret["secret_id"]


_OF = "/notifications/v1/subscriptions/{subscription_id}"
SUBSCRIBED: Mapping[str, Made] = {"subscription_id": made, "secret_id": retired}
SUBSCRIBING: Mapping[str, Body] = {
    "POST /notifications/v1/subscriptions": told(lambda _, __: subscription()),
    f"PUT {_OF}": told(lambda _, __: terms()),
    f"POST {_OF}/start": told(lambda _, __: WHY),
    f"POST {_OF}/stop": told(lambda _, __: WHY),
    f"POST {_OF}/removal": told(lambda _, __: WHY),
    f"POST {_OF}/secrets": told(lambda _, __: {"secret_id": str(uuid4()), **WHY}),
    f"POST {_OF}/secrets/{{secret_id}}/retirement": told(lambda _, __: WHY),
    # None: which new ones there are is asked of Kafka.
    f"PUT {_OF}/topics": told(lambda _, __: {"topics": [], **WHY}),
    f"POST {_OF}/trials": told(lambda _, __: {"trial_id": str(uuid4()), **WHY}),
}
