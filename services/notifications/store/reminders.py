"""What time may bring to tell: who has not come, who owes a report and has sent none, whose reports wait."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.domain.reminders import Due, ReportRules
from shared.database import Tx

PersonDay = tuple[UUID, dt.date]


async def starts(tx: Tx, person_days: Sequence[PersonDay]) -> dict[PersonDay, dt.datetime]:
    """When people were to begin, of person-days whose plan is known and has hours."""
    people, dates = zip(*person_days, strict=True)
    rows = await tx.connection.fetch(
        """
        select employee_id, work_date, starts_at
        from unnest($1::uuid[], $2::date[]) as asked(employee_id, work_date)
        join plan using (employee_id, work_date)
        where starts_at is not null
        """,
        people,
        dates,
    )
    return {(row["employee_id"], row["work_date"]): row["starts_at"] for row in rows}


class Deferred(NamedTuple):
    """That the event `ce_id` is told at `tell_at`; None: not at all."""

    employee_id: UUID
    work_date: dt.date
    ce_id: UUID
    tell_at: dt.datetime | None


async def defer(tx: Tx, deferred: Collection[Deferred]) -> None:
    """Note when it is told that people were not on time, of verdicts that are still the newest."""
    people, dates, events, moments = zip(*deferred, strict=True)
    await tx.connection.execute(
        """
        update duty_state set tell_at = d.tell_at
        from unnest($1::uuid[], $2::date[], $3::uuid[], $4::timestamptz[])
            as d(employee_id, work_date, ce_id, tell_at)
        where duty_state.employee_id = d.employee_id and duty_state.work_date = d.work_date
            and duty_state.duty = 'on_time' and duty_state.ce_id = d.ce_id
        """,
        people,
        dates,
        events,
        moments,
    )


class NotOnTime(NamedTuple):
    """A verdict whose moment to be told has come. `came`: a check-in is known; `starts_at` null: nothing is
    planned by now."""

    employee_id: UUID
    work_date: dt.date
    ce_id: UUID
    not_met: bool
    starts_at: dt.datetime | None
    came: bool


async def take_not_on_time(tx: Tx, now: dt.datetime, limit: int) -> list[NotOnTime]:
    """Verdicts whose moment has come, longest due first: no other replica takes them, and none comes again."""
    rows = await tx.connection.fetch(
        """
        with due as (
            select employee_id, work_date, duty from duty_state
            where tell_at <= $1 order by tell_at limit $2 for update skip locked
        ), taken as (
            update duty_state s set tell_at = null from due
            where s.employee_id = due.employee_id and s.work_date = due.work_date and s.duty = due.duty
            returning s.employee_id, s.work_date, s.ce_id, s.state
        )
        select t.employee_id, t.work_date, t.ce_id, t.state = 'not_met' as not_met, p.starts_at,
            coalesce(place.state in ('met', 'not_met', 'unknown'), false) as came
        from taken t
        left join plan p on p.employee_id = t.employee_id and p.work_date = t.work_date
        left join duty_state place on place.employee_id = t.employee_id and place.work_date = t.work_date
            and place.duty = 'place'
        """,
        now,
        limit,
    )
    return [NotOnTime(**row) for row in rows]


async def report_rules(tx: Tx) -> list[ReportRules]:
    """What every version of the rules says of reports."""
    rows = await tx.connection.fetch(
        "select rules_version, effective_from, report_modes, report_cutoff from duty_rules"
    )
    return [ReportRules(**row) for row in rows]


async def holidays(tx: Tx, year: int) -> set[dt.date]:
    """The calendar's dates of a year; none where it is not known."""
    rows = await tx.connection.fetch(
        "select (h->>'date')::date as date from calendar, jsonb_array_elements(holidays) as h where year = $1",
        year,
    )
    return {row["date"] for row in rows}


async def first(tx: Tx, kind: Kind, date: dt.date, due_at: dt.datetime) -> bool:
    """Whether nobody has seen to this moment yet; from here on this transaction does."""
    row = await tx.connection.fetchrow(
        "insert into moment (kind, date, due_at) values ($1, $2, $3) on conflict do nothing returning kind",
        kind,
        date,
        due_at,
    )
    return row is not None


async def owing(tx: Tx, due: Due) -> list[UUID]:
    """Who owes a report at this cutoff, and has sent none."""
    rows = await tx.connection.fetch(
        """
        select p.employee_id from plan p
        where p.work_date = $1 and p.mode = any($2)
            and coalesce((p.ends_at at time zone 'Asia/Jakarta')::date, p.work_date) = $3
            and not exists (
                select from report r where r.work_date = p.work_date and r.employee_id = p.employee_id)
        order by p.employee_id
        """,
        due.work_date,
        list(due.modes),
        due.ends_on,
    )
    return [row["employee_id"] for row in rows]


class Waiting(NamedTuple):
    """What waits for one superior; where nobody is, for the head of a unit. `people`: whose reports they are."""

    superior: str
    people: list[UUID]
    waiting: int
    oldest: dt.date


async def reviews_waiting(tx: Tx, since: dt.date) -> list[Waiting]:
    """What waits for a review, by who is to review it, of work dates since then."""
    rows = await tx.connection.fetch(
        """
        select coalesce(p.supervisor_id::text, 'unit ' || p.unit_id) as superior,
            array_agg(distinct r.employee_id) as people, count(*) as waiting, min(r.work_date) as oldest
        from report r join recipient p using (employee_id)
        where r.work_date >= $1 and p.active
            and not exists (
                select from review v where v.report_id = r.report_id and v.report_revision = r.revision)
        group by superior
        having coalesce(p.supervisor_id::text, 'unit ' || p.unit_id) is not null
        order by superior
        """,
        since,
    )
    return [Waiting(**row) for row in rows]


async def unanswered(tx: Tx, causes: Collection[UUID]) -> set[UUID]:
    """Of digests that somebody is to see to, those of whose reports one still waits: nobody has reviewed it, and
    whose it is has sent no newer one."""
    rows = await tx.connection.fetch(
        """
        select e.cause_event_id from escalation e
        where e.kind = 'reviews.waiting' and e.ended_at is null and e.cause_event_id = any($1) and exists (
            select from report r
            where r.employee_id = any(e.people) and r.submitted_at <= e.since and not exists (
                select from review v where v.report_id = r.report_id and v.report_revision = r.revision))
        """,
        list(causes),
    )
    return {row["cause_event_id"] for row in rows}
