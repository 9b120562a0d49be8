"""One run: a city, a load, faults one after another, then a quiet time and the judgement."""

import asyncio
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from demo import topics
from demo.city import TODAY, City, Employee, build
from demo.client import CONNECTIONS, Client, Who
from demo.expect import WIB
from demo.script import officers
from demo.setup import offer_tasks, prepare
from deploy.local.state import State
from services.reporting.commands import check as checking
from shared.auth import load_private_key
from shared.database import Database
from shared.events import TOPICS
from shared.events.base import SERVICES
from tests.nemesis import observe
from tests.nemesis.caller import Caller
from tests.nemesis.checker import Anomaly, check
from tests.nemesis.faults import FAULTS, NotHere
from tests.nemesis.history import Command, History
from tests.nemesis.load import Baseline, World, Writer, writers
from tests.nemesis.rig import Rig, running
from tests.nemesis.schedule import Planned, schedule
from tests.nemesis.soak import EVERY_S, Sample, draw, leaks, sample

STAFF = 160
SPEED = 20.0
"""Business seconds a second: fifteen minutes are five hours."""
RECOVERED_WITHIN_S = 300.0
QUIET_WITHIN_S = 240.0
LOOKS = 20
"""So often a look is repeated in which something was published meanwhile."""
BETWEEN_S = 2.0
NAMED = 8
"""So many of what is wrong alike are named."""
EVE = datetime(2025, 11, 5, 20, 0, tzinfo=WIB)
MORNING = datetime(2025, 11, 6, 6, 45, tzinfo=WIB)


@dataclass
class Done:
    """One fault, or two at a time, and how long it took until a check-in reached the facts again."""

    faults: tuple[Planned, ...]
    recovered_s: float | None
    not_here: str = ""


@dataclass
class Report:
    seed: int
    seconds: float
    done: list[Done] = field(default_factory=list[Done])
    commands: list[Command] = field(default_factory=list[Command])
    attempts: int = 0
    records: int = 0
    anomalies: list[Anomaly] = field(default_factory=list[Anomaly])
    other: list[str] = field(default_factory=list[str])
    """What else is wrong: what did not recover, did not become quiet, does not follow from the facts."""
    checked: str = ""

    @property
    def bad(self) -> bool:
        return bool(self.anomalies or self.other)

    def text(self) -> str:
        """The table of a run, and how to run it again."""
        lines = [
            f"seed {self.seed}, {self.seconds / 60:g} minutes",
            "",
            "fault                        times  recovered after, s",
        ]
        by_name: dict[str, list[float | None]] = {}
        for done in self.done:
            for one in done.faults:
                by_name.setdefault(f"{one.kind} {one.target}", []).append(done.recovered_s)
        for name, took in sorted(by_name.items()):
            told = ", ".join("never" if s is None else f"{s:.1f}" for s in took)
            lines.append(f"{name:<30}{len(took):>4}  {told}")
        lines += sorted({done.not_here for done in self.done if done.not_here})
        lines += ["", "commands      accepted  refused  unknown"]
        outcomes = Counter((one.kind, one.outcome) for one in self.commands)
        for kind in sorted({kind for kind, _ in outcomes}):
            lines.append(
                f"{kind:<14}{outcomes[kind, 'ok']:>8}{outcomes[kind, 'failed']:>9}{outcomes[kind, 'unknown']:>9}"
            )
        total = Counter(one.outcome for one in self.commands)
        lines.append(f"{'all':<14}{total['ok']:>8}{total['failed']:>9}{total['unknown']:>9}")
        refusals = Counter(f"{one.kind}: {one.heard}" for one in self.commands if one.outcome == "failed")
        lines += [f"  refused {times}: {told}" for told, times in refusals.most_common(5)]
        wrong = Counter(one.wrong for one in self.anomalies)
        lines += [
            "",
            f"requests {self.attempts}, records {self.records}",
            "  ".join(f"{name} {wrong[name]}" for name in ("lost", "doubled", "reordered", "phantom")),
            f"steps and counters against the facts: {self.checked}",
        ]
        by_place: dict[tuple[str, str], list[Anomaly]] = {}
        for one in self.anomalies:
            by_place.setdefault((one.wrong, one.stage), []).append(one)
        for some in by_place.values():
            lines += [*map(str, some[:NAMED]), *([f"... {len(some)} of these"] if len(some) > NAMED else [])]
        lines += [f"wrong: {one}" for one in self.other]
        if self.bad:
            lines += ["", f"again: make faults SEED={self.seed} MINUTES={self.seconds / 60:g}"]
        return "\n".join(lines)


