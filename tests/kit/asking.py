"""What the walk of all doors asks for and decides (see tests/kit/walk.py)."""

import datetime as dt
from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import uuid4

from tests.kit.walk import TODAY, Body, Made, Target, World, punch, told

DUTIES = ("on_time", "place", "hours")
_numbers = count()


def appeal() -> dict[str, Any]:
    """One that none before it was about."""
    number = next(_numbers)
    day = TODAY - dt.timedelta(number % 30)
    duty = DUTIES[number // 30 % len(DUTIES)]
    return {
        "request_id": str(uuid4()),
        "kind": "appeal",
        "work_date": str(day),
        "duty": duty,
        "reason": "uji",
        "punches": [{"kind": "in", "at": f"{day}T05:00:00+07:00"}],
    }


async def wrong_key(world: World, target: Target) -> dict[str, Any]:
    """About a punch that the target has made."""
    named = {"request_id": str(uuid4()), "kind": "wrong_key", "reason": "uji"}
    return {**named, "punch_id": await punch(world, target)}


async def of_attendance(world: World, target: Target) -> str:
    body, path = await wrong_key(world, target), "/attendance/v1/requests"
    await world.call("POST", path, role="staff", subject=target.employee, json=body)
    return body["request_id"]


def waited(service: str, made: Made) -> Made:
    """The same, whose time for a direct superior is over."""

    async def make(world: World, target: Target) -> str:
        request_id = await made(world, target)
        async with world.db(service).transaction() as tx:
            await tx.connection.execute(
                "update request set review_due = asked_at where request_id = $1::text::uuid", request_id
            )
        return request_id

    return make


DECISION = told(lambda _, __: {"decision": "granted", "reason": "uji"})
ASKED: Mapping[str, Made] = {"attendance": of_attendance}
"""By the service that is asked, what makes a request of the target's."""
ASKING: Mapping[str, Body] = {
    "POST /attendance/v1/requests": told(lambda _, __: appeal()),
    "POST /attendance/v1/requests #a punch of theirs": wrong_key,
    "POST /attendance/v1/requests/{request_id}/decision": DECISION,
    "POST /attendance/v1/requests/{request_id}/decision #waited": DECISION,
}
