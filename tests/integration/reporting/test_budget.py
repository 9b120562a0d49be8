"""What is said of counters' error budgets: once, by what changed, by one replica, and again after a restart."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from httpx import AsyncClient

from services.reporting.commands import facts
from services.reporting.commands.steps import drain
from services.reporting.store import rebuild
from services.reporting.tasks import budget
from shared.database import Database
from shared.events import AttendanceRecorded, Event, ScheduleChanged
from tests.conftest import DatabaseFor
from tests.kit.reporting import (
    COUNTER,
    DAY,
    OPD,
    OTHER_COUNTER,
    OTHER_OPD,
    Running,
    Staff,
    at,
    plan,
    received,
    unit,
)

CLERK = uuid4()
FRIDAY = dt.date(2025, 11, 7)
Said = list[tuple[str, str, str]]


def weekdays(last: dt.date, count: int) -> list[dt.date]:
    found: list[dt.date] = []
    while len(found) < count:
        if last.weekday() < 5:
            found.append(last)
        last -= dt.timedelta(1)
    return found[::-1]


def attended(date: dt.date, begins: str = "07:30", ends: str = "16:00") -> list[Event]:
    """A date on which the clerk is at the counter from one time to another; it is open from 08:00 to 15:00."""
    return [plan(CLERK, OPD, COUNTER, date=date), punch("in", begins, date), punch("out", ends, date)]


def punch(kind: Any, clock: str, date: dt.date) -> AttendanceRecorded:
    when = at(clock, date)
    return AttendanceRecorded(
        punch_id=uuid4(),
        employee_id=CLERK,
        opd_code=OPD,
        unit_id=COUNTER,
        work_date=date,
        kind=kind,
        at=when,
        received_at=when,
        zone="office",
        source="app",
    )


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def learn(db: Database, now: dt.datetime, *events: Event) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, [received(event) for event in events])
    await drain(db, now)


async def taken(db: Database) -> list[dict[str, Any]]:
    async with db.transaction() as tx:
        rows = await tx.connection.fetch(
            "delete from outbox where topic = 'coverage.budget.v1' returning id, key, value, headers"
        )
    return [
        {"key": row["key"].decode(), "id": row["headers"]["ce_id"], **json.loads(row["value"])}
        for row in sorted(rows, key=lambda row: row["id"])
    ]


async def burning(client: AsyncClient) -> set[tuple[str, str, str]]:
    """What is said of counters' windows."""
    items = (await client.get("/reporting/v1/service/burning")).json()["items"]
    return {(one["unit_id"], one["window"], one["status"]) for one in items}


async def said(db: Database, now: dt.datetime) -> Said:
    while await budget.look(db, now):
        pass
    return [(one["unit_id"], one["window"], one["status"]) for one in await taken(db)]


async def test_a_day_that_burns_is_said_once_and_its_end_too(db: Database) -> None:
    good = [event for date in weekdays(FRIDAY - dt.timedelta(1), 19) for event in attended(date)]
    await learn(
        db, at("07:00", FRIDAY), unit(COUNTER, OPD, "x", "y", 1), plan(CLERK, OPD, COUNTER, date=FRIDAY), *good
    )
    assert await said(db, at("07:00", FRIDAY)) == []
    # Nobody comes and nothing is recorded: opening time alone does it. 0.99 of 8 hours: 19.2 minutes at rate 4.
    assert await said(db, at("08:19", FRIDAY)) == []
    async with db.read() as tx:
        assert await tx.connection.fetchval("select due_at from budget_due") == at("08:20", FRIDAY)
    while await budget.look(db, at("08:20", FRIDAY)):
        pass
    [burning] = await taken(db)
    assert burning["key"] == burning["unit_id"] == COUNTER
    assert (burning["window"], burning["status"], burning["revision"]) == ("day", "burning", 1)
    assert (burning["opd_code"], burning["spent_minutes"]) == (OPD, 20.0)
    assert round(burning["burn_rate"], 6) == round(20 / 4.8, 6)
    assert await said(db, at("08:25", FRIDAY)) == []
    await learn(db, at("08:30", FRIDAY), punch("in", "08:26", FRIDAY))
    # The hour from 08:24 on has two minutes of shortage: less than 4 times its budget of 36 seconds.
    assert await said(db, at("09:23", FRIDAY)) == []
    assert await said(db, at("09:24", FRIDAY)) == [(COUNTER, "day", "recovered")]