def say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} nemesis: {line}\n")
    sys.stderr.flush()


async def run(
    state: State,
    seed: int,
    seconds: float,
    *,
    staff: int = STAFF,
    kinds: frozenset[str] = frozenset(),
    soak: Path | None = None,
) -> Report:
    """The report of one run on a new state directory. `soak`: without faults, and a picture of it there."""
    report = Report(seed, seconds)
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(running(state, EVE, 1.0, disks=True))
        if not rig.disks:
            say("disks will not be full: this account may not mount one")
        history = History(stack.enter_context((state.root.parent / f"history-{seed}.jsonl").open("w")))
        city = build(staff, seed)
        baseline = await found(rig, state, city)
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        caller = Caller(load_private_key(state.private_key), history, rig.http, session)
        world = World(caller, rig, city, seed, baseline)
        rig.set_clock(MORNING, SPEED)
        ready = writers(world)
        load = [asyncio.create_task(does(writer), name=writer.name) for does, writer in ready]
        try:
            if soak is None:
                await hurt(rig, world, report, seconds, kinds)
            else:
                report.other += await soaked(rig, seconds, soak)
        finally:
            caller.ended.set()
            heal(rig)
        say("no more faults; waiting until all writers have heard")
        for writing in load:
            try:
                await writing
            except Exception as error:
                report.other.append(f"writer {writing.get_name()} broke: {error!r}")
        report.commands, report.attempts = history.commands(), caller.attempts
        await judge(rig, state, world, report)
    return report


async def found(rig: Rig, state: State, city: City) -> Baseline:
    """Bring the city in, and plans of three weeks; returns what was published."""
    first, second = (Who("bkpsdm", one) for one in officers(city))
    async with Client(rig.http, load_private_key(state.private_key)) as client:
        await prepare(client, (first, second), city, TODAY, say)
        await offer_tasks(client, first, say)
        later = {"from": str(TODAY + timedelta(days=4)), "to": str(TODAY + timedelta(days=22))}
        body = {**later, "scope": {"all": True}, "publish": True, "reason": "Jadwal berikutnya"}
        await client.call(first, "POST", "/scheduling/v1/rosters", json=body, accept=(201,))
    await quiet(rig, 120)
    plans = await observe.rows(rig, "scheduling", "select employee_id, work_date, mode from plan")
    say(f"{len(city.employees)} people, {len(plans)} plans")
    return {(str(row["employee_id"]), str(row["work_date"])): row["mode"] for row in plans}


async def hurt(rig: Rig, world: World, report: Report, seconds: float, kinds: frozenset[str]) -> None:
    """Fault after fault until the time is up; each is taken back, and awaited until its traces are gone."""
    probes = Writer("probe", world, _probed(world))
    ends = time.monotonic() + seconds
    await asyncio.sleep(3)
    for planned in schedule(report.seed, kinds):
        if time.monotonic() > ends:
            return
        say(" and ".join(map(str, planned)))
        not_here = ""
        async with AsyncExitStack() as faults:
            for one in planned:
                try:
                    await faults.enter_async_context(FAULTS[one.kind](rig, one))
                except NotHere as error:
                    not_here = f"{one.kind} {one.target}: not done: {error}"
                except Exception as error:
                    not_here = f"{one.kind} {one.target}: could not be done beside another: {type(error).__name__}"
                    say(f"{not_here}: {error}")
            await asyncio.sleep(max(one.seconds for one in planned))
        began = time.monotonic()
        took = await recovered(rig, probes, began)
        report.done.append(Done(planned, took, not_here))
        if took is None:
            report.other.append(
                f"not recovered within {RECOVERED_WITHIN_S:.0f} s of {' and '.join(map(str, planned))}"
            )
            return
        say(f"recovered after {took:.1f} s")
        await asyncio.sleep(BETWEEN_S)


async def soaked(rig: Rig, seconds: float, picture: Path) -> list[str]:
    """What grew under the load alone."""
    began = time.monotonic()
    samples: list[Sample] = []
    while time.monotonic() - began < seconds:
        samples += await sample(rig, began)
        await asyncio.sleep(EVERY_S)
    draw(samples, picture)
    say(f"{len(samples)} samples, drawn in {picture}")
    return leaks(samples)


def _probed(world: World) -> list[Employee]:
    return [world.city.employees[officers(world.city)[1]]]


