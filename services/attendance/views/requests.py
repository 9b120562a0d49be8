"""Requests as who asked and who decides see them."""

import datetime as dt
from uuid import UUID

from services.attendance.store import directory
from shared.access import Principal
from shared.database import Tx
from shared.requests import Directory, Judge


async def judge(tx: Tx, who: Principal, employee_id: UUID, now: dt.datetime) -> Judge:
    """The caller, with what the directory says of them and of the person who asks."""
    people = await directory.people(tx, {employee_id, who.subject or employee_id})
    return Judge(who, people.get(who.subject) if who.subject else None, people.get(employee_id), now)


DIRECTORY = Directory("employee_fact", judge)
