"""What goes: what is kept about people who are erased, facts of days long gone, old messages."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from shared.database import Tx
from shared.dates import midnight
from shared.facts import ABSORBING

_OF_PEOPLE = ("plan", "duty_state", "report", "correction_decision", "absence_decision")
"""Facts about one person each; a review names nobody."""


async def forget(tx: Tx, employees: Sequence[UUID]) -> None:
    """Erase what is kept about people: their messages, also on their way out, preferences, browsers, facts, calls,
    and that they saw to something."""
    await tx.connection.execute("delete from delivery where recipient = any($1)", employees)
    for table in ("message", "call", "preference", "push_device", *_OF_PEOPLE):
        await tx.connection.execute(f"delete from {table} where employee_id = any($1)", employees)  # noqa: S608 - names above
    await tx.connection.execute("update call set called_by = null where called_by = any($1)", employees)
    # Whom an alert proposed is told to others; one who is erased is proposed no more.
    await tx.connection.execute(
        """
        update message set params = jsonb_set(params, '{substitutes}', (
            select coalesce(jsonb_agg(id), '[]') from jsonb_array_elements_text(params->'substitutes') as id
            where id <> all($1)
        ))
        where params->'substitutes' ?| $1
        """,
        [str(one) for one in employees],
    )
    await tx.connection.execute(
        """
        update escalation set people = array(select unnest(people) except select unnest($1::uuid[])),
            acknowledged_by = case when acknowledged_by = any($1) then null else acknowledged_by end
        where people && $1 or acknowledged_by = any($1)
        """,
        employees,
    )


async def forget_erased(tx: Tx) -> None:
    """Erase again what the log brought back about people who are erased."""
    for table in _OF_PEOPLE:
        await tx.connection.execute(
            f"delete from {table} t using recipient r where r.employee_id = t.employee_id and r.revision = $1",  # noqa: S608 - names above
            ABSORBING,
        )


async def prune(tx: Tx, *, facts_before: dt.date, messages_before: dt.datetime) -> None:
    """Delete facts about days long gone, which nothing fresh can concern, and old messages."""
    for table in ("plan", "duty_state", "report", "review"):
        await tx.connection.execute(f"delete from {table} where work_date < $1", facts_before)  # noqa: S608 - names above
    for table in ("correction_decision", "absence_decision"):
        await tx.connection.execute(f"delete from {table} where decided_at < $1", midnight(facts_before))  # noqa: S608 - as above
    await tx.connection.execute("delete from moment where date < $1", facts_before)
    await tx.connection.execute("delete from message where at < $1", messages_before)
    await tx.connection.execute("delete from call where called_at < $1", messages_before)
    await tx.connection.execute("delete from escalation where since < $1", messages_before)
