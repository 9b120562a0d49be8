"""A year of history costs nothing at the counter: the same figures with a month of facts and with a year of them.

Two databases of one PostgreSQL, asked in turn, one month of history in one and a year of it in the other. Then the
log: a month, and as much again, written to Kafka and rebuilt from there, with memory over time.
"""

import asyncio
import datetime as dt
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from bench import year
from bench.harness import ROOT, Figures, Machine, child, console, interleaved, machine, ratios
from services.reporting.commands import facts
from services.reporting.store import counters
from services.reporting.tasks.transitions import tick
from services.reporting.views import figures as city
from services.reporting.views import people
from shared.database import Database, Tx, migrate
from shared.dates import midnight
from shared.events import (
    AttendanceRecorded,
    Event,
    Received,
    ReportReviewed,
    ReportSubmitted,
    ScheduleChanged,
    source_of,
)
from shared.events.reporting import ReportItem, ReviewedItem

MONTHS = int(os.environ.get("MONTHS", "12"))
"""The history that is compared with one month of it; less for a quick look."""
REBUILT = int(os.environ.get("REBUILT", "2"))
"""So many months are rebuilt from the log after one month was; 0: none."""
EVENTS = 10_000
BATCH = 2_000

_Question = Callable[[Tx], Awaitable[object]]


async def measure(figures: Figures) -> None:
    async with machine() as here:
        urls = {"month": await _city(here, "bench_month", 1), "year": await _city(here, "bench_year", MONTHS)}
        cities = {name: await City.open(url) for name, url in urls.items()}
        for what, unit, ask in (
            ("city_view", "ms", City.now),
            ("city_view_past", "ms", City.past),
            ("person_page", "ms", City.person),
            ("coverage_day", "ms", City.coverage),
            ("ticker_round", "ms", City.ticker),
            *((f"fold_{topic}", "us", _folding(topic)) for topic in _EVENTS),
        ):
            console.print(f"[bold]{what}[/]")
            for one in cities.values():  # whoever is first reads from the disk
                await ask(one)
            runs = await interleaved({name: _of(one, ask) for name, one in cities.items()})
            for name, values in runs.items():
                figures.add(f"{what}_of_{MONTHS if name == 'year' else 1}_months_{unit}", values)
            figures.add(f"{what}_{MONTHS}_months_over_1", ratios(runs["year"], runs["month"]))
        for one in cities.values():
            await one.db.close()
        if REBUILT:
            await _rebuilds(here, urls["year"], figures)


def _of(one: "City", ask: Callable[["City"], Awaitable[float]]) -> Callable[[], Awaitable[float]]:
    return lambda: ask(one)


async def _city(here: Machine, name: str, months: int) -> str:
    url = await here.database(name)
    await asyncio.to_thread(migrate, url, ROOT / "services" / "reporting" / "migrations")
    console.print(f"  {months} months of a city of {year.STAFF:,} into {name}")
    await year.make(url, months)
    return url


class City:
    """One database of a city, and what is asked of it. Each answers with the time that it took."""

    def __init__(self, db: Database, staff: Sequence[tuple[UUID, str, str]]) -> None:
        self.db = db
        self.staff = staff
        self._tomorrow = year.LAST

    @classmethod
    async def open(cls, url: str) -> "City":
        db = Database(url)
        async with db.read() as tx:
            rows = await tx.connection.fetch("select employee_id, opd_code, unit_id from fact_employee")
        return cls(db, [(row["employee_id"], row["opd_code"], row["unit_id"]) for row in rows])

    async def _asked(self, ask: _Question, times: int = 1) -> float:
        """Milliseconds of one snapshot and answer."""
        started = time.perf_counter()
        for _ in range(times):
            async with self.db.read() as tx:
                await ask(tx)
        return (time.perf_counter() - started) * 1000 / times

    async def now(self) -> float:
        reader = city.Reader(("city", "opds", "units"))

        async def ask(tx: Tx) -> object:
            return (await city.look_at(tx, year.LAST, year.now())).city(reader)

        return await self._asked(ask, 5)

    async def past(self) -> float:
        """Two weeks before, as of nine o'clock."""
        date = year.LAST - dt.timedelta(days=14)

        async def ask(tx: Tx) -> object:
            board = await city.look_at(tx, date, midnight(date) + dt.timedelta(hours=9))
            return board.city(city.Reader(("city", "opds", "units")))

        return await self._asked(ask, 5)

    async def person(self) -> float:
        numbers = iter(range(0, len(self.staff), 97))

        async def ask(tx: Tx) -> object:
            employee, _, _ = self.staff[next(numbers)]
            return await people.person_day(tx, employee, year.LAST, year.now())

        return await self._asked(ask, 50)

    async def coverage(self) -> float:
        """Every counter, two weeks before."""
        date = year.LAST - dt.timedelta(days=14)

        async def ask(tx: Tx) -> object:
            return await counters.standings(tx, date, midnight(date) + dt.timedelta(days=1))

        return await self._asked(ask, 5)

    async def ticker(self) -> float:
        """A round with nothing to announce; what there was before is announced in the first turn, not counted."""
        await tick(self.db, year.now())
        started = time.perf_counter()
        await tick(self.db, year.now())
        return (time.perf_counter() - started) * 1000

    async def fold(self, topic: str) -> float:
        """Microseconds for each of 10,000 new events of a topic, in batches as of the consumer, committed."""
        events = [_EVENTS[topic](n, *self.staff[n]) for n in range(EVENTS)]
        received = [
            Received(event, uuid4(), event.topic, source_of("attendance"), year.now(), event.key, None)
            for event in events
        ]
        started = time.perf_counter()
        for first in range(0, EVENTS, BATCH):
            async with self.db.transaction() as tx:
                await facts.apply(tx, received[first : first + BATCH])
        spent = (time.perf_counter() - started) * 1e6 / EVENTS
        async with self.db.transaction() as tx:  # as it was, for the next turn
            await tx.connection.execute(f"delete from {_TABLES[topic]} where work_date = $1", _NEW)  # noqa: S608
            await tx.connection.execute("truncate touched, touched_counter")
        return spent


