"""The roster of a city of 24,000 for a month: how long, how much memory, and how fast it reaches the projections.

Rotation 50:50, counters with minimums, 4 % on leave. The preview and the publication run in processes of their
own, so that their memory is theirs alone.
"""

import asyncio
import datetime as dt
import gc
import json
import os
import random
import resource
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.harness import ROOT, RUNS, Figures, Machine, child, console, machine
from services.scheduling.commands import rosters
from services.scheduling.commands.imports import file
from services.scheduling.commands.imports.kind import Order
from services.scheduling.domain.planning import Person, Span, UnitInput, Wish
from services.scheduling.domain.policies import Policy, PolicyIn
from services.scheduling.domain.records import Opening, RequirementSet
from services.scheduling.domain.timetable import Pattern
from services.scheduling.planning import solver
from services.scheduling.store.rosters import Wanted
from services.scheduling.store.tables import PolicyVersion
from services.scheduling.views.rosters import summary as summary_of
from shared.auth import Principal
from shared.clock import FixedClock
from shared.database import Database, migrate
from shared.outbox import Relay
from shared.telemetry import Metrics

STAFF, OPDS, UNITS = 24_000, 44, 600
FIRST, LAST = dt.date(2025, 12, 1), dt.date(2025, 12, 31)
NOW = dt.datetime(2025, 11, 28, 3, 0, tzinfo=dt.UTC)


def half() -> Policy:
    """West Java's stage II: half of each unit, taking turns."""
    content = {
        "policy_id": "jabar-stage-2",
        "effective_from": "2025-12-01",
        "scope": {"all": True},
        "kind": "rotation",
        "parameters": {"share": 0.5},
    }
    return Policy("jabar-stage-2", 1, PolicyIn.model_validate(content))


def nip(number: int) -> str:
    """A well-formed number, different for each: birth date and year of appointment tell people apart."""
    day = dt.date(1970, 1, 1) + dt.timedelta(number % 9000)
    return f"{day:%Y%m%d}{2010 + number // 9000}01{number % 2 + 1}{1 + number % 997:03d}"


