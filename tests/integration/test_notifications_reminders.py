"""What time brings to tell: to who has not come, who owes a report, whose reviews wait; on a real PostgreSQL."""

import asyncio
import datetime as dt
import random
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications.commands import acknowledge, escalation
from services.notifications.tasks import reminders
from shared.bus import HandlerContext
from shared.events import (
    AbsenceDecided,
    CalendarChanged,
    CorrectionDecided,
    Event,
    Holiday,
    Received,
    ReportSubmitted,
    RulesChanged,
    ScheduleChanged,
)
from tests.integration.test_notifications_telling import (
    ADI,
    BUDI,
    CITRA,
    DEWI,
    EKO,
    NOW,
    TODAY,
    WIB,
    Hear,
    clock,
    context,
    hear,
    kinds,
    messages,
    person,
    plan,
    received,
    review,
    verdict,
)

__all__ = ["context", "hear"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


def at(hour: int, minute: int = 0, date: dt.date = TODAY) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(hour, minute), WIB)


def on(day: int) -> dt.date:
    """A date of November 2025; the 6th is a Thursday."""
    return TODAY.replace(day=day)


async def look(context: HandlerContext, now: dt.datetime) -> list[tuple[UUID, str]]:
    """What is told by a round at `now`, the escalation's among it."""
    clock(context).set(now)
    before = len(await messages(context.db))
    await reminders.look(context.db, now)
    async with context.db.transaction() as tx:
        await escalation.step(tx, now)
    return (await messages(context.db))[before:]


def late(employee_id: UUID = ADI, revision: int = 1) -> Received:
    return received(verdict("not_met", "pending", revision, employee_id, "on_time"), at=at(7, 31))


async def test_who_has_not_come_is_asked_to_a_while_after_the_start(context: HandlerContext, hear: Hear) -> None:
    clock(context).set(at(7, 31))
    story = [
        *await hear(person(ADI), person(BUDI), plan(ADI), plan(BUDI)),
        *await hear(late(ADI), late(BUDI)),
        *await hear(verdict("met", employee_id=BUDI, duty="place")),
    ]
    assert await look(context, at(7, 44)) == []
    assert await look(context, at(7, 45)) == [(ADI, "checkin.missing"), (BUDI, "duty.not_met")]
    for now in (at(7, 46), at(7, 0), at(7, 50), at(7, 45, on(7))):
        await hear(*story)
        assert await look(context, now) == []


async def test_a_message_to_check_in_says_when_the_day_began(context: HandlerContext, hear: Hear) -> None:
    clock(context).set(at(7, 31))
    await hear(person(ADI), plan(ADI), late())
    await look(context, at(7, 45))
    async with context.db.read() as tx:
        params = await tx.connection.fetchval("select params from message where kind = 'checkin.missing'")
    assert params == {"work_date": TODAY.isoformat(), "starts_at": "2025-11-06T00:30:00+00:00"}


async def test_what_is_heard_too_late_to_ask_is_told_at_once(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), plan(ADI), late(BUDI))
    assert await kinds(context.db, BUDI) == ["duty.not_met"], "no plan of theirs is known"
    clock(context).set(at(7, 50))
    await hear(late(ADI))
    assert (await kinds(context.db, ADI))[1:] == ["duty.not_met"]
    assert await look(context, at(7, 51)) == []


@pytest.mark.parametrize(
    ("back", "told"),
    [
        (at(8, 5), ["checkin.missing"]),
        (at(9, 31), ["duty.not_met"]),
        (at(7, 45, on(7)), ["duty.not_met"]),
        (at(7, 45, on(10)), []),
    ],
)
async def test_after_a_pause_only_what_is_still_of_use_is_told(
    context: HandlerContext, hear: Hear, back: dt.datetime, told: list[str]
) -> None:
    clock(context).set(at(7, 31))
    await hear(person(ADI), plan(ADI), late())
    assert [kind for _, kind in await look(context, back) if kind != "digest.head"] == told


