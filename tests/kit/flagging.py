"""Flags and networks of offices, as the walk of all doors asks for them (see tests/kit/walk.py)."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from services.attendance.domain.flags import Evidence, Finding, Seen
from services.attendance.store import flags
from tests.kit.walk import TARGETS, TODAY, Body, Made, Target, World, punch, told


async def flag(world: World, target: Target) -> str:
    """A mocked position of the target's, of a day that no request has used yet."""
    punch_id = UUID(await punch(world, target))
    day = dt.date.fromisoformat(world.fresh_day(dt.date(2024, 1, 1)))
    now = dt.datetime.combine(TODAY, dt.time(9), dt.UTC)
    seen = Seen(punch_id, target.employee, day, "in", now, "server", "unknown", mock=True)
    found = Finding("mock", seen, Evidence())
    async with world.db("attendance").transaction() as tx:
        await flags.put(tx, [found], now=now, due_at=now + dt.timedelta(days=3), asked_since=now)
    return str(found.flag_id)


def network_body(target: Target) -> dict[str, Any]:
    return {"network": "10.20.0.0/16", "opd_code": target.opd, "name": "Kantor", "reason": "uji"}


async def network(world: World, target: Target) -> str:
    network_id = str(uuid4())
    await world.call("PUT", f"/attendance/v1/networks/{network_id}", json=network_body(target))
    return network_id


FLAGGED: Mapping[str, Made] = {"flag_id": flag, "network_id": network}
FLAGGING: Mapping[str, Body] = {
    "POST /attendance/v1/flags/{flag_id}/decision": told(lambda _, __: {"decision": "dismissed", "reason": "uji"}),
    "PUT /attendance/v1/networks/{network_id}": told(lambda _, target: network_body(target)),
    "PUT /attendance/v1/networks/{network_id} #taken over": told(lambda _, __: network_body(TARGETS[0])),
    "POST /attendance/v1/networks/{network_id}/removal": told(lambda _, __: {"reason": "uji"}),
}
