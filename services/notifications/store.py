"""All SQL of the notifications service."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg

from services.notifications.domain import Channel, Kind, Notice
from shared import outbox
from shared.database import Tx
from shared.dates import local_date
from shared.events import NotificationSent, Scope
from shared.facts import ABSORBING
from shared.outbox import Outgoing

Connection = asyncpg.Connection
CHUNK = 1000
"""Messages written at once. Between chunks other requests of the process get their turn."""


# Whom an outage concerns: who has a plan to work in its scope on its dates (a night shift of the day before counts
# while it lasts); with no plan known, who the directory says belongs there. Those on leave are left in peace.
_IN_SCOPE = """
    with planned as (
        select employee_id,
            bool_or(work_date >= $4) as known,
            bool_or(mode in ('WFO', 'WFH', 'DUTY_TRAVEL') and ($1 or opd_code = any($2) or unit_id = any($3))
                and (work_date >= $4 or ends_at >= $6)) as concerned
        from plan where work_date between $4::date - 1 and $5::date
        group by employee_id
    )
    select employee_id from recipient r left join planned p using (employee_id)
    where r.active and (p.concerned
        or p.known is not true and ($1 or r.opd_code = any($2) or r.unit_id = any($3)))
"""


async def in_scope(
    connection: Connection,
    scope: Scope,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    among: Sequence[UUID] | None = None,
) -> list[UUID]:
    """The people whom an outage concerns; with `among`, only those of them."""
    sql, more = (_IN_SCOPE, []) if among is None else (_IN_SCOPE + " and r.employee_id = any($7)", [among])
    rows = await connection.fetch(
        sql,
        scope.all,
        scope.opd_codes,
        scope.unit_ids,
        local_date(starts_at),
        local_date(ends_at),
        starts_at,
        *more,
    )
    return [row["employee_id"] for row in rows]


async def last_told(connection: Connection, subject: str, kind: Kind) -> list[UUID]:
    """The people whose newest message about `subject` is of this kind."""
    rows = await connection.fetch(
        """
        select employee_id from (
            select distinct on (employee_id) employee_id, kind from message
            where subject = $1 order by employee_id, place desc
        ) as newest where kind = $2
        """,
        subject,
        kind,
    )
    return [row["employee_id"] for row in rows]


async def told_by(connection: Connection, subject: str, cause: UUID) -> list[UUID]:
    """The people who got a message about `subject` because of one event."""
    rows = await connection.fetch(
        "select employee_id from message where subject = $1 and cause_event_id = $2", subject, cause
    )
    return [row["employee_id"] for row in rows]


async def answerable_for(connection: Connection, unit_id: str, opd_code: str) -> list[UUID]:
    """Who can put someone at this counter: heads of the unit and of its OPD, and the supervisors (and acting
    deputies) of the people posted there; nobody who has left."""
    rows = await connection.fetch(
        """
        with answerable as (
            select employee_id from recipient where heads ?| array[$1, $2]
            union
            select supervisor_id from recipient where active and unit_id = $1 and supervisor_id is not null
            union
            select acting_supervisor_id from recipient
            where active and unit_id = $1 and acting_supervisor_id is not null
        )
        select employee_id from answerable
        except select employee_id from recipient where not active
        """,
        unit_id,
        opd_code,
    )
    return [row["employee_id"] for row in rows]


async def alerts_near(
    connection: Connection, employees: Sequence[UUID], since: dt.datetime
) -> list[dict[str, Any]]:
    """The counters with a standing alert heard since then that these people have to do with."""
    rows = await connection.fetch(
        """
        select distinct c.* from counter c join recipient r
            on r.unit_id = c.unit_id or r.heads ?| array[c.unit_id, c.opd_code]
        where c.alert is not null and c.heard_at >= $2 and r.employee_id = any($1)
        """,
        employees,
        since,
    )
    return [dict(row) for row in rows]


async def set_alerts(connection: Connection, alerts: Iterable[tuple[str, UUID, UUID | None]]) -> None:
    """Note of counters, as an event has just said how they are, which alert now stands: (unit, event, alert)."""
    units, events, standing = zip(*alerts, strict=True)
    await connection.execute(
        """
        update counter set alert = now.alert
        from unnest($1::text[], $2::uuid[], $3::uuid[]) as now(unit_id, ce_id, alert)
        where counter.unit_id = now.unit_id and counter.ce_id = now.ce_id
        """,
        units,
        events,
        standing,
    )


async def live_outages(connection: Connection, now: dt.datetime, since: dt.datetime) -> list[dict[str, Any]]:
    """Outages heard of since then that are not revoked and not over."""
    rows = await connection.fetch(
        "select * from outage where not revoked and ends_at > $1 and heard_at >= $2", now, since
    )
    return [dict(row) for row in rows]


async def forget(connection: Connection, employees: Sequence[UUID]) -> None:
    """Erase what is kept about people: their messages, preferences and facts."""
    for table in ("message", "preference", "plan", "duty_state"):
        await connection.execute(f"delete from {table} where employee_id = any($1)", employees)  # noqa: S608 - names above


async def forget_erased(connection: Connection) -> None:
    """Erase again what the log brought back about people who are erased."""
    for table in ("plan", "duty_state"):
        await connection.execute(
            f"delete from {table} t using recipient r where r.employee_id = t.employee_id and r.revision = $1",  # noqa: S608 - names above
            ABSORBING,
        )


_DELIVER = """
    insert into message (notification_id, employee_id, kind, cause_event_id, subject, params, status, at)
    select n.id, n.employee_id, n.kind, n.cause, n.subject, n.params,
        case when p.muted_kinds ? n.kind or p.muted_channels ? 'inbox' then 'suppressed' else 'delivered' end, $7
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[])
        with ordinality as n(id, employee_id, kind, cause, subject, params, nth)
    left join recipient r on r.employee_id = n.employee_id
    left join preference p on p.employee_id = n.employee_id
    where r.active is not false
    order by n.nth
    on conflict do nothing
    returning notification_id, employee_id, kind, cause_event_id, status