_NEW = year.LAST + dt.timedelta(days=1)
"""The work date that the new events are about."""


def _folding(topic: str) -> Callable[[City], Awaitable[float]]:
    return lambda one: one.fold(topic)


def _at(number: int) -> dt.datetime:
    return midnight(_NEW) + dt.timedelta(hours=7, seconds=number % 3600)


def _plan(_number: int, employee: UUID, opd: str, unit: str) -> Event:
    begins = midnight(_NEW) + dt.timedelta(hours=7, minutes=30)
    return ScheduleChanged(
        employee_id=employee, opd_code=opd, unit_id=unit, work_date=_NEW, revision=1, mode="WFO", starts_at=begins,
        ends_at=begins + dt.timedelta(minutes=510), policy_version="half/1", reason="policy")  # fmt: skip


def _punch(number: int, employee: UUID, opd: str, unit: str) -> Event:
    at = _at(number)
    return AttendanceRecorded(
        punch_id=uuid4(), employee_id=employee, opd_code=opd, unit_id=unit, work_date=_NEW, kind="in",
        at=at, received_at=at, device_at=at, zone="office", source="app")  # fmt: skip


def _report(number: int, employee: UUID, opd: str, _unit: str) -> Event:
    item = ReportItem(item_id="1", task="Berkas layanan", quantity=4, unit="berkas", norm_minutes=25)
    return ReportSubmitted(
        report_id=uuid4(), employee_id=employee, opd_code=opd, work_date=_NEW, revision=1,
        submitted_at=_at(number), items=[item])  # fmt: skip


def _review(number: int, employee: UUID, _opd: str, _unit: str) -> Event:
    return ReportReviewed(
        report_id=uuid4(), employee_id=employee, work_date=_NEW, report_revision=1, revision=1,
        reviewed_at=_at(number), reviewer_id=employee, decision="accepted",
        items=[ReviewedItem(item_id="1", accepted_quantity=4)])  # fmt: skip


_EVENTS: dict[str, Callable[[int, UUID, str, str], Event]] = {
    "plan": _plan, "punch": _punch, "report": _report, "review": _review}  # fmt: skip
_TABLES = {"plan": "fact_plan", "punch": "fact_punch", "report": "fact_report", "review": "fact_review"}


# The log.

_KEYED = (  # topic, table, owner, what is not as the column says
    ("schedule.changed.v1", "fact_plan", "scheduling", ""),
    ("attendance.recorded.v1", "fact_punch", "attendance", ""),
    ("attendance.voided.v1", "fact_void", "attendance", ""),
    ("report.submitted.v1", "fact_report", "reporting", "- 'report_revision'"),
    ("report.reviewed.v1", "fact_review", "reporting", "- 'review_revision' - 'accepted_total'"),
)


