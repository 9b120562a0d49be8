"""A year of history costs nothing at the counter: the same figures with a month of facts and with a year of them.

Two databases of one PostgreSQL, asked in turn, one month of history in one and a year of it in the other, with
all that is derived from the facts. Then the log: a month, and two more, written to Kafka and rebuilt from there,
with the memory it took at most.
"""

import asyncio
import datetime as dt
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from bench import year
from bench.harness import ROOT, Figures, Machine, child, console, interleaved, machine, ratios
from services.reporting.commands import facts
from services.reporting.commands.rebuild import rebuild
from services.reporting.commands.steps import Drain
from services.reporting.domain.transitions import announced_from
from services.reporting.store import counters, steps, waiting
from services.reporting.tasks.transitions import tick
from services.reporting.views import figures as city
from services.reporting.views import people
from shared import garbage
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
from shared.settings import Settings

MONTHS = int(os.environ.get("MONTHS", "12"))
"""The history that is compared with one month of it; less for a quick look."""
REBUILT = int(os.environ.get("REBUILT", "2"))
"""So many months are rebuilt from the log after one month was; 0: none."""
EVENTS = 10_000
BATCH = 2_000
DRAINED, ONE_BY_ONE, DUE = 500, 20, 2_000
"""So many person-days are computed at once, and each by itself; so many are announced."""
REPLICAS = 2
"""So many work off what a whole history has touched."""

_Question = Callable[[Tx], Awaitable[object]]


async def measure(figures: Figures) -> None:
    async with machine() as here:
        urls = {"month": await _city(here, "bench_month", 1), "year": await _city(here, "bench_year", MONTHS)}
        for name, url in urls.items():
            console.print(f"  the steps of {name}")
            figures.add(f"drain_of_{_months(name)}_months_person_days_per_s", [await compute(url)])
            await _settle(url)
        await _checkpoint(here)
        await _compare(urls, figures)
        if REBUILT:
            await _rebuilds(here, urls["year"], figures)


def _months(name: str) -> int:
    return MONTHS if name == "year" else 1


async def _compare(urls: Mapping[str, str], figures: Figures) -> None:
    cities = {name: await City.open(url) for name, url in urls.items()}
    for what, unit, ask in (
        ("city_view", "ms", City.now),
        ("city_view_past", "ms", City.past),
        ("person_page", "ms", City.person),
        ("coverage_day", "ms", City.coverage),
        ("ticker_round", "ms", City.ticker),
        ("announced", "us", City.announce),
        ("drained_alone", "us", City.drain_one),
        ("drained", "us", City.drain),
        *((f"fold_{topic}", "us", _folding(topic)) for topic in _EVENTS),
    ):
        console.print(f"[bold]{what}[/]")
        for one in cities.values():  # whoever is first reads from the disk
            await ask(one)
        runs = await interleaved({name: _of(one, ask) for name, one in cities.items()})
        for name, values in runs.items():
            figures.add(f"{what}_of_{_months(name)}_months_{unit}", values)
        figures.add(f"{what}_{MONTHS}_months_over_1", ratios(runs["year"], runs["month"]))
    for one in cities.values():
        await one.db.close()


def _of(one: "City", ask: Callable[["City"], Awaitable[float]]) -> Callable[[], Awaitable[float]]:
    return lambda: ask(one)


async def _city(here: Machine, name: str, months: int) -> str:
    url = await here.database(name)
    await asyncio.to_thread(migrate, url, ROOT / "services" / "reporting" / "migrations")
    console.print(f"  {months} months of a city of {year.STAFF:,} into {name}")
    await year.make(url, months)
    return url


async def compute(url: str) -> float:
    """Compute the steps of everyone's every date and count every counter's, as replicas of the service do; returns
    person-days a second."""
    db = Database(url)
    async with db.read() as tx:
        rows = await tx.connection.fetch("select work_date, count(*) as people from fact_plan group by 1")
    total, done, said = sum(row["people"] for row in rows), 0, 0

    def computed(some: int) -> None:
        nonlocal done, said
        done += some
        if done >= said + total // 10:
            said = done
            console.print(f"  {done:,} computed; {total:,} person-days, and the counters")

    started = time.perf_counter()
    async with db.transaction() as tx:
        await steps.touch(tx, [(row["work_date"], None) for row in rows])
    await asyncio.gather(*(Drain(db, computed=computed).all(year.now()) for _ in range(REPLICAS)))
    await Drain(db, computed=computed).all(year.now())  # what one of them held when the others found nothing more
    spent = time.perf_counter() - started
    async with db.read() as tx:
        left = await waiting.waiting(tx)
    await db.close()
    if any(left):
        raise RuntimeError(f"{left} were not computed")
    return total / spent


# As the ticker would leave it, had it been there all the time.
_ANNOUNCED = """
    insert into published_day (work_date, employee_id, code, revision, due_at)
    select work_date, employee_id, codes[place], 1, coalesce(since[place + 1], 'infinity')
    from person_day cross join lateral (select width_bucket($2::timestamptz, since) as place) as step
    where work_date >= $1
    on conflict (work_date, employee_id) do update
        set code = excluded.code, revision = excluded.revision, due_at = excluded.due_at
"""


async def _settle(url: str) -> None:
    """Everything announced, and vacuumed."""
    connection = await asyncpg.connect(url)
    await connection.execute(_ANNOUNCED, announced_from(year.LAST), year.now())
    for table in (
        "person_day",
        "person_output",
        "person_task",
        "counter_day",
        "published_day",
        "touched",
        "touched_counter",
    ):
        await connection.execute(f"vacuum analyze {table}")
    await connection.close()


