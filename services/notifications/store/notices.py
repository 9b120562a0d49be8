"""Who is concerned by what is heard, what they were told before, and what is told now."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from services.notifications.domain.delivery import GIVE_UP, Going
from services.notifications.domain.kinds import Channel, Kind
from services.notifications.domain.news import LiveOutage, Notice, StandingAlert
from services.notifications.store import queue
from services.notifications.store.preferences import mutes
from shared.database import Tx
from shared.dates import local_date
from shared.events import Scope

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
    tx: Tx,
    scope: Scope,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    among: Sequence[UUID] | None = None,
) -> list[UUID]:
    """The people whom an outage concerns; with `among`, only those of them."""
    sql, more = (_IN_SCOPE, []) if among is None else (_IN_SCOPE + " and r.employee_id = any($7)", [among])
    rows = await tx.connection.fetch(
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


async def last_told(tx: Tx, subject: str, kind: Kind) -> list[UUID]:
    """The people whose newest message about `subject` is of this kind."""
    rows = await tx.connection.fetch(
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


class NearAlert(NamedTuple):
    """A standing alert, and how many steps of its rule have been told."""

    alert: StandingAlert
    steps: int


async def alerts_near(tx: Tx, employees: Sequence[UUID], since: dt.datetime) -> list[NearAlert]:
    """The standing alerts heard since then that these people have to do with."""
    rows = await tx.connection.fetch(
        """
        select distinct c.unit_id, c.opd_code, c.required, c.present_low, c.as_of, c.alert,
            coalesce(e.step, 0) as steps
        from counter c join recipient r on r.unit_id = c.unit_id or r.heads ?| array[c.unit_id, c.opd_code]
            left join escalation e on e.kind = 'counter.short' and e.cause_event_id = c.alert
        where c.alert is not null and c.heard_at >= $2 and r.employee_id = any($1)
        """,
        employees,
        since,
    )
    return [_near(**row) for row in rows]


def _near(*, steps: int, **alert: Any) -> NearAlert:
    return NearAlert(StandingAlert(**alert), steps)


class CounterAlert(NamedTuple):
    """Which alert stands for a counter now that the event `ce_id` has said how it is; None for none."""

    unit_id: str
    ce_id: UUID
    alert: UUID | None


async def set_alerts(tx: Tx, alerts: Iterable[CounterAlert]) -> None:
    """Note which alert stands, of counters whose newest event is still the one that said so."""
    units, events, standing = zip(*alerts, strict=True)
    await tx.connection.execute(
        """
        update counter set alert = now.alert
        from unnest($1::text[], $2::uuid[], $3::uuid[]) as now(unit_id, ce_id, alert)
        where counter.unit_id = now.unit_id and counter.ce_id = now.ce_id
        """,
        units,
        events,
        standing,
    )


async def live_outages(tx: Tx, now: dt.datetime, since: dt.datetime) -> list[LiveOutage]:
    """Outages heard of since then that are not revoked and not over."""
    rows = await tx.connection.fetch(
        """
        select outage_id, scope, starts_at, ends_at, reason, ce_id from outage
        where not revoked and ends_at > $1 and heard_at >= $2
        """,
        now,
        since,
    )
    return [LiveOutage(**row)._replace(scope=Scope.model_validate(row["scope"])) for row in rows]


_json = msgspec.json.Encoder().encode

_DELIVER = f"""
    with told as (
        insert into message (notification_id, employee_id, kind, cause_event_id, subject, params, status, at)
        select n.id, n.employee_id, n.kind, n.cause, n.subject, n.params,
            case when n.kind <> all($8::text[]) and {mutes("n.kind", "'inbox'")} then 'suppressed'
                else 'delivered' end, $7
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[])
            with ordinality as n(id, employee_id, kind, cause, subject, params, nth)
        left join recipient r on r.employee_id = n.employee_id
        left join preference p on p.employee_id = n.employee_id
        where r.active is not false and not exists (select from joined j where j.notice_id = n.id)
        order by n.nth
        on conflict do nothing
        returning notification_id, employee_id, kind, cause_event_id, status, place
    ),
    going as (
        select * from unnest($9::text[], $10::text[], $11::text[], $12::boolean[], $13::float8[])
            as g(kind, way, channel, urgent, held_s)
    ),
    {queue.enqueue("$14::interval")}
    select told.notification_id, told.status, hushed.channels as hushed, (select count(*) from queued) as queued
    from told left join (
        select notification_id, array_agg(distinct channel) as channels from due
        where muted and status = 'delivered' group by notification_id
    ) as hushed using (notification_id)
"""  # noqa: S608 - the statement is put together of those above


class Told(NamedTuple):
    """A message that is new. `suppressed`: its reader does not want this kind; it is kept and never shown."""

    notification_id: UUID
    notice: Notice
    status: Literal["delivered", "suppressed"]
    hushed: Sequence[Channel]
    """By these it would have gone out, had its reader not turned them off."""


async def deliver(
    tx: Tx, notices: Sequence[Notice], now: dt.datetime, *, going: Sequence[Going] = (), fixed: Sequence[Kind] = ()
) -> list[Told]:
    """Put notices into inboxes, and on their ways out; those that were not there yet.

    People who have left or were erased get nothing; people the directory does not know yet do. Kinds in `fixed`
    nobody can turn off in their inbox.
    """
    by_id = {notice.id: notice for notice in notices}
    rows = await tx.connection.fetch(
        _DELIVER,
        list(by_id),
        [notice.employee_id for notice in by_id.values()],
        [notice.kind for notice in by_id.values()],
        [notice.cause for notice in by_id.values()],
        [notice.subject for notice in by_id.values()],
        [_json(notice.params).decode() for notice in by_id.values()],
        now,
        fixed,
        [one.kind for one in going],
        [one.way for one in going],
        [one.channel for one in going],
        [one.urgent for one in going],
        [one.held_s for one in going],
        GIVE_UP,
    )
    if any(row["queued"] for row in rows[:1]):
        await queue.wake(tx)
    return [
        Told(row["notification_id"], by_id[row["notification_id"]], row["status"], row["hushed"] or ())
        for row in rows
    ]