async def _write_log(bootstrap: str, url: str, first: dt.date, last: dt.date) -> int:
    """The facts of these work dates as the records they came from; returns how many."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    written = 0
    try:
        for topic, table, owner, besides in _KEYED:
            headers = [
                ("ce_specversion", b"1.0"),
                ("ce_type", topic.encode()),
                ("ce_source", source_of(owner).encode()),
                ("ce_time", year.now().isoformat().encode()),
                ("content-type", b"application/json"),
            ]
            revision = " || jsonb_build_object('revision', review_revision)" if table == "fact_review" else ""
            revision = (
                " || jsonb_build_object('revision', report_revision)" if table == "fact_report" else revision
            )
            async with connection.transaction():
                sent: list[Any] = []
                async for row in connection.cursor(
                    f"select employee_id::text as key, ce_id::text as id, "  # noqa: S608 - constants
                    f"(to_jsonb(fact) - 'ce_id' {besides}{revision})::text as value "
                    f"from {table} as fact where work_date between $1 and $2",
                    first,
                    last,
                    prefetch=5000,
                ):
                    own = [*headers, ("ce_id", row["id"].encode())]
                    sent.append(
                        await producer.send(topic, row["value"].encode(), row["key"].encode(), headers=own)
                    )
                    if len(sent) == 20_000:
                        await asyncio.gather(*sent)
                        written += len(sent)
                        sent.clear()
                await asyncio.gather(*sent)
                written += len(sent)
            console.print(f"  {topic}: {written:,} records written")
    finally:
        await connection.close()
        await producer.stop()
    return written


async def _rebuilds(here: Machine, source: str, figures: Figures) -> None:
    """`hadir rebuild` of a log of one month, then of a log that has others too: events a second, and memory."""
    dates = year.work_dates(MONTHS)
    last_of_all = dates[-1]
    reached = last_of_all.replace(day=1)
    target = await here.database("bench_rebuilt")
    await asyncio.to_thread(migrate, target, ROOT / "services" / "reporting" / "migrations")
    written = await _write_log(here.kafka, source, reached, last_of_all)
    shorter = await _rebuild(here, target, written)
    figures.add("rebuild_month_events_per_s", [shorter["events_per_s"]])
    figures.add("rebuild_month_mib", [shorter["mib"]])
    first = dt.date(reached.year, max(reached.month - REBUILT, 1), 1)
    if first < reached:
        written += await _write_log(here.kafka, source, first, reached - dt.timedelta(days=1))
        longer = await _rebuild(here, target, written)
        figures.add("rebuild_months_events", [float(written)])
        figures.add("rebuild_months_events_per_s", [longer["events_per_s"]])
        figures.add("rebuild_months_mib", [longer["mib"]])
        figures.add("rebuild_months_last_vs_first_third", [longer["last_vs_first_third"]])


async def _rebuild(here: Machine, target: str, expected: int) -> dict[str, float]:
    answer = await child("bench.history", "rebuild", here.kafka, target)
    console.print(f"  rebuild {answer}")
    if answer["events"] != expected:
        raise RuntimeError(f"{answer['events']} of {expected} events were read")
    return answer


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _rebuild_here(bootstrap: str, url: str) -> None:
    """What `hadir rebuild` does, watched: prints events a second and memory as JSON."""
    from services.reporting.commands.rebuild import rebuild
    from shared.settings import Settings

    settings = Settings(
        service="reporting", database_url=url, kafka_bootstrap=bootstrap, token_public_key_file=Path("unused")
    )
    watched: list[tuple[int, float, float]] = []

    def progress(done: int, total: int) -> None:
        watched.append((done, time.perf_counter(), _rss_mib()))
        if total and done * 10 // total != (watched[-2][0] if len(watched) > 1 else 0) * 10 // total:
            console.print(f"  {done:,} of {total:,}, {watched[-1][2]:.0f} MiB")

    await rebuild(settings, progress)
    ended = time.perf_counter()
    events, begun = watched[-1][0], watched[0][1]

    def rate(part: Sequence[tuple[int, float, float]]) -> float:
        return (part[-1][0] - part[0][0]) / (part[-1][1] - part[0][1])

    third = max(len(watched) // 3, 2)
    print(
        json.dumps(
            {
                "events": events,
                "events_per_s": events / (ended - begun),
                "mib": statistics.median(mib for _, _, mib in watched[-third:]),
                "most_mib": max(mib for _, _, mib in watched),
                "last_vs_first_third": rate(watched[-third:]) / rate(watched[:third]),
            }
        )
    )


def main() -> None:
    import uvloop

    _, bootstrap, url = sys.argv[1:]
    uvloop.run(_rebuild_here(bootstrap, url))


if __name__ == "__main__":
    main()