async def _checkpoint(here: Machine) -> None:
    connection = await asyncpg.connect(here.admin_url)
    await connection.execute("checkpoint")
    await connection.close()


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
        numbers = itertools.count(0, 97)

        async def ask(tx: Tx) -> object:
            employee, _, _ = self.staff[next(numbers) % len(self.staff)]
            return await people.person_day(tx, employee, year.LAST, year.now())

        return await self._asked(ask, 50)

    async def coverage(self) -> float:
        """Every counter, two weeks before."""
        date = year.LAST - dt.timedelta(days=14)

        async def ask(tx: Tx) -> object:
            return await counters.standings(tx, date, midnight(date) + dt.timedelta(days=1))

        return await self._asked(ask, 5)

    async def ticker(self) -> float:
        """A round with nothing to announce; what is left from before is announced first, not counted."""
        await tick(self.db, year.now())
        started = time.perf_counter()
        await tick(self.db, year.now())
        return (time.perf_counter() - started) * 1000

    async def announce(self) -> float:
        """Microseconds of the ticker for each event of 2,000 people of whom nothing was announced yet."""
        people = [employee for employee, _, _ in self.staff[:DUE]]
        async with self.db.transaction() as tx:
            await tx.connection.execute(
                "update published_day set code = null, due_at = '-infinity' "
                "where work_date = $1 and employee_id = any($2)",
                year.LAST,
                people,
            )
        started = time.perf_counter()
        events = await tick(self.db, year.now())
        spent = time.perf_counter() - started
        async with self.db.transaction() as tx:
            await tx.connection.execute("truncate outbox")
        return spent * 1e6 / events

    async def drain_one(self) -> float:
        """Microseconds to compute one person-day and count its counter, in transactions of its own."""
        people = [employee for employee, _, _ in self.staff[:: len(self.staff) // ONE_BY_ONE]]
        spents = [await self._drained([employee]) for employee in people]
        return statistics.mean(spents) * 1e6

    async def drain(self) -> float:
        """Microseconds for each of 500 person-days that were touched together, with their counters."""
        people = [employee for employee, _, _ in self.staff[:: len(self.staff) // DRAINED][:DRAINED]]
        return await self._drained(people) * 1e6 / len(people)

    async def _drained(self, people: Sequence[UUID]) -> float:
        """Seconds to compute these people's last date as if for the first time."""
        async with self.db.transaction() as tx:
            await tx.connection.execute(
                "delete from person_day where work_date = $1 and employee_id = any($2)", year.LAST, people
            )
            await steps.touch(tx, [(year.LAST, employee) for employee in people])
        started = time.perf_counter()
        await Drain(self.db).all(year.now())
        return time.perf_counter() - started

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
    reached = year.LAST.replace(day=1)
    target = await here.database("bench_rebuilt")
    await asyncio.to_thread(migrate, target, ROOT / "services" / "reporting" / "migrations")
    written = await _write_log(here.kafka, source, reached, year.LAST)
    shorter = await _rebuild(here, target, written)
    figures.add("rebuild_peak_rss_of_1_months_mib", [shorter["most_mib"]])
    more = min(REBUILT, MONTHS - 1)
    longer = shorter
    if more:
        first = dt.date(reached.year, reached.month - more, 1)
        written += await _write_log(here.kafka, source, first, reached - dt.timedelta(days=1))
        longer = await _rebuild(here, target, written)
        figures.add(f"rebuild_peak_rss_of_{more + 1}_months_mib", [longer["most_mib"]])
        figures.add(
            f"rebuild_peak_rss_{more + 1}_over_1_months", ratios([longer["most_mib"]], [shorter["most_mib"]])
        )
        figures.add(
            f"rebuild_{more + 1}_over_1_months", ratios([longer["events_per_s"]], [shorter["events_per_s"]])
        )
    figures.add("rebuild_events", [float(written)])
    figures.add("rebuild_events_per_s", [longer["events_per_s"]])
    figures.add("rebuild_with_steps_events_per_s", [longer["with_steps_per_s"]])


async def _rebuild(here: Machine, target: str, expected: int) -> dict[str, float]:
    answer = await child("bench.history", "rebuild", here.kafka, target)
    console.print(f"  rebuild {answer}")
    if answer["events"] != expected:
        raise RuntimeError(f"{answer['events']} of {expected} events were read")
    return answer


def _most_mib() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def _rebuild_here(bootstrap: str, url: str) -> None:
    """What `hadir rebuild` does: prints events a second, without steps and with them, and memory as JSON."""
    settings = Settings(
        service="reporting", database_url=url, kafka_bootstrap=bootstrap, token_public_key_file=Path("unused")
    )
    said = 0

    def progress(done: int, total: int) -> None:
        nonlocal said
        if done >= said + total // 10:
            said = done
            console.print(f"  {done:,} of {total:,}, {_most_mib():.0f} MiB at most")

    garbage.tune()
    rebuilt = await rebuild(settings, progress, lambda _done, _total: None)
    events = rebuilt.records or 0
    print(
        json.dumps(
            {
                "events": events,
                "events_per_s": events / rebuilt.facts_s,
                "with_steps_per_s": events / (rebuilt.facts_s + rebuilt.steps_s),
                "most_mib": _most_mib(),
            }
        )
    )


def main() -> None:
    import uvloop

    _, bootstrap, url = sys.argv[1:]
    uvloop.run(_rebuild_here(bootstrap, url))


if __name__ == "__main__":
    main()