async def test_a_months_budget_is_spent_and_recovers_when_the_bad_dates_leave_it(db: Database) -> None:
    dates = weekdays(FRIDAY, 22)
    bad = dates[1]
    world = [event for date in dates if date != bad for event in attended(date)]
    # 20 dates of 7 hours at 0.99: 84 minutes.
    await learn(db, at("16:30", dates[20]), unit(COUNTER, OPD, "x", "y", 1), *world, *attended(bad, "09:24"))
    assert await said(db, at("16:30", dates[20])) == [(COUNTER, "month", "spent")]
    assert await said(db, at("16:30", dates[21])) == [(COUNTER, "month", "recovered")]


async def test_facts_about_the_past_change_what_is_said(db: Database) -> None:
    dates = weekdays(FRIDAY, 5)
    late = punch("in", "09:00", dates[0])
    good = [event for date in dates[1:] for event in attended(date)]
    gone = [plan(CLERK, OPD, COUNTER, date=dates[0]), late, punch("out", "16:00", dates[0])]
    now = at("16:30", FRIDAY)
    await learn(db, now, unit(COUNTER, OPD, "x", "y", 1), *good, *gone)
    assert await said(db, now) == [(COUNTER, "month", "spent")]
    await learn(db, now, punch("in", "07:30", dates[0]))
    assert await said(db, now) == [(COUNTER, "month", "recovered")]


async def test_what_was_said_is_not_said_again_by_a_rebuild_or_by_another_replica(db: Database) -> None:
    dates = weekdays(FRIDAY, 5)
    world: list[Event] = [unit(COUNTER, OPD, "x", "y", 1), unit(OTHER_COUNTER, OTHER_OPD, "x", "y", 1)]
    world += [plan(CLERK, OPD, COUNTER, date=date) for date in dates]
    world += [plan(uuid4(), OTHER_OPD, OTHER_COUNTER, date=date) for date in dates]
    now = at("16:30", FRIDAY)
    await learn(db, now, *world)
    await asyncio.gather(*(budget.look(db, now) for _ in range(4)))
    everything = [(unit_id, window) for unit_id in (COUNTER, OTHER_COUNTER) for window in ("day", "week", "month")]
    events = await taken(db)
    assert sorted((one["unit_id"], one["window"]) for one in events) == sorted(everything)
    assert {one["revision"] for one in events} == {1}
    async with db.transaction() as tx:
        await rebuild.empty(tx, ["fact_plan", "fact_unit"])
    assert await budget.look(db, now) == 0
    async with db.transaction() as tx:
        await facts.apply(tx, [received(event) for event in world])
        await rebuild.rebuilt(tx, ["fact_plan", "fact_unit"])
    await drain(db, now)
    assert await said(db, now) == []


async def test_a_counter_that_is_none_any_more_burns_nothing(db: Database) -> None:
    dates = weekdays(FRIDAY, 5)
    now = at("16:30", FRIDAY)
    plans: list[ScheduleChanged] = [plan(CLERK, OPD, COUNTER, date=date) for date in dates]
    counter = unit(COUNTER, OPD, "x", "y", 1)
    await learn(db, now, counter, *plans)
    assert len(await said(db, now)) == 3
    await learn(db, now, counter.model_copy(update={"is_service_point": False, "revision": 2}))
    assert await said(db, now) == [(COUNTER, window, "recovered") for window in ("day", "week", "month")]


async def test_whoever_is_signed_in_reads_which_counters_burn(service: Running, staff: Staff) -> None:
    dates = weekdays(DAY - dt.timedelta(1), 5)
    await service.fold(*(plan(staff.clerk, OPD, COUNTER, date=date) for date in dates))
    await drain(service.db, at("09:00"))
    wanted = {(COUNTER, "week", "burning"), (COUNTER, "month", "spent")}
    async with service.caller("staff", staff.late) as client, asyncio.timeout(60):
        # The service's own tasks count and look too, and nobody else does meanwhile.
        while not wanted <= await burning(client):
            await budget.look(service.db, at("09:00"))
            await asyncio.sleep(0.02)
    async with service.caller("staff", staff.late) as client:
        page = (await client.get("/reporting/v1/service/burning", params={"limit": 1})).json()
        everything = (await client.get("/reporting/v1/service/burning")).json()["items"]
        rest = await client.get("/reporting/v1/service/burning", params={"cursor": page["next"]})
    assert [*page["items"], *rest.json()["items"]] == everything
    month = next(one for one in everything if (one["unit_id"], one["window"]) == (COUNTER, "month"))
    assert month["spent_minutes"] == 5 * 420
    assert round(month["burn_rate"] * month["budget_minutes"], 6) == 5 * 420