async def recovered(rig: Rig, probes: Writer, began: float) -> float | None:
    """Seconds until a new check-in is a fact of reporting and every service says that it is ready; None: never."""
    with suppress(TimeoutError):
        async with asyncio.timeout(RECOVERED_WITHIN_S):
            punch_id: UUID | None = None
            while punch_id is None:
                punch_id = await probes.check_in(next(probes.turn))
            while not await _is_fact(rig, punch_id):  # noqa: ASYNC110 - it is other processes that do it
                await asyncio.sleep(0.1)
            while not await _all_ready(probes.caller):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
            return time.monotonic() - began
    return None


async def _is_fact(rig: Rig, punch_id: UUID) -> bool:
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        session = await rig.connect("reporting")
        try:
            return bool(await session.fetchval("select 1 from fact_punch where punch_id = $1", punch_id))
        finally:
            await session.close()
    return False


async def _all_ready(caller: Caller) -> bool:
    for name in SERVICES:
        try:
            async with caller.session.get(
                f"{caller.front}/{name}/readyz", timeout=aiohttp.ClientTimeout(total=10)
            ) as answer:
                if answer.status != 200:
                    return False
        except (aiohttp.ClientError, TimeoutError):
            return False
    return True


def heal(rig: Rig) -> None:
    for server in (rig.kafka, rig.postgres):
        server.proxy.behave("well")
        server.may_run.set()
    for disk in rig.disks.values():
        disk.free()


async def quiet(rig: Rig, within_s: float) -> str:
    """Waits until nothing is promised, unread or to be computed; returns what still is when the time is up."""
    deadline, waits, still = time.monotonic() + within_s, "", 0
    while time.monotonic() < deadline:
        try:
            waits = await _waits(rig)
        except (OSError, asyncpg.PostgresError, KafkaError, TimeoutError) as error:
            waits = repr(error)
        still = 0 if waits else still + 1
        if still >= 3:
            return ""
        await asyncio.sleep(0.5)
    return waits or "it is never quiet"


async def _waits(rig: Rig) -> str:
    told: list[str] = []
    for service in SERVICES:
        (row,) = await observe.rows(rig, service, "select count(*) as n from outbox")
        if row["n"]:
            told.append(f"{row['n']} in the outbox of {service}")
    for table in ("touched", "touched_counter"):
        (row,) = await observe.rows(rig, "reporting", f"select count(*) as n from {table}")  # noqa: S608 - named above
        if row["n"]:
            told.append(f"{row['n']} rows of {table}")
    # An offset is not always of a record: what ends a stranger's transaction is read by nobody.
    if not told and await topics.all_read(rig.kafka.bootstrap, within_s=3):
        unread = await observe.unread(rig)
        told += [f"{unread} records unread"] if unread else []
    return ", ".join(told)


async def judge(rig: Rig, state: State, world: World, report: Report) -> None:
    """Once all is quiet: every command at every stage, facts against the log, steps against the facts."""
    # Real time: what the clock brings goes on, and would never be quiet at twenty times its speed.
    rig.set_clock(rig.business(), 1.0)
    if left := await quiet(rig, QUIET_WITHIN_S):
        report.other.append(f"not quiet after {QUIET_WITHIN_S:.0f} s: {left}")
    absences = {command.ident for command in report.commands if command.kind == "absence"}
    found = list[Anomaly]()
    for _ in range(LOOKS):
        entries = await observe.records(rig)
        report.records = sum(map(len, entries.values()))
        found = check(report.commands, await observe.sights(rig, entries, world.baseline, absences))
        found += await observe.folds_differ(rig, entries)
        # The clock goes on: what was published after the log was read is in tables that were read later.
        if report.records == sum(map(len, (await observe.records(rig)).values())):
            break
        await quiet(rig, QUIET_WITHIN_S)
    else:
        report.other.append(f"in {LOOKS} looks there was none in which nothing was published")
    report.anomalies += found
    report.anomalies += await observe.messages_twice(rig)
    db = Database(state.database_url("reporting", rig.postgres.direct()), pool_size=2)
    try:
        differs = await checking.check(db, rig.business(), lambda _done, _total: None)
    finally:
        await db.close()
    report.checked = differs.summary()
    report.other += differs.told()
    report.other += [f"dead letters in {name}" for name in await _dead(rig)]


async def _dead(rig: Rig) -> list[str]:
    """Topics of dead letters that hold any: no record of this load is beyond reading."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=rig.kafka.bootstrap)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.dead_letters, 0) for topic in TOPICS.values()]
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return [f"{partition.topic} ({end})" for partition, end in ends.items() if end]
