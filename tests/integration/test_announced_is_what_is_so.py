"""Whatever is folded, drained, cut off and announced, in whatever order: nothing told is not so, or told twice."""

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from functools import partial
from random import Random
from typing import Any

import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands.steps import Drain, drain
from services.reporting.facts import PROJECTION
from services.reporting.tasks import transitions as ticker
from shared.database import Database
from shared.events import DUTIES
from shared.failures import is_away
from tests.conftest import DatabaseFor
from tests.integration.test_steps_drain import agree, fold, rows
from tests.kit import worlds
from tests.kit.kafka import eventually
from tests.kit.properties import SLOW_IS_FINE

FEW = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)
WIPED = ", ".join([*(table.name for table in PROJECTION.tables), "touched", "touched_counter", "person_day",
                   "person_output", "person_task", "counter_day", "published_day", "published_coverage", "outbox",
                   "rebuilding", "gone_plan",
                   "gone_unit"])  # fmt: skip
STATUSES = "select unit_id, status from coverage($1, $2)"
KILL = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
        and query ilike '%person_day%'
    limit 1
"""
UNDER_WAY = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
"""
FRESH = f"""
    select employee_id, work_date, state_code({", ".join(DUTIES)}) as code
    from verdicts($1, $2, $3)
"""  # noqa: S608 - names of the contract
SPAN = (worlds.DATES[0], worlds.DATES[-1])
CITY = [worlds.worlds(counters=True), worlds.worlds(counters=False)]


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def wipe(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.connection.execute(f"truncate {WIPED}")


class Told:
    """What was announced so far, each announcement held against the facts of its moment."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str, str], str] = {}
        self.days: dict[tuple[str, str], int] = {}
        self.counters: dict[str, tuple[str, int]] = {}
        self.ids: set[str] = set()

    async def tick(self, db: Database, now: dt.datetime) -> None:
        await ticker.tick(db, now)
        fresh = {
            (str(row["employee_id"]), str(row["work_date"])): row
            for row in await rows(db, "select * from verdicts($1, $2, $3)", *SPAN, now)
        }
        standing = {
            row["unit_id"]: row["status"]
            for row in await rows(db, STATUSES, now.astimezone(worlds.WIB).date(), now)
        }
        async with db.transaction() as tx:
            said = await tx.connection.fetch(
                "with gone as (delete from outbox returning *) select * from gone order by id"
            )
        revisions: dict[tuple[str, str], int] = {}
        for row in said:
            value: dict[str, Any] = json.loads(row["value"])
            ce_id = row["headers"]["ce_id"]
            assert ce_id not in self.ids
            self.ids.add(ce_id)
            if "duty" in value:
                day = value["employee_id"], value["work_date"]
                key = *day, value["duty"]
                assert fresh[day][value["duty"]] == value["state"], (day, value, now)
                assert self.states.get(key, value["previous"]) == value["previous"]
                assert value["state"] != value["previous"]
                assert (
                    revisions.setdefault(day, value["revision"]) == value["revision"] == self.days.get(day, 0) + 1
                )
                self.states[key] = value["state"]
            else:
                assert standing.get(value["unit_id"], "closed") == value["status"]
                previous, revision = self.counters.get(value["unit_id"], ("closed", 0))
                assert (value["previous"], value["revision"]) == (previous, revision + 1)
                self.counters[value["unit_id"]] = value["status"], value["revision"]
        self.days |= revisions

    async def settled(self, db: Database, now: dt.datetime) -> None:
        """Everything is computed: what was announced last is what is so."""
        await drain(db, now)
        await self.tick(db, now)
        held = {
            (row["employee_id"], row["work_date"]): row["code"]
            for row in await rows(db, "select * from published_day")
        }
        for row in await rows(db, FRESH, *SPAN, now):
            assert held[row["employee_id"], row["work_date"]] == row["code"]
        for row in await rows(db, STATUSES, now.astimezone(worlds.WIB).date(), now):
            assert self.counters.get(row["unit_id"], ("closed", 0))[0] == row["status"]
        before = len(self.ids)
        await self.tick(db, now)
        assert len(self.ids) == before
        await drain(db, now)  # the ticker wants every service point counted for today
        await agree(db)


@FEW
@given(given=st.data())
async def test_what_is_announced_between_folds_and_drains_is_so(db: Database, given: st.DataObject) -> None:
    await wipe(db)
    world: list[Any] = []
    instants: list[dt.datetime] = []
    for kind in CITY:
        more, at = given.draw(kind)
        world += more
        instants += at
    left = given.draw(st.permutations([*world, *world[::3]]))
    told, work = Told(), Drain(db)
    for now in sorted(instants):
        many = given.draw(st.integers(0, len(left)))
        part, left = left[:many], left[many:]
        if part:
            await fold(db, part)
        for _ in range(given.draw(st.sampled_from([0, 0, 1, 2, 50]))):
            if not await work.once(now):
                break
        await told.tick(db, now)
    if left:
        await fold(db, left)
    await told.settled(db, max(instants))


@settings(FEW, max_examples=15)
@given(given=st.data(), seed=st.integers(0, 2**32))
async def test_folds_drains_and_kills_at_once_leave_what_follows_from_the_facts(
    db: Database, given: st.DataObject, seed: int
) -> None:
    await wipe(db)
    dice = Random(seed)
    lots: list[list[Any]] = []
    instants: list[dt.datetime] = []
    for kind in [*CITY, CITY[0]]:
        world, at = given.draw(kind)
        again = [*world, *world[::2]]
        dice.shuffle(again)
        lots.append(again)
        instants += at
    now = min(instants)
    done = asyncio.Event()

    async def stubborn(do: Any) -> Any:
        while True:
            try:
                return await do()
            except Exception as error:
                if not is_away(error):
                    raise
                await asyncio.sleep(0)

    async def folding(events: list[Any]) -> None:
        while events:
            many = dice.randint(1, 3)
            part = events[:many]
            del events[:many]
            await stubborn(partial(fold, db, part))

    async def draining() -> None:
        work = Drain(db)
        while not done.is_set():
            await stubborn(lambda: work.once(now))
            await asyncio.sleep(0)

    async def killing() -> None:
        while not done.is_set():
            await asyncio.sleep(dice.random() / 20)
            await stubborn(
                lambda: rows(
                    db,
                    KILL,
                )
            )

    async def ticking() -> None:
        while not done.is_set():
            await stubborn(lambda: ticker.tick(db, now))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        folds = [tasks.create_task(folding(lot)) for lot in lots]
        for _ in range(2):
            tasks.create_task(draining())
        tasks.create_task(ticking())
        tasks.create_task(killing())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait(folds)
        done.set()

    async def nobody_else() -> bool:
        (row,) = await rows(db, UNDER_WAY)
        return row["count"] == 0

    await eventually(nobody_else)  # who was killed holds rows and the ticker's lock for a moment more
    await drain(db, now)
    await agree(db)
    await ticker.tick(db, now)
    held = {
        (row["employee_id"], row["work_date"]): row["code"]
        for row in await rows(db, "select * from published_day")
    }
    for row in await rows(db, FRESH, *SPAN, now):
        assert held[row["employee_id"], row["work_date"]] == row["code"]