def city() -> dict[str, str]:
    """The CSV files of the city."""
    draw = random.Random(7)
    opds = [f"{n + 1:02d}" for n in range(OPDS)]
    units = [(f"U{n:03d}", opds[n % OPDS], n % 2 == 0) for n in range(UNITS)]
    weights = [draw.uniform(0.3, 2.0) for _ in units]
    posts = sorted(draw.choices(range(UNITS), weights, k=STAFF))
    sizes = [posts.count(n) for n in range(UNITS)]
    people = [
        f"{UUID(int=n + 1)},{nip(n)},Pegawai {n},{units[post][1]},{units[post][0]},PNS,five_day"
        for n, post in enumerate(posts)
    ]
    leave = [
        f"{nip(n)},{start},{start + dt.timedelta(draw.randrange(1, 9))},annual"
        for n in draw.sample(range(STAFF), STAFF // 4)
        for start in (FIRST + dt.timedelta(draw.randrange(31)),)
    ]
    return {
        "opds": "\n".join(
            [
                "opd_code,name,short_name,kind,direct_service",
                *(f"{one},Dinas {one},D{one},dinas,none" for one in opds),
            ]
        ),
        "units": "\n".join(
            [
                "unit_id,opd_code,name,is_service_point,direct_service",
                *(f"{unit},{opd},Unit {unit},{str(point).lower()},false" for unit, opd, point in units),
            ]
        ),
        "requirements": "\n".join(
            [
                "unit_id,effective_from,weekdays,opens,closes,min_staff,on_holidays",
                *(
                    f"{unit},2025-01-01,0;1;2;3;4,08:00,15:00,{max(1, size // 3)},false"
                    for (unit, _, point), size in zip(units, sizes, strict=True)
                    if point and size
                ),
            ]
        ),
        "employees": "\n".join(["employee_id,nip,name,opd_code,unit_id,employment,timetable", *people]),
        "holidays": "date,kind,name\n2025-12-25,national,Natal\n2025-12-26,collective_leave,Natal",
        "leave": "\n".join(["nip,from,to,kind", *leave]),
    }


def span() -> Span:
    return Span(FIRST, LAST)


def stored(policy: Policy) -> PolicyVersion:
    return PolicyVersion(
        policy_id=policy.policy_id,
        version=policy.version,
        effective_from=policy.content.effective_from,
        body=policy.content.model_dump(mode="json"),
        created_at=NOW,
        created_by="bench",
    )


def peak_mib() -> float:
    """Most memory of this process and of its largest child, in MiB."""
    return (
        sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    )


def like_a_service() -> None:
    """The collector's settings that `shared.service.run` gives a service."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class Lag:
    """The longest time for which the event loop, and so every other request, had to wait. Milliseconds."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.worst_ms = max(self.worst_ms, (time.perf_counter() - before - 0.005) * 1000)

    def stop(self) -> float:
        self._task.cancel()
        return self.worst_ms


async def preview(url: str) -> None:
    like_a_service()
    db = Database(url)
    await db.ping()
    lag = Lag()
    started = time.perf_counter()
    drafted = await rosters.draft(db, Wanted(True), span())
    summary = summary_of(drafted)
    seconds = time.perf_counter() - started
    worst_ms = lag.stop()
    below = sum(
        one.on_site < one.required
        for result in drafted.results
        for one in result.segments
        if not any((short.work_date - FIRST).days == one.day for short in result.shortages)
    )
    print(
        json.dumps(
            {
                "seconds": seconds,
                "worst_lag_ms": worst_ms,
                "mib": peak_mib(),
                "person_days": summary.person_days,
                "spread": summary.spread,
                "below_minimum": below,
                "wfh": summary.modes["WFH"],
            }
        )
    )
    await db.close()


async def publish(url: str, bootstrap: str) -> None:
    from shared.auth import Principal

    like_a_service()
    db, clock = Database(url), FixedClock(NOW)
    relay = Relay(db, {"bootstrap_servers": bootstrap}, Metrics("scheduling"))
    drafted = await rosters.draft(db, Wanted(True), span())
    ready = peak_mib()
    task = asyncio.create_task(relay.run())
    started, cpu = time.time(), time.process_time()
    who = Principal(uuid4(), "bkpsdm", None, 0)
    changed = (await rosters.publish_draft(db, clock, who, drafted, {}, reason=None)).changed
    written = time.time() - started
    while (await relay.backlog())[0]:  # noqa: ASYNC110 - the relay tells nobody when it is done
        await asyncio.sleep(0.1)
    sent = time.time() - started
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    grown = peak_mib() - ready
    # What the machine's other work cannot blur: processor time of writing and of carrying to Kafka.
    times = {"started": started, "written_s": written, "sent_s": sent, "cpu_s": time.process_time() - cpu}
    print(json.dumps({**times, "changed": changed, "grown_mib": grown}))
    await db.close()


@asynccontextmanager
async def projections(here: Machine) -> AsyncGenerator[str, None]:
    """The reporting service in a process of its own; yields its database's URL."""
    url = await here.database("bench_reporting")
    await asyncio.to_thread(migrate, url, ROOT / "services" / "reporting" / "migrations")
    public = here.folder / "token.pem"
    key = Ed25519PrivateKey.generate().public_key()
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.reporting",
        cwd=ROOT,
        env={
            **os.environ,
            "HADIR_REPORTING_DATABASE_URL": url,
            "HADIR_KAFKA_BOOTSTRAP": here.kafka,
            "HADIR_TOKEN_PUBLIC_KEY_FILE": str(public),
            "HADIR_STATE_DIR": str(here.folder / "reporting"),
            "HADIR_CLOCK": "2025-11-28T10:00+07:00@1",
            "HADIR_LOG_LEVEL": "WARNING",
            "HADIR_PORT": "0",
        },
    )
    try:
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _arrived(url: str, started_after: float, expected: asyncio.Future[int]) -> float:
    """The wall time at which the projections hold as many plans as were published."""
    connection = await asyncpg.connect(url)
    try:
        while time.time() - started_after < 600:
            count = await connection.fetchval("select count(*) from fact_plan")
            if expected.done() and count >= expected.result():
                return time.time()
            await asyncio.sleep(0.2)
    finally:
        await connection.close()
    raise RuntimeError("the projections did not see all plans within ten minutes")