async def test_a_period_is_the_sum_of_its_dates(service: Running, staff: Staff) -> None:
    dates = weekdays(DAY - dt.timedelta(1), 6)
    await service.fold(
        *(plan(staff.clerk, OPD, COUNTER, date=date) for date in dates),
        *(event for date in dates[:3] for event in attended(date, "08:30")),
    )
    await drain(service.db, at("09:00"))
    asked = {"from": str(dates[0]), "to": str(DAY)}
    async with service.caller("staff", staff.late) as client:

        async def get(path: str, **params: str | int) -> dict[str, Any]:
            answer = await client.get(f"/reporting/v1/{path}", params={**asked, **params})
            assert answer.status_code == 200, answer.text
            return answer.json()

        days = await get(f"units/{COUNTER}/service", by="day")
        weeks = await get(f"units/{COUNTER}/service", by="week")
        months = await get(f"units/{COUNTER}/service", by="month")
        opd = await get(f"opds/{OPD}/service", by="week")
        city = await get("service")
        opds = await get("service", of="opd")
        page = await get("service", limit=1)
        rest = await get("service", limit=1, cursor=page["next"])
        shown = {
            date: next(
                one
                for one in (await client.get("/reporting/v1/units", params={"date": str(date)})).json()["items"]
                if one["unit_id"] == COUNTER
            )
            for date in dates
        }
        reversed_ = await client.get(
            f"/reporting/v1/units/{COUNTER}/service", params={"from": str(DAY), "to": str(dates[0])}
        )
        unknown = await client.get("/reporting/v1/opds/9.99/service", params=asked)
        office = await client.get("/reporting/v1/units/DUKCAPIL/service", params=asked)
    sums = (
        "open_seconds",
        "met_seconds",
        "unknown_seconds",
        "short_seconds",
        "short_person_minutes",
        "spent_minutes",
    )
    by_date = {one["from"]: one for one in days["items"]}
    for date, of_date in shown.items():
        one = by_date[str(date)]
        assert one["to"] == str(date)
        for name in (*sums, "attainment", "low", "high", "fill"):
            assert one[name] == of_date[name], (date, name)
        assert round(one["budget_minutes"], 9) == round(of_date["budget_minutes"], 9)
    assert [(one["from"], one["to"]) for one in weeks["items"]] == [
        ("2025-10-29", "2025-11-02"),
        ("2025-11-03", "2025-11-06"),
    ]
    assert [(one["from"], one["to"]) for one in months["items"]] == [
        ("2025-10-29", "2025-10-31"),
        ("2025-11-01", "2025-11-06"),
    ]
    for whole in (days, weeks, months):
        assert whole["total"] == days["total"]
        for name in sums:
            assert round(sum(one[name] for one in whole["items"]), 6) == round(whole["total"][name], 6)
    total = days["total"]
    assert total["burn_rate"] == total["spent_minutes"] / total["budget_minutes"]
    assert round(total["burn_rate"], 6) == round(total["short_seconds"] / total["open_seconds"] / 0.01, 6)
    # Nobody but the two of the counter has anything to do with it: an OPD of one counter is that counter.
    assert opd["total"] == total
    assert {one["unit_id"]: one["spent_minutes"] for one in city["items"]}[COUNTER] == total["spent_minutes"]
    assert [one["opd_code"] for one in opds["items"]] == sorted([OPD, OTHER_OPD])
    assert [*page["items"], *rest["items"]] == city["items"]
    assert (reversed_.status_code, reversed_.json()["errors"][0]["field"]) == (422, "to")
    assert (unknown.status_code, office.status_code) == (404, 404)
