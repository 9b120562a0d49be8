"""Requests as who asked and who decides see them."""

import datetime as dt
from uuid import UUID

from services.attendance.store import directory
from shared import requests
from shared.access import Principal
from shared.database import Tx
from shared.requests import Judge, Listed, Part, Request, RequestWithTrail

MEMBERS = "employee_fact"
"""The directory, in SQL."""


async def mine(tx: Tx, me: UUID, part: Part) -> list[Request]:
    """A person's requests, newest first."""
    return await requests.mine(tx, me, part)


async def of_decider(tx: Tx, who: Principal, state: Listed, now: dt.datetime, part: Part) -> list[Request]:
    """Those that wait for the caller, or that they have decided."""
    return await requests.of_decider(tx, who, now, part, state=state, members=MEMBERS)


async def one(tx: Tx, who: Principal, request_id: UUID, now: dt.datetime) -> RequestWithTrail:
    """A request with its trail, for who asked and who decides."""
    asker = await requests.asker(tx, request_id)
    return await requests.with_trail(tx, request_id, await judge(tx, who, asker, now))


async def judge(tx: Tx, who: Principal, employee_id: UUID, now: dt.datetime) -> Judge:
    """The caller, with what the directory says of them and of the person who asks."""
    people = await directory.people(tx, {employee_id, who.subject or employee_id})
    return Judge(who, people.get(who.subject) if who.subject else None, people.get(employee_id), now)
