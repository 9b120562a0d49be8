"""The live board remembers and counts; whatever it remembers, it shows what the views would compute afresh."""

import datetime as dt
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import uuid4

import pytest

from services.reporting.commands import facts
from services.reporting.commands.steps import drain
from services.reporting.store import notices
from services.reporting.store.notices import Changed
from services.reporting.store.steps import Counter
from services.reporting.views import counters
from services.reporting.views.figures import Board, Reader, look_at
from services.reporting.views.today import Today
from shared.database import Database
from shared.dates import WIB
from shared.events import AttendanceRecorded, AttendanceVoided, Event, OutageDeclared, ReportSubmitted, Scope
from tests.kit import reporting as small
from tests.kit.reporting import COUNTER, DAY, OPD, OTHER_COUNTER, OTHER_OPD, Staff, at

DatabaseFor = Callable[[str], Awaitable[Database]]


class Heard(Protocol):
    async def __call__(self, *events: Event) -> None: ...


EVERYTHING = Reader(("city", "opds", "units"))


def shown(board: Board) -> tuple[object, ...]:
    return board.city(EVERYTHING), board.opds(EVERYTHING), board.units(), board.coverage(), board.short()


async def afresh(db: Database, now: dt.datetime) -> tuple[object, ...]:
    """The same, computed in one look; as are the OPDs looked at one by one, and the service points alone."""
    date = now.astimezone(WIB).date()
    async with db.read() as tx:
        board = await look_at(tx, date, now)
        for opd in board.opds(EVERYTHING):
            assert (await look_at(tx, date, now, opd.opd_code)).opds(EVERYTHING) == [opd]
        assert await counters.units(tx, date, now) == board.units()
        for short in board.short():
            day = await counters.timeline(tx, short.unit_id, date, now)
            begun = [segment for segment in day.segments if segment.from_at >= short.since]
            assert {segment.status for segment in begun} <= {"short"}
            before = [segment for segment in day.segments if segment.until_at <= short.since]
            assert len(begun) + len(before) == len(day.segments)
            assert not before or before[-1].status != "short"
    return shown(board)


@asynccontextmanager
async def hearing(db: Database, now: Callable[[], dt.datetime]) -> AsyncGenerator[tuple[Today, Heard]]:
    """The figures of today, and how events are folded, computed and told to them."""
    today, session = Today(db), await db.dedicated()

    def notice(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        today.hear(notices.heard(str(payload)), now())

    async def heard(*events: Event) -> None:
        async with db.transaction() as tx:
            await facts.apply(tx, [small.received(event) for event in events])
        await drain(db, now())
        await session.execute("select 1")  # what was told before this is heard before its answer

    await session.add_listener(notices.CHANNEL, notice)
    try:
        yield today, heard
    finally:
        await session.close()


async def fold(db: Database, *events: Event) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, [small.received(event) for event in events])


def outage(frm: str, to: str) -> OutageDeclared:
    return OutageDeclared(
        outage_id=uuid4(),
        revision=1,
        scope=Scope(all=True),
        starts_at=at(frm),
        ends_at=at(to),
        reason="server",
        declared_by=OPD,
    )


def gone(staff: Staff, clock: str) -> AttendanceRecorded:
    """Whoever works elsewhere goes, by a clock that nobody vouches for."""
    punch = small.check_in(staff.elsewhere, clock, OTHER_OPD, OTHER_COUNTER)
    return punch.model_copy(update={"kind": "out", "time_trust": "unverified"})


def one_of(random_: random.Random, staff: Staff, now: dt.datetime) -> Event:
    """Something that may happen at `now`."""
    clock = now.astimezone(WIB).time().isoformat()
    who = random_.choice([staff.clerk, staff.late, staff.elsewhere, staff.supervisor])
    opd, unit = (OTHER_OPD, OTHER_COUNTER) if who == staff.elsewhere else (OPD, COUNTER)
    kind = random_.randrange(10)
    if kind == 0:
        return OutageDeclared(
            outage_id=uuid4(),
            revision=1,
            scope=Scope(all=True),
            starts_at=now - dt.timedelta(minutes=30),
            ends_at=now + dt.timedelta(minutes=random_.randrange(90)),
            reason="server",
            declared_by=OPD,
        )
    if kind == 1:
        return small.plan(who, opd, unit, random_.choice(["WFO", "WFH", "LEAVE"])).model_copy(
            update={"revision": random_.randrange(1, 50)}
        )
    if kind == 2:
        return ReportSubmitted(
            report_id=uuid4(),
            employee_id=who,
            opd_code=opd,
            work_date=DAY,
            revision=1,
            submitted_at=now,
            items=[],
        )
    if kind == 3:
        return AttendanceVoided(
            punch_id=uuid4(), employee_id=who, work_date=DAY, voided_at=now, voided_by="x", reason="y"
        )
    punch = small.check_in(who, clock, opd, unit)
    zone = random_.choice(["office", "office", "uncertain", "remote", "elsewhere"])
    return punch.model_copy(update={"kind": random_.choice(["in", "out"]), "zone": zone})


