"""Month partitions: made ahead and on demand, pruned, dropped when facts are too old; the facts are the same."""

import asyncio
import datetime as dt
from pathlib import Path
from uuid import uuid4

import pytest

from services.reporting.app import create_app
from services.reporting.commands import facts, upkeep
from services.reporting.commands.steps import drain
from services.reporting.domain.kept import kept_from, shown_from
from services.reporting.store import months, planner, retention
from services.reporting.views.figures import look_at
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.events import AttendanceVoided, Event, Received
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.kit.reporting import COUNTER, DAY, OPD, Staff, at, check_in, city, employee, plan, received
from tests.kit.services import Signer, in_process, settings_for

PEOPLE = [uuid4() for _ in range(8)]


async def fold(db: Database, *events: Event) -> list[Received]:
    batch = [received(event) for event in events]
    async with db.transaction() as tx:
        await facts.apply(tx, batch)
    return batch


async def partitions(db: Database, table: str) -> set[str]:
    async with db.read() as tx:
        rows = await tx.connection.fetch(
            "select relid::text as name from pg_partition_tree($1) where isleaf", table
        )
    return {row["name"] for row in rows}


async def test_months_are_made_ahead_and_where_many_dates_lie(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "MANY", len(PEOPLE))
    db = await database_for("reporting")
    await fold(db, *(plan(person, OPD, COUNTER, date=dt.date(2024, 2, 29)) for person in PEOPLE))
    await fold(db, plan(PEOPLE[0], OPD, COUNTER, date=dt.date(1901, 5, 1)))
    before = await facts.digest(db)
    await upkeep.make_room(db, DAY)
    assert await partitions(db, "fact_plan") == {
        "fact_plan_other", "fact_plan_2024_02", "fact_plan_2025_11", "fact_plan_2025_12", "fact_plan_2026_01",
        "fact_plan_2026_02"}  # fmt: skip
    assert await facts.digest(db) == before
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_plan_2024_02") == len(PEOPLE)
        assert await tx.connection.fetchval("select count(*) from fact_plan_other") == 1
    await upkeep.make_room(db, DAY)
    assert "person_day_2025_11" in await partitions(db, "person_day")


async def test_a_fold_and_a_replica_that_makes_the_same_month_wait_for_each_other(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "MANY", 2)
    db = await database_for("reporting")
    dates = [DAY.replace(day=1 + n) for n in range(20)]
    events = [[plan(person, OPD, COUNTER, date=date) for person in PEOPLE] for date in dates]
    await fold(db, *events[0])
    await asyncio.gather(
        *(fold(db, *some) for some in events[1:]), upkeep.make_room(db, DAY), upkeep.make_room(db, DAY)
    )
    await upkeep.make_room(db, DAY)
    async with db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from fact_plan_2025_11") == len(dates) * len(PEOPLE)


async def test_who_looked_before_a_month_was_made_sees_its_people_after(database_for: DatabaseFor) -> None:
    """Its rows are moved: who looks at the new partition as of a moment before would find nothing in it."""
    db, now = await database_for("reporting"), at("09:00")
    await fold(db, *city(Staff.new()))
    await drain(db, now)
    async with db.read() as tx:
        before = await look_at(tx, DAY, now)
    async with db.read() as tx:
        await tx.connection.fetchval("select count(*) from touched")
        await upkeep.make_room(db, DAY)
        assert await look_at(tx, DAY, now) == before
    await upkeep.make_room(db, DAY)
    async with db.read() as tx:
        assert await look_at(tx, DAY, now) == before
    assert "fact_plan_2025_11" in await partitions(db, "fact_plan")


async def test_a_date_is_looked_for_in_its_month_alone(database_for: DatabaseFor) -> None:
    db = await database_for("reporting")
    await upkeep.make_room(db, DAY)
    async with db.read() as tx:
        for told, query, arguments in (
            (planner.whole_dates, "select * from verdicts($1, $1, $2)", (DAY, at("12:00"))),
            (planner.few_rows, "select * from verdicts($1, $1, $2, $3)", (DAY, at("12:00"), PEOPLE)),
            (planner.few_rows, "select * from person_day where work_date = $1 and employee_id = any($2)",
             (DAY, PEOPLE)),
        ):  # fmt: skip
            await told(tx)
            rows = await tx.connection.fetch(f"explain {query}", *arguments)
            lines = [row["QUERY PLAN"] for row in rows]
            months_read = {word for line in lines for word in line.split()
                           if word.startswith(("fact_plan_", "person_day_"))}  # fmt: skip
            # A range of dates may touch the table of odd dates too; no other month.
            assert months_read, lines
            assert all("_2025_11" in name or "_other" in name for name in months_read), lines


def test_whole_months_are_shown_and_a_month_more_is_kept() -> None:
    assert shown_from(dt.date(2026, 2, 14), 3) == dt.date(2025, 11, 1)
    assert kept_from(dt.date(2026, 2, 14), 3) == dt.date(2025, 10, 1)
    assert shown_from(dt.date(2026, 12, 31), 12) == dt.date(2025, 12, 1)
    assert kept_from(DAY, None) is None


