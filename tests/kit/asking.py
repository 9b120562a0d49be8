"""What the walk of all doors asks for and decides (see tests/kit/walk.py)."""

import datetime as dt
from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import uuid4

from tests.kit.walk import TODAY, Body, Made, Target, World, at_home, punch, told

DUTIES = ("on_time", "place", "hours")
NO_PLANS = dt.date(2026, 4, 1)
"""From then on nobody is planned, and an absence touches nothing else of the walk."""
_numbers, _days = count(), count()


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


def leave() -> dict[str, Any]:
    """A trip that none before it was about."""
    day = str(NO_PLANS + dt.timedelta(next(_days)))
    return {"request_id": str(uuid4()), "kind": "duty_travel", "from": day, "to": day, "reason": "uji"}


async def of_scheduling(world: World, target: Target) -> str:
    body = leave()
    await world.call("POST", "/scheduling/v1/requests", role="staff", subject=target.employee, json=body)
    return body["request_id"]


async def others_absence(world: World, target: Target) -> dict[str, Any]:
    """Other dates for an absence that the target has."""
    day = str(NO_PLANS + dt.timedelta(next(_days)))
    away = {"employee_id": str(target.employee), "category": "duty_travel", "from": day, "to": day}
    await world.call("POST", "/scheduling/v1/absences", json=away)
    named = {"request_id": str(uuid4()), "kind": "amendment", "reason": "uji"}
    return {**named, "category": "duty_travel", "from": day, "to": day}


async def handed(world: World, target: Target) -> dict[str, Any]:
    """A swap with whom the target was shown, by the handle in their list."""
    first, second = world.work_day(), world.work_day()
    await at_home(world, (target.employee, first), (target.colleague, second))
    path = f"/scheduling/v1/me/swaps/partners?my_date={first}"
    found = await world.call("GET", path, role="staff", subject=target.employee)
    handle = found["items"][0]["partner"] if found["items"] else "0" * 32
    return {"partner": handle, "my_date": first, "their_date": second}


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
ASKED: Mapping[str, Made] = {"attendance": of_attendance, "scheduling": of_scheduling}
"""By the service that is asked, what makes a request of the target's."""
ASKING: Mapping[str, Body] = {
    "PUT /scheduling/v1/request-kinds/{kind}": told(lambda _, __: {"employment": ["PNS"], "reason": "uji"}),
    "POST /scheduling/v1/requests": told(lambda _, __: leave()),
    "POST /scheduling/v1/requests #an absence of theirs": others_absence,
    "POST /scheduling/v1/requests/{request_id}/decision": DECISION,
    "POST /scheduling/v1/requests/{request_id}/decision #waited": DECISION,
    "POST /scheduling/v1/me/swaps #a partner of theirs": handed,
    "POST /attendance/v1/requests": told(lambda _, __: appeal()),
    "POST /attendance/v1/requests #a punch of theirs": wrong_key,
    "POST /attendance/v1/requests/{request_id}/decision": DECISION,
    "POST /attendance/v1/requests/{request_id}/decision #waited": DECISION,
}