@pytest.mark.parametrize(
    ("state", "told"),
    [("met", []), ("not_due", []), ("unknown", ["duty.unknown"]), ("not_met", ["checkin.missing"])],
)
async def test_a_verdict_that_changes_before_anybody_was_told_takes_nothing_back(
    context: HandlerContext, hear: Hear, state: str, told: list[str]
) -> None:
    for together in (True, False):
        someone = uuid4()
        clock(context).set(at(7, 31))
        await hear(person(someone), plan(someone))
        first, then = late(someone), verdict(state, "not_met", 2, someone, "on_time")
        await (hear(first, then) if together else hear(first))
        if not together:
            await hear(then)
        await look(context, at(7, 45))
        assert (await kinds(context.db, someone))[1:] == told


async def test_how_verdicts_are_cut_into_batches_makes_no_difference(context: HandlerContext, hear: Hear) -> None:
    randomly = random.Random(7)
    stories = [("not_met", "met"), ("not_met", "met", "not_met"), ("not_met", "unknown", "not_met"), ("not_met",)]
    for states in stories:
        whole, cut = uuid4(), uuid4()
        clock(context).set(at(7, 31))
        await hear(person(whole), person(cut), plan(whole), plan(cut))
        for one, parts in ((whole, 1), (cut, 3)):
            verdicts = [
                verdict(state, "pending", nth, one, "on_time") for nth, state in enumerate(states, start=1)
            ]
            edges = sorted(randomly.randrange(len(verdicts) + 1) for _ in range(parts - 1))
            for first, last in pairwise([0, *edges, len(verdicts)]):
                if first < last:
                    await hear(*verdicts[first:last])
        await look(context, at(7, 45))
        assert await kinds(context.db, whole) == await kinds(context.db, cut), states


async def test_who_is_on_leave_by_then_is_left_in_peace(context: HandlerContext, hear: Hear) -> None:
    clock(context).set(at(7, 31))
    await hear(person(ADI), plan(ADI), late())
    await hear(plan(ADI, "LEAVE", 2))
    assert await look(context, at(7, 45)) == []


async def test_where_nobody_wants_reminders_the_verdict_is_told_at_once(
    context: HandlerContext, hear: Hear
) -> None:
    clock(context).set(at(7, 31))
    async with context.db.transaction() as tx:
        await tx.connection.execute(
            "insert into rule (kind, version, content, changed_by, changed_at, reason) values "
            """('checkin.missing', 1, '{"on": false, "to": ["person"], "minutes": 15}', $1, $2, 'uji')""",
            EKO,
            NOW,
        )
    await hear(person(ADI), plan(ADI), late())
    assert (await kinds(context.db, ADI))[1:] == ["duty.not_met"]
    assert await look(context, at(7, 45)) == []


async def test_replicas_that_look_at_once_tell_it_once(context: HandlerContext, hear: Hear) -> None:
    clock(context).set(at(7, 31))
    people = [uuid4() for _ in range(40)]
    await hear(*(person(one) for one in people), *(plan(one) for one in people))
    await hear(*(late(one) for one in people))
    told = await asyncio.gather(*(reminders.look(context.db, at(7, 45)) for _ in range(4)))
    assert sum(one["checkin.missing"] for one in told) == 40
    asked = [employee for employee, kind in await messages(context.db) if kind == "checkin.missing"]
    assert sorted(asked) == sorted(people)
    again = await asyncio.gather(*(reminders.look(context.db, at(15, 30)) for _ in range(4)))
    assert sum(one.total() for one in again) == 0, "with no rules in force a report is due at midnight"
    again = await asyncio.gather(*(reminders.look(context.db, at(23)) for _ in range(4)))
    assert [one.total() for one in again if one] == [40]


# --- reports -------------------------------------------------------------------------------------------


def rules(cutoff: str = "16:30", modes: tuple[str, ...] = ("WFO", "WFH"), **more: Any) -> RulesChanged:
    return RulesChanged.model_validate(
        {
            "rules_version": "r1",
            "effective_from": "2025-11-01",
            "tolerance_minutes": 0,
            "report_modes": modes,
            "report_cutoff": cutoff,
            "review_sla_working_days": 3,
            **more,
        }
    )