async def test_what_is_too_old_goes_and_does_not_come_back(
    database_for: DatabaseFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "MANY", 4)
    db, other = await database_for("reporting"), await database_for("reporting")
    today = dt.date(2026, 3, 2)
    settings = settings_for("reporting", Signer(), tmp_path, database_url=db.url, keep_facts_months=3)
    context = HandlerContext(settings, db, FixedClock(at("12:00", today)), Metrics("reporting"))
    old, new, person = dt.date(2025, 10, 31), DAY, PEOPLE[0]
    punch, kept_punch = check_in(person, "07:10"), check_in(person, "07:15")
    punch = punch.model_copy(update={"work_date": old})
    voids = [
        AttendanceVoided(punch_id=one.punch_id, employee_id=person, work_date=old, voided_at=at("09:00", old),
                         voided_by="officer", reason="twice")
        for one in (punch, kept_punch)
    ]  # fmt: skip
    gone: list[Event] = [
        *(plan(each, OPD, COUNTER, date=old) for each in PEOPLE),
        plan(person, OPD, COUNTER, date=dt.date(2001, 1, 1)),
        punch,
        voids[0],
    ]
    stays: list[Event] = [*(plan(each, OPD, COUNTER, date=new) for each in PEOPLE), kept_punch, voids[1]]
    batch = await fold(db, *gone, *stays)
    async with other.transaction() as tx:
        await facts.apply(tx, [one for one in batch if one.event in stays])
    await upkeep.make_room(db, today)
    await upkeep.let_go(db, dt.date(2025, 11, 1))
    assert await facts.digest(db) == await facts.digest(other)
    assert "fact_plan_2025_10" not in await partitions(db, "fact_plan")
    # A replay: what is kept is joined again, what is gone stays away.
    await facts.take_in([one for one in batch if not isinstance(one.event, AttendanceVoided)], context)
    assert await facts.digest(db) == await facts.digest(other)


async def test_a_date_that_is_no_longer_kept_is_said_to_be(
    database_for: DatabaseFor, kafka: str, tmp_path: Path
) -> None:
    db, signer = await database_for("reporting"), Signer()
    settings = settings_for("reporting", signer, tmp_path, database_url=db.url, kafka=kafka, keep_facts_months=3)
    async with in_process(create_app(settings, FixedClock(at("12:00", dt.date(2026, 2, 2))))) as client:
        client.headers.update(signer.headers("bkpsdm"))
        for door in ("city", "opds", "units", f"opds/{OPD}/people"):
            answer = await client.get(f"/reporting/v1/{door}?date=2025-10-31&as_of=2025-12-01T08:00:00%2B07:00")
            assert answer.status_code == 404, answer.text
            assert answer.json()["type"] == "urn:hadir:problem:date.no_longer_kept"
        assert (await client.get(f"/reporting/v1/people/{PEOPLE[0]}/days/2025-10-31")).status_code == 404
        assert (await client.get("/reporting/v1/city?date=2025-11-01")).status_code == 200


async def test_what_people_wrote_goes_when_its_time_is_over_and_is_taken_no_more(
    database_for: DatabaseFor, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    db, signer, clock = await database_for("reporting"), Signer(), FixedClock(at("12:00", dt.date(2025, 11, 20)))
    settings = settings_for("reporting", signer, tmp_path, database_url=db.url, kafka=kafka, keep_reports_months=3)
    old, new = dt.date(2025, 10, 31), dt.date(2025, 11, 3)
    await fold(db, *(employee(each, OPD, COUNTER) for each in PEOPLE[:2]))
    report = {"items": [{"item_id": "1", "task": "Berkas", "quantity": 3, "unit": "berkas"}]}
    async with in_process(create_app(settings, clock)) as client:
        for whose in PEOPLE[:2]:
            client.headers.update(signer.headers("staff", subject=whose))
            for date in (old, new):
                for door in (f"reports/{date}", f"reports/{date}/draft"):
                    answer = await client.put(f"/reporting/v1/me/{door}", json=report)
                    assert answer.status_code in (200, 201), answer.text
        async with db.transaction() as tx:
            await tx.connection.execute(
                "insert into sample_finding select report_id, true, 'salah', now(), employee_id from work_report"
            )
            await tx.connection.execute(
                "insert into target select distinct employee_id, year, 'A', 'Berkas'"
                " from report_draft, unnest('{2024,2025}'::integer[]) as year"
            )
        clock.set(at("12:00", dt.date(2026, 2, 2)))
        await upkeep.let_go_of_writings(db, dt.date(2025, 11, 1))
        assert await dates_of(db, "work_report") == await dates_of(db, "report_draft") == [new, new]
        async with db.read() as tx:
            assert await tx.connection.fetchval("select count(*) from sample_finding") == 2
            assert await tx.connection.fetchval("select array_agg(distinct year) from target") == [2025]
        for method, door in (
            ("PUT", f"reports/{old}"),
            ("PUT", f"reports/{old}/draft"),
            ("PUT", f"intentions/{old}"),
            ("POST", f"reports/{old}/evidence"),
        ):
            refused = await client.request(method, f"/reporting/v1/me/{door}", json=report)
            assert refused.status_code == 404, (door, refused.text)
            assert refused.json()["type"] == "urn:hadir:problem:date.no_longer_kept"
        assert (await client.put(f"/reporting/v1/me/reports/{new}", json=report)).status_code == 200


async def dates_of(db: Database, table: str) -> list[dt.date]:
    async with db.read() as tx:
        rows = await tx.connection.fetch(f"select work_date from {table} order by work_date")  # noqa: S608 - tables above
    return [row["work_date"] for row in rows]