@pytest.mark.parametrize("seed", range(3))
async def test_the_live_board_is_what_the_views_say_whatever_happens(database_for: DatabaseFor, seed: int) -> None:
    random_ = random.Random(seed)
    staff = Staff.new()
    db = await database_for("reporting")
    now = at("06:30")
    async with hearing(db, lambda: now) as (today, heard):
        await heard(*small.city(staff))
        for _ in range(40):
            now += dt.timedelta(seconds=random_.choice([0, 1, 600, 1800, random_.randrange(5400)]))
            for _ in range(random_.randrange(3)):
                await heard(one_of(random_, staff, now))
            seen = await today.look(now)
            assert shown(seen) == await afresh(db, now), now


async def test_instants_at_which_time_alone_changes_a_state_are_not_missed(database_for: DatabaseFor) -> None:
    db = await database_for("reporting")
    staff = Staff.new()
    edges = [at(clock) for clock in ("07:30", "08:00", "15:00", "16:00", "17:00", "20:00", "23:59:59")]
    around = [edge + dt.timedelta(microseconds=by) for edge in edges for by in (-1, 0, 1)]
    async with hearing(db, lambda: at("06:30")) as (today, heard):
        await heard(*small.city(staff))
        for now in (*around, at("00:00", DAY + dt.timedelta(days=1)), at("00:00:01", DAY + dt.timedelta(days=1))):
            seen = await today.look(now)
            assert shown(seen) == await afresh(db, now), now


@pytest.mark.parametrize("broad", [False, True])
async def test_what_was_seen_before_it_was_computed_and_is_undone_is_not_shown_on(
    database_for: DatabaseFor, broad: bool
) -> None:
    """Read afresh while it waited, and when it is computed the steps are what they were before."""
    db = await database_for("reporting")
    staff, now = Staff.new(), at("09:00")
    done: list[Event]
    if broad:
        outage = OutageDeclared(
            outage_id=uuid4(),
            revision=1,
            scope=Scope(all=True),
            starts_at=at("07:00"),
            ends_at=at("08:00"),
            reason="server",
            declared_by=OPD,
        )
        done = [outage, outage.model_copy(update={"revision": 2, "revoked": True})]
    else:
        punch = small.check_in(staff.elsewhere, "07:20", OTHER_OPD, OTHER_COUNTER)
        void = AttendanceVoided(
            punch_id=punch.punch_id,
            employee_id=staff.elsewhere,
            work_date=DAY,
            voided_at=now,
            voided_by="x",
            reason="y",
        )
        done = [punch, void]
    async with hearing(db, lambda: now) as (today, heard):
        await heard(*small.city(staff))
        before = shown(await today.look(now))
        async with db.transaction() as tx:
            await facts.apply(tx, [small.received(done[0])])
        today.forget()
        assert shown(await today.look(now)) != before
        await heard(done[1])
        assert shown(await today.look(now)) == await afresh(db, now) == before


@pytest.mark.parametrize("broad", [False, True])
async def test_what_was_seen_before_it_was_computed_is_not_taken_back_by_news_from_before(
    database_for: DatabaseFor, broad: bool
) -> None:
    """A drain's notice is heard after a look that knows more than the drain did."""
    db = await database_for("reporting")
    staff, now = Staff.new(), at("09:00")
    punch = small.check_in(staff.elsewhere, "07:20", OTHER_OPD, OTHER_COUNTER)
    later: Event = outage("07:00", "09:30") if broad else gone(staff, "08:30")
    await fold(db, *small.city(staff))
    await drain(db, now)
    await fold(db, punch)
    await drain(db, now)
    await fold(db, later)
    today = Today(db)
    seen = shown(await today.look(now))
    assert seen == await afresh(db, now)
    counters_ = [Counter(DAY, COUNTER), Counter(DAY, OTHER_COUNTER)]
    today.hear(Changed(DAY, [staff.elsewhere, staff.late], counters_), now)
    assert shown(await today.look(now)) == seen


async def test_what_was_counted_as_of_the_moment_is_not_taken_back_when_its_row_is_exact_again(
    database_for: DatabaseFor,
) -> None:
    db = await database_for("reporting")
    staff = Staff.new()
    await fold(db, *small.city(staff), small.check_in(staff.elsewhere, "07:20", OTHER_OPD, OTHER_COUNTER))
    leaves = gone(staff, "09:00")
    await fold(db, leaves)
    await drain(db, at("08:30"))
    today = Today(db)
    await today.look(at("08:30"))
    await fold(
        db,
        AttendanceVoided(
            punch_id=leaves.punch_id,
            employee_id=staff.elsewhere,
            work_date=DAY,
            voided_at=at("08:30"),
            voided_by="x",
            reason="y",
        ),
    )
    for clock in ("08:59:59", "09:00", "09:00:01"):
        seen = await today.look(at(clock))
        async with db.read() as tx:
            assert seen.units() == (await look_at(tx, DAY, at(clock))).units(), clock
