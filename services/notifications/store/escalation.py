"""What waits for somebody to see to it."""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.domain.telling import Telling, Waits
from shared.database import Tx


class Begun(NamedTuple):
    """What has just been told first, and when the others are to hear of it."""

    telling: Telling
    due_at: dt.datetime


class Waiting(NamedTuple):
    """What nobody has seen to; `params` as they are now."""

    telling: Telling
    since: dt.datetime


class Seen(NamedTuple):
    """When something was acknowledged first."""

    notification_id: UUID
    acknowledged_at: dt.datetime


STANDS = "e.step, e.due_at, e.acknowledged_at, e.ended_at"
"""Columns of `Stands`, of the row `e`; null where a message asks nobody to see to anything."""


class Stands(Protocol):
    """A row with the columns of STANDS."""

    @property
    def step(self) -> int | None: ...
    @property
    def due_at(self) -> dt.datetime | None: ...
    @property
    def acknowledged_at(self) -> dt.datetime | None: ...
    @property
    def ended_at(self) -> dt.datetime | None: ...


def waits(row: Stands) -> Waits | None:
    """How it stands with what a message asks for; None where it asks for nothing."""
    return None if row.step is None else Waits(row.step, row.due_at, row.acknowledged_at, row.ended_at)


async def begin(tx: Tx, begun: Sequence[Begun], now: dt.datetime) -> None:
    """Wait for somebody to see to it. What is waited for, or was, stays as it is."""
    await tx.connection.executemany(
        """
        insert into escalation
            (cause_event_id, kind, subject, params, people, unit_id, opd_codes, since, step, due_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9) on conflict do nothing
        """,
        [
            (
                telling.cause,
                telling.kind,
                telling.subject,
                json.dumps(telling.params),
                list(telling.people),
                telling.unit_id,
                None if telling.opd_codes is None else list(telling.opd_codes),
                now,
                due_at,
            )
            for telling, due_at in begun
        ],
    )


async def due(tx: Tx, now: dt.datetime, limit: int) -> list[Waiting]:
    """What is due for its next step, longest due first; no other replica sees it before this transaction is over.

    A counter's figures are those of now.
    """
    rows = await tx.connection.fetch(
        """
        select e.cause_event_id as cause, e.kind, e.subject, e.people, e.unit_id, e.opd_codes, e.since, e.step,
            e.params || case when c.unit_id is null then '{}' else jsonb_build_object(
                'required', c.required, 'present', c.present_low, 'as_of', c.as_of) end as params
        from escalation e
        left join counter c on e.kind = 'counter.short' and c.unit_id = e.subject and c.alert = e.cause_event_id
        where e.ended_at is null and e.due_at <= $1
        order by e.due_at, e.cause_event_id limit $2 for update of e skip locked
        """,
        now,
        limit,
    )
    return [_waiting(**row) for row in rows]


def _waiting(*, since: dt.datetime, step: int, **telling: Any) -> Waiting:
    return Waiting(Telling(**telling, steps=step), since)


async def stepped(tx: Tx, telling: Telling, due_at: dt.datetime | None) -> None:
    """Note that so many steps are told, and when the next one is due."""
    await tx.connection.execute(
        "update escalation set step = $3, due_at = $4 where cause_event_id = $1 and kind = $2",
        telling.cause,
        telling.kind,
        telling.steps,
        due_at,
    )


async def renew(tx: Tx, kind: Kind, cause: UUID, telling: Telling) -> None:
    """What waits because of `cause` goes on as what is told now: whoever reads the newest message of it may see to
    it there. Since when it waits, and for whom, stays."""
    await tx.connection.execute(
        """
        update escalation set cause_event_id = $3, params = $4
        where kind = $1 and cause_event_id = $2 and ended_at is null
        """,
        kind,
        cause,
        telling.cause,
        json.dumps(telling.params),
    )


async def end(tx: Tx, kind: Kind, causes: Collection[UUID], now: dt.datetime) -> None:
    """It is over: nobody else has to hear of it."""
    await tx.connection.execute(
        """
        update escalation set ended_at = $3 where kind = $1 and cause_event_id = any($2) and ended_at is null
        """,
        kind,
        list(causes),
        now,
    )


async def end_about(tx: Tx, kind: Kind, subjects: Collection[str], now: dt.datetime) -> None:
    """The same for all of a kind that is about these subjects."""
    await tx.connection.execute(
        "update escalation set ended_at = $3 where kind = $1 and subject = any($2) and ended_at is null",
        kind,
        list(subjects),
        now,
    )


async def acknowledge(tx: Tx, employee_id: UUID, notification_id: UUID, now: dt.datetime) -> Seen | None:
    """Somebody who was told sees to it. Who was first stays so. None where there is nothing that they could."""
    row = await tx.connection.fetchrow(
        """
        update escalation e set
            acknowledged_at = coalesce(e.acknowledged_at, $3),
            acknowledged_by = coalesce(e.acknowledged_by, $1),
            ended_at = coalesce(e.ended_at, $3)
        from message m
        where m.notification_id = $2 and m.employee_id = $1 and m.status = 'delivered'
            and e.cause_event_id = m.cause_event_id and e.kind = m.kind
        returning m.notification_id, e.subject, e.cause_event_id, e.kind, e.acknowledged_at,
            e.acknowledged_at = $3 as first
        """,
        employee_id,
        notification_id,
        now,
    )
    if row is None:
        return None
    if row["first"]:
        # Written anew, so that whoever follows their inbox hears of it (`store.live`).
        await tx.connection.execute(
            "update message set read_at = read_at where subject = $1 and cause_event_id = $2 and kind = $3",
            row["subject"],
            row["cause_event_id"],
            row["kind"],
        )
    return Seen(row["notification_id"], row["acknowledged_at"])