def report(employee_id: UUID = ADI, date: dt.date = TODAY, revision: int = 1, **more: Any) -> ReportSubmitted:
    return ReportSubmitted.model_validate(
        {
            "report_id": UUID(int=date.toordinal() << 64 | employee_id.int & (1 << 64) - 1),
            "employee_id": employee_id,
            "opd_code": "DISDIK",
            "work_date": date,
            "revision": revision,
            "submitted_at": at(15, 0, date),
            "items": [],
            **more,
        }
    )


async def reminded(context: HandlerContext, now: dt.datetime) -> set[UUID]:
    return {employee for employee, kind in await look(context, now) if kind == "report.missing"}


async def test_who_owes_a_report_and_has_sent_none_is_reminded_an_hour_before(
    context: HandlerContext, hear: Hear
) -> None:
    people = (ADI, BUDI, CITRA, DEWI)
    await hear(rules(modes=("WFO",)), *map(person, people), plan(ADI), plan(BUDI), plan(CITRA, "WFH"))
    await hear(plan(DEWI, "LEAVE"), report(BUDI))
    assert await reminded(context, at(15, 29)) == set()
    assert await reminded(context, at(15, 30)) == {ADI}
    for now in (at(15, 31), at(16, 30), at(12), at(15, 45), at(15, 30, on(7))):
        assert await reminded(context, now) == set()