def _interacting() -> tuple[UnitInput, Span]:
    """A unit of 300 with a tight counter, pairs apart, two requests each, two days a week and no two in a row."""
    draw = random.Random(1)
    people = tuple(
        Person(
            UUID(int=n + 1),
            Pattern("five_day"),
            wishes=tuple(
                Wish(FIRST + dt.timedelta(day), draw.choice(("WFO", "WFH")), draw.randint(1, 3))
                for day in draw.sample(range(31), 2)
            ),
        )
        for n in range(300)
    )
    openings = (Opening((0, 1, 2, 3, 4), "08:00", "15:00", 190, False),)
    apart = tuple((people[n].employee_id, people[n + 1].employee_id) for n in range(0, 80, 2))
    unit = UnitInput("U", "01", "dinas", False, people, (RequirementSet("U", FIRST, openings),), apart=apart)
    content = half().content.model_copy(
        update={
            "limits": half().content.limits.model_copy(update={"max_days_per_week": 2, "never_two_in_a_row": True})
        }
    )
    return unit, Span(FIRST, LAST, policies=(Policy("half", 1, content),))


async def measure(figures: Figures) -> None:
    async with machine() as here:
        url = await here.database("bench_scheduling")
        await asyncio.to_thread(migrate, url, ROOT / "services" / "scheduling" / "migrations")
        db = Database(url)
        order = Order(Principal(uuid4(), "bkpsdm", None, 0))
        for kind, text in city().items():
            started = time.perf_counter()
            await file.take(db, kind, text.encode(), FixedClock(NOW), order)  # pyright: ignore[reportArgumentType] - the keys are kinds
            if kind == "employees":
                figures.add("import_24000_employees_s", [time.perf_counter() - started])
        async with db.transaction() as tx:
            tx.session.add(stored(half()))
            await tx.connection.execute("truncate outbox")
            await tx.connection.execute("analyze")
        await db.close()

        runs = [await child("bench.roster", "preview", url) for _ in range(RUNS)]
        for run in runs:
            console.print(f"  preview {run}")
            if run["below_minimum"]:
                raise RuntimeError("a preview left a counter below its minimum")
        figures.add("roster_city_month_s", [run["seconds"] for run in runs])
        figures.add("roster_city_month_mib", [run["mib"] for run in runs])
        figures.add("roster_city_month_lag_ms", [run["worst_lag_ms"] for run in runs])
        figures.add("roster_city_month_spread", [run["spread"] for run in runs])

        async with projections(here) as reporting_url:
            published = [await _publish(url, reporting_url, here.kafka) for _ in range(RUNS)]
        figures.add("plans_published_per_s", [run["changed"] / run["seconds"] for run in published])
        figures.add("plans_to_kafka_per_s", [run["changed"] / run["sent_s"] for run in published])
        figures.add("plans_published_per_cpu_s", [run["changed"] / run["cpu_s"] for run in published])
        figures.add("publish_grown_mib", [run["grown_mib"] for run in published])

    unit, when = _interacting()
    solutions = [(await asyncio.to_thread(solver.solve_unit, unit, when)).solved for _ in range(RUNS)]
    console.print(f"  solver {solutions}")
    figures.add("solver_unit_300_s", [one.seconds for one in solutions if one is not None])
    figures.add("solver_unit_300_gap", [one.gap for one in solutions if one is not None])


async def _publish(url: str, reporting_url: str, kafka: str) -> dict[str, float]:
    """A month published from nothing into projections that know nothing of it."""
    for where, tables in ((url, "plan"), (reporting_url, "fact_plan, touched")):
        connection = await asyncpg.connect(where)
        await connection.execute(f"truncate {tables}")
        await connection.close()
    expected: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    arrival = asyncio.create_task(_arrived(reporting_url, time.time(), expected))
    run = await child("bench.roster", "publish", url, kafka)
    expected.set_result(run["changed"])
    seconds = await arrival - run["started"]
    console.print(f"  publish {run}, all in the projections after {seconds:.1f} s")
    return {**run, "seconds": seconds}


def main() -> None:
    command, *arguments = sys.argv[1:]
    asyncio.run(preview(*arguments) if command == "preview" else publish(*arguments))


if __name__ == "__main__":
    main()
