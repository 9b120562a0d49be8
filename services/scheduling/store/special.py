"""SQL of special hours: Ramadan, half days, a unit's own week."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.scheduling.domain.timetable import SpecialHours, minutes

_IN_SPAN = """
    select body, first, last from special_hours
    where not withdrawn and first <= $2 and (last is null or last >= $1) order by created_at, special_id
"""
_ALL = """
    select special_id, body, first, last, withdrawn, created_at from special_hours order by created_at, special_id
"""
_ADD = """
    insert into special_hours (special_id, body, first, last, created_at, created_by)
    values ($1, $2::jsonb, $3, $4, $5, $6)
"""
_WITHDRAW = "update special_hours set withdrawn = true where special_id = $1 and not withdrawn returning 1"


def _hours(body: Any) -> SpecialHours:
    weekdays = {
        int(day): None if hours is None else (minutes(hours[0]), minutes(hours[1]))
        for day, hours in body["weekdays"].items()
    }
    return SpecialHours(
        dt.date.fromisoformat(body["from"]),
        dt.date.fromisoformat(body["to"]) if body.get("to") else None,
        body["timetable"],
        weekdays,
        tuple(body.get("opd_codes", ())),
        tuple(body.get("unit_ids", ())),
    )


async def special_hours(connection: asyncpg.Connection, first: dt.date, last: dt.date) -> list[SpecialHours]:
    """Those that touch the span, oldest first; one day of grace on both sides for night shifts."""
    grace = dt.timedelta(1)
    return [_hours(row[0]) for row in await connection.fetch(_IN_SPAN, first - grace, last + grace)]


async def everything(connection: asyncpg.Connection) -> Sequence[Any]:
    return await connection.fetch(_ALL)


async def add(connection: asyncpg.Connection, special_id: UUID, body: dict[str, Any], *rest: Any) -> None:
    """Store one; `rest` is first, last, created_at, created_by."""
    await connection.execute(_ADD, special_id, json.dumps(body, default=str), *rest)


async def withdraw(connection: asyncpg.Connection, special_id: UUID) -> bool:
    """False if there is none in force with this id."""
    return bool(await connection.fetchval(_WITHDRAW, special_id))