async def test_a_cutoff_that_is_over_reminds_nobody_and_one_that_runs_still_does(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(rules(), person(ADI), person(BUDI), plan(ADI), plan(BUDI, date=on(7)))
    assert await reminded(context, at(16, 30)) == set()
    assert await reminded(context, at(16, 29, on(7))) == {BUDI}


async def test_a_night_shift_owes_its_report_on_the_date_on_which_it_ends(
    context: HandlerContext, hear: Hear
) -> None:
    night = plan(ADI).model_copy(update={"starts_at": at(22), "ends_at": at(6, 0, on(7))})
    await hear(rules(), person(ADI), ScheduleChanged.model_validate(night.model_dump()))
    assert await reminded(context, at(15, 30)) == set()
    assert await reminded(context, at(15, 30, on(7))) == {ADI}


async def test_the_version_in_force_on_the_work_date_says_who_owes_a_report_and_until_when(
    context: HandlerContext, hear: Hear
) -> None:
    later = rules("20:00", ("DUTY_TRAVEL",), rules_version="r2", effective_from="2025-11-07")
    await hear(later, rules(), person(ADI), plan(ADI, date=on(7)), plan(ADI), person(BUDI))
    await hear(plan(BUDI, "DUTY_TRAVEL", date=on(7)))
    assert await reminded(context, at(15, 30)) == {ADI}
    assert await reminded(context, at(15, 30, on(7))) == set()
    assert await reminded(context, at(19, 0, on(7))) == {BUDI}


# --- reviews -------------------------------------------------------------------------------------------


async def team(hear: Hear) -> None:
    """Adi and Dewi report to Budi, in whose place Citra acts; Eko heads the OPD."""
    mates = [person(one, supervisor_id=BUDI, acting_supervisor_id=CITRA) for one in (ADI, DEWI)]
    await hear(*mates, person(BUDI), person(CITRA), person(EKO, heads=["DISDIK"]))


async def digests(context: HandlerContext, now: dt.datetime) -> list[UUID]:
    return [employee for employee, kind in await look(context, now) if kind == "reviews.waiting"]


def decided(of: ReportSubmitted) -> Event:
    return review("accepted", report=of.report_id, report_revision=of.revision, employee_id=of.employee_id)


async def test_a_superior_hears_once_a_day_what_waits_and_nothing_where_nothing_does(
    context: HandlerContext, hear: Hear
) -> None:
    await team(hear)
    first, second = report(ADI, on(5)), report(DEWI, on(6))
    assert await digests(context, at(16, 30)) == []
    await hear(first, second)
    assert await digests(context, at(16, 31)) == [], "it was looked at today"
    assert await digests(context, at(16, 29, on(7))) == []
    assert await digests(context, at(16, 30, on(7))) == [BUDI]
    async with context.db.read() as tx:
        params = await tx.connection.fetchval("select params from message where kind = 'reviews.waiting'")
    assert params == {"waiting": 2, "oldest": "2025-11-05"}
    await hear(decided(first), decided(second), report(ADI, on(5), 2))
    await hear(review("returned", report=first.report_id, report_revision=2))
    assert await digests(context, at(16, 30, on(10))) == []


async def test_days_on_which_nobody_works_bring_no_digest(context: HandlerContext, hear: Hear) -> None:
    await team(hear)
    holiday = Holiday(date=on(10), kind="national", name="Hari libur")
    await hear(report(), CalendarChanged(year=2025, revision=1, holidays=[holiday]))
    assert [await digests(context, at(17, 0, on(day))) for day in (8, 9, 10)] == [[], [], []]
    assert await digests(context, at(17, 0, on(11))) == [BUDI]


async def test_the_deputy_hears_after_a_day_and_the_head_after_two_working_ones(
    context: HandlerContext, hear: Hear
) -> None:
    await team(hear)
    await hear(report())
    assert await digests(context, at(16, 30)) == [BUDI]
    assert await digests(context, at(9, 0, on(7))) == []
    assert sorted(await digests(context, at(16, 30, on(7)))) == [BUDI, CITRA]
    assert await digests(context, at(16, 31, on(8))) == [], "on a Saturday nobody is told"
    assert await digests(context, at(16, 31, on(9))) == []
    assert EKO in await digests(context, at(16, 31, on(10)))
    assert EKO not in await digests(context, at(16, 31, on(11)))


async def test_what_was_waiting_and_is_reviewed_goes_no_further_though_more_has_come(
    context: HandlerContext, hear: Hear
) -> None:
    await team(hear)
    first = report(ADI, on(4))
    await hear(first)
    assert await digests(context, at(16, 30, on(4))) == [BUDI]
    await hear(report(DEWI, on(5)), decided(first))
    assert await digests(context, at(16, 30, on(5))) == [BUDI], "a day's work waits: that is no silence"
    assert sorted(await digests(context, at(16, 30, on(6)))) == [BUDI, CITRA]


async def test_whoever_sees_to_the_newest_digest_ends_it(context: HandlerContext, hear: Hear) -> None:
    await team(hear)
    await hear(report(ADI, on(4)))
    await digests(context, at(16, 30, on(4)))
    await digests(context, at(16, 30, on(5)))
    async with context.db.transaction() as tx:
        newest = await tx.connection.fetchval(
            "select notification_id from message where employee_id = $1 order by place desc limit 1", BUDI
        )
        await acknowledge.acknowledge(tx, BUDI, newest, at(16, 40, on(5)))
    assert await digests(context, at(16, 30, on(6))) == [BUDI]
    assert sorted(await digests(context, at(16, 30, on(7)))) == [BUDI, CITRA]


# --- requests ------------------------------------------------------------------------------------------


async def test_what_becomes_of_a_request_is_told_once_to_who_asked(context: HandlerContext, hear: Hear) -> None:
    def of(kind: str, employee_id: UUID = ADI, **more: Any) -> dict[str, Any]:
        decided = {"state": "granted", "decided_at": NOW, "revision": 1, "work_date": TODAY}
        return {**decided, "request_id": UUID(int=9), "employee_id": employee_id, "kind": kind, **more}

    await hear(person(ADI), person(BUDI))
    granted = CorrectionDecided.model_validate(of("missed_punch"))
    swap = {"state": "refused", "last_date": on(7)}
    both = [AbsenceDecided.model_validate(of("swap", one, **swap)) for one in (ADI, BUDI)]
    strange = CorrectionDecided.model_validate(of("new", request_id=uuid4()))
    story = await hear(granted, *both, strange)
    assert await messages(context.db) == [(one, "request.decided") for one in (ADI, ADI, BUDI)]
    await hear(*story, granted, *both)
    assert len(await messages(context.db)) == 3
    old = CorrectionDecided.model_validate(of("appeal", request_id=uuid4()))
    await hear(received(old, at=NOW - dt.timedelta(days=4)))
    assert len(await messages(context.db)) == 3