"""


async def deliver(tx: Tx, notices: Iterable[Notice], now: dt.datetime, *, source: str) -> dict[str, int]:
    """Put notices into inboxes and publish each that was not there yet. Returns how many by kind.

    People who have left or were erased get nothing; people the directory does not know yet do.
    """
    told: dict[str, int] = {}
    waiting = iter(notices)
    while chunk := list(islice(waiting, CHUNK)):
        rows = await tx.connection.fetch(
            _DELIVER,
            [one.id for one in chunk],
            [one.employee_id for one in chunk],
            [one.kind for one in chunk],
            [one.cause for one in chunk],
            [one.subject for one in chunk],
            [json.dumps(one.params) for one in chunk],
            now,
        )
        await outbox.add(tx, [_sent(row, now) for row in rows], source=source)
        for row in rows:
            told[row["kind"]] = told.get(row["kind"], 0) + 1
    return told


def _sent(row: Any, now: dt.datetime) -> Outgoing:
    event = NotificationSent(
        notification_id=row["notification_id"],
        employee_id=row["employee_id"],
        kind=row["kind"],
        channel="inbox",
        status=row["status"],
        cause_event_id=row["cause_event_id"],
        at=now,
    )
    return Outgoing(event, id=event.notification_id, time=now)


async def inbox(
    connection: Connection, employee_id: UUID, *, before: int | None, limit: int, unread_only: bool
) -> list[dict[str, Any]]:
    """Messages of one person, newest first, from the place before `before`."""
    rows = await connection.fetch(
        """
        select m.notification_id, m.place, m.kind, m.cause_event_id, m.subject, m.params, m.at, m.read_at,
            u.name as unit_name
        from message m left join unit u on u.unit_id = m.subject
        where m.employee_id = $1 and m.status = 'delivered' and ($2::bigint is null or m.place < $2)
            and (not $4 or m.read_at is null)
        order by m.place desc limit $3
        """,
        employee_id,
        before,
        limit,
        unread_only,
    )
    return [dict(row) for row in rows]


async def unread(connection: Connection, employee_id: UUID) -> int:
    """How many messages of a person wait to be read."""
    rows = await connection.fetch(
        "select 1 from message where employee_id = $1 and status = 'delivered' and read_at is null", employee_id
    )
    return len(rows)


async def mark_read(
    connection: Connection, employee_id: UUID, notification_id: UUID, now: dt.datetime
) -> dt.datetime | None:
    """When the message was first read; None if this person has no such message."""
    return await connection.fetchval(
        """
        update message set read_at = coalesce(read_at, $3)
        where notification_id = $2 and employee_id = $1 and status = 'delivered' returning read_at
        """,
        employee_id,
        notification_id,
        now,
    )


async def mark_all_read(connection: Connection, employee_id: UUID, now: dt.datetime) -> int:
    """Mark everything in a person's inbox as read; returns how many were not."""
    tag = await connection.execute(
        "update message set read_at = $2 where employee_id = $1 and status = 'delivered' and read_at is null",
        employee_id,
        now,
    )
    return int(tag.split()[-1])


async def preference(connection: Connection, employee_id: UUID) -> dict[str, Any]:
    """What a person asked for; the defaults if they never did."""
    row = await connection.fetchrow(
        "select language, muted_channels, muted_kinds from preference where employee_id = $1", employee_id
    )
    return dict(row) if row else {"language": None, "muted_channels": [], "muted_kinds": []}


async def set_preference(
    connection: Connection,
    employee_id: UUID,
    *,
    language: str | None,
    muted_channels: Sequence[Channel],
    muted_kinds: Sequence[Kind],
) -> None:
    await connection.execute(
        """
        insert into preference (employee_id, language, muted_channels, muted_kinds) values ($1, $2, $3, $4)
        on conflict (employee_id) do update set language = excluded.language,
            muted_channels = excluded.muted_channels, muted_kinds = excluded.muted_kinds
        """,
        employee_id,
        language,
        json.dumps(muted_channels),
        json.dumps(muted_kinds),
    )


async def prune(connection: Connection, *, facts_before: dt.date, messages_before: dt.datetime) -> None:
    """Delete facts about days long gone, which nothing fresh can concern, and old messages."""
    for table in ("plan", "duty_state", "review"):
        await connection.execute(f"delete from {table} where work_date < $1", facts_before)  # noqa: S608 - names above
    await connection.execute("delete from message where at < $1", messages_before)
