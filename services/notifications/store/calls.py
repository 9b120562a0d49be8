"""Calls for help, and the alerts that they are made from."""

import datetime as dt
from typing import Any, NamedTuple
from uuid import UUID

from services.notifications.domain.alerts import AlertState, state_of
from services.notifications.domain.kinds import Answer, Kind
from shared.database import Tx


class Alert(NamedTuple):
    """A message about a counter as its reader has it, and how it stands by now."""

    notification_id: UUID
    kind: Kind
    cause: UUID
    unit_id: str
    unit_name: str | None
    params: dict[str, Any]
    told_at: dt.datetime
    acknowledged_at: dt.datetime | None
    acknowledged_by: UUID | None
    state: AlertState


class Call(NamedTuple):
    """Somebody was asked."""

    call_id: UUID
    cause_event_id: UUID
    unit_id: str
    employee_id: UUID
    called_by: UUID | None
    called_at: dt.datetime
    until: dt.datetime | None
    answer: Answer | None
    answered_at: dt.datetime | None


_COLUMNS = ", ".join(Call._fields)


async def alert(tx: Tx, employee_id: UUID, notification_id: UUID) -> Alert | None:
    """A person's message that a counter is short or will be; None for anything else."""
    row = await tx.connection.fetchrow(
        """
        select m.notification_id, m.kind, m.cause_event_id as cause, m.subject as unit_id, u.name as unit_name,
            m.params, m.at as told_at, e.acknowledged_at, e.acknowledged_by,
            coalesce(c.alert = m.cause_event_id, false) as is_alert, c.alert is not null as alerted,
            coalesce(f.told = m.cause_event_id, false) as is_told,
            coalesce(f.status = 'will_fall_short', false) as foreseen
        from message m
            left join unit u on u.unit_id = m.subject
            left join counter c on c.unit_id = m.subject
            left join forecast f on f.unit_id = m.subject
            left join escalation e on e.cause_event_id = m.cause_event_id and e.kind = m.kind
        where m.notification_id = $1 and m.employee_id = $2 and m.status = 'delivered'
            and m.kind in ('counter.soon', 'counter.short') and m.subject is not null
        """,
        notification_id,
        employee_id,
    )
    return None if row is None else _alert(**row)


def _alert(*, is_alert: bool, alerted: bool, is_told: bool, foreseen: bool, **shown: Any) -> Alert:
    state = state_of(kind=shown["kind"], is_told=is_told, is_alert=is_alert, foreseen=foreseen, alerted=alerted)
    return Alert(**shown, state=state)


async def of_alert(tx: Tx, cause: UUID) -> list[Call]:
    """The calls made for an alert, the first ones first."""
    rows = await tx.connection.fetch(
        f"select {_COLUMNS} from call where cause_event_id = $1 order by called_at, call_id",  # noqa: S608 - declared names
        cause,
    )
    return [Call(**row) for row in rows]


async def taking_turns(tx: Tx, cause: UUID) -> None:
    """Until this transaction is over nobody else calls for the same alert."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('call ' || $1::text))", str(cause))


async def get(tx: Tx, call_id: UUID) -> Call | None:
    """A call."""
    row = await tx.connection.fetchrow(
        f"select {_COLUMNS} from call where call_id = $1",  # noqa: S608 - declared names
        call_id,
    )
    return None if row is None else Call(**row)


async def add(tx: Tx, call: Call) -> None:
    """Note a call."""
    await tx.connection.execute(
        f"insert into call ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",  # noqa: S608 - declared names
        *call,
    )


async def asked(tx: Tx, employee_id: UUID, notification_id: UUID) -> Call | None:
    """The call that a message asks its reader to answer, kept from everyone else; None for any other message."""
    row = await tx.connection.fetchrow(
        f"""
        select {", ".join(f"c.{name}" for name in Call._fields)}
        from message m join call c on c.call_id = m.cause_event_id
        where m.notification_id = $1 and m.employee_id = $2 and m.kind = 'counter.call' and m.status = 'delivered'
        for update of c
        """,  # noqa: S608 - declared names
        notification_id,
        employee_id,
    )
    return None if row is None else Call(**row)


async def set_answer(tx: Tx, call_id: UUID, answer: Answer, now: dt.datetime) -> None:
    """Note what was answered."""
    await tx.connection.execute(
        "update call set answer = $2, answered_at = $3 where call_id = $1", call_id, answer, now
    )
