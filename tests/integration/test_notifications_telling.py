"""Batches of events become messages, once for each cause, on a real PostgreSQL."""

import datetime as dt
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.notifications.commands import telling
from services.notifications.commands.notices import tell
from services.notifications.domain.kinds import KINDS
from services.notifications.domain.telling import Telling
from services.notifications.store import deletion, inbox, preferences
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.database import Database
from shared.events import (
    ComplianceChanged,
    CoverageChanged,
    EmployeeChanged,
    Event,
    OutageDeclared,
    Received,
    ReportReviewed,
    ScheduleChanged,
    Scope,
)
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIB = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2025, 11, 6, 7, 40, tzinfo=WIB)
TODAY = dt.date(2025, 11, 6)
ADI, BUDI, CITRA, DEWI, EKO = (UUID(int=n) for n in range(1, 6))


@pytest_asyncio.fixture(loop_scope="session")
async def context(database_for: DatabaseFor) -> HandlerContext:
    db = await database_for("notifications")
    settings = Settings.model_construct(service="notifications", database_url=db.url)
    return HandlerContext(settings, db, FixedClock(NOW), Metrics("notifications"))


def clock(context: HandlerContext) -> FixedClock:
    assert isinstance(context.clock, FixedClock)
    return context.clock


def received(event: Event | None, *, at: dt.datetime = NOW, id: UUID | None = None, key: str = "") -> Received:
    name = event.topic if event else "directory.employee.v1"
    return Received(event, id or uuid4(), name, "/test", at, event.key if event else key, None)


def person(employee_id: UUID, unit: str = "U1", opd: str = "DISDIK", **more: Any) -> EmployeeChanged:
    values = {
        "employee_id": employee_id,
        "revision": 1,
        "nip": "199001012015011001",
        "name": "Nama Rahasia",
        "opd_code": opd,
        "unit_id": unit,
        "employment": "PNS",
    }
    return EmployeeChanged.model_validate({**values, **more})


def plan(employee_id: UUID = ADI, mode: str = "WFO", revision: int = 1, date: dt.date = TODAY) -> ScheduleChanged:
    start = dt.datetime.combine(date, dt.time(7, 30), WIB) if mode in ("WFO", "WFH") else None
    return ScheduleChanged.model_validate(
        {
            "employee_id": employee_id,
            "opd_code": "DISDIK",
            "unit_id": "U1",
            "work_date": date,
            "revision": revision,
            "mode": mode,
            "starts_at": start,
            "ends_at": start + dt.timedelta(hours=8, minutes=30) if start else None,
        }
    )


def verdict(
    state: str, previous: str = "pending", revision: int = 1, employee_id: UUID = ADI, duty: str = "hours"
) -> ComplianceChanged:
    return ComplianceChanged.model_validate(
        {
            "employee_id": employee_id,
            "opd_code": "DISDIK",
            "work_date": TODAY,
            "duty": duty,
            "revision": revision,
            "state": state,
            "previous": previous,
            "as_of": NOW,
        }
    )


def counter(status: str, revision: int, previous: str = "met") -> CoverageChanged:
    return CoverageChanged.model_validate(
        {
            "unit_id": "U1",
            "opd_code": "DISDIK",
            "revision": revision,
            "status": status,
            "previous": previous,
            "as_of": NOW,
            "required": 2,
            "present_low": 1,
            "present_high": 1,
        }
    )


def outage(scope: Scope, revision: int = 1, *, revoked: bool = False, id: UUID = EKO) -> OutageDeclared:
    return OutageDeclared(
        outage_id=id,
        revision=revision,
        scope=scope,
        starts_at=dt.datetime(2025, 11, 6, 7, 10, tzinfo=WIB),
        ends_at=dt.datetime(2025, 11, 6, 7, 50, tzinfo=WIB),
        reason="listrik padam",
        declared_by="BKPSDM",
        revoked=revoked,
    )


def review(decision: str, revision: int = 1, report: UUID | None = None, **more: Any) -> ReportReviewed:
    return ReportReviewed.model_validate(
        {
            "report_id": report or uuid4(),
            "employee_id": ADI,
            "work_date": TODAY,
            "report_revision": 1,
            "revision": revision,
            "reviewed_at": NOW,
            "reviewer_id": BUDI,
            "decision": decision,
            **more,
        }
    )


async def messages(db: Database, employee_id: UUID | None = None) -> list[tuple[UUID, str]]:
    async with db.read() as tx:
        rows = await tx.connection.fetch(
            "select employee_id, kind from message where $1::uuid is null or employee_id = $1 order by place",
            employee_id,
        )
    return [(row["employee_id"], row["kind"]) for row in rows]


async def kinds(db: Database, employee_id: UUID) -> list[str]:
    return [kind for _, kind in await messages(db, employee_id)]


async def published(db: Database) -> int:
    async with db.read() as tx:
        return await tx.connection.fetchval("select count(*) from outbox where topic = 'notification.sent.v1'")


@pytest.fixture
def hear(context: HandlerContext) -> Callable[..., Awaitable[list[Received]]]:
    async def hear(*events: Event | Received) -> list[Received]:
        batch = [event if isinstance(event, Received) else received(event) for event in events]
        await tell(batch, context)
        return batch

    return hear


Hear = Callable[..., Awaitable[list[Received]]]


@pytest.mark.fault(11)
async def test_each_cause_is_told_once_whatever_is_replayed(context: HandlerContext, hear: Hear) -> None:
    story = [
        *await hear(person(ADI), person(BUDI, heads=["U1"]), person(CITRA, heads=["DISDIK"])),
        *await hear(plan(mode="WFO")),
        *await hear(plan(mode="WFH", revision=2)),
        *await hear(verdict("not_met")),
        *await hear(review("returned")),
        *await hear(counter("short", 1)),
        *await hear(counter("met", 2, "short")),
        *await hear(outage(Scope(all=True))),
        *await hear(outage(Scope(all=True), 2, revoked=True)),
    ]
    once = await messages(context.db)
    assert sorted(set(once)) == sorted(once)
    assert await kinds(context.db, ADI) == [
        "schedule.new",
        "schedule.changed",
        "duty.not_met",
        "report.returned",
        "outage.declared",
        "outage.revoked",
    ]
    randomly = random.Random(7)
    for _ in range(5):
        replay = story * 2
        randomly.shuffle(replay)
        cut = randomly.randrange(1, len(replay))
        await hear(*replay[:cut])
        await hear(*replay[cut:])
    assert await messages(context.db) == once
    assert await published(context.db) == len(once)


async def test_how_records_are_cut_into_batches_makes_no_difference(
    context: HandlerContext, database_for: DatabaseFor
) -> None:
    story = [
        received(event)
        for event in (
            person(ADI),
            person(BUDI, heads=["U1"]),
            plan(mode="WFO"),
            plan(mode="WFH", revision=2),
            plan(mode="OFF", revision=3),
            verdict("not_met"),
            verdict("unknown", "not_met", 2),
            counter("short", 1),
            counter("met", 2, "short"),
            counter("short", 3),
            outage(Scope(unit_ids=["U1"])),
            outage(Scope(unit_ids=["U1"]), 2, revoked=True),
        )
    ]
    at_once = await database_for("notifications")
    await tell(story, HandlerContext(context.settings, at_once, context.clock, context.metrics))
    for one in story:
        await tell([one], context)
    assert sorted(await messages(at_once)) == sorted(await messages(context.db))
    assert (
        len(await messages(at_once)) == 9
    )  # ADI has the day off by then: no outage; what changed twice is one message


async def test_an_older_revision_that_comes_late_says_nothing(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), plan(mode="OFF", revision=1), verdict("met", revision=2))
    await hear(plan(mode="OFF", revision=5))
    await hear(plan(mode="WFH", revision=3), verdict("not_met", revision=1))
    assert await messages(context.db) == []


async def test_facts_read_again_after_three_days_notify_nobody(context: HandlerContext, hear: Hear) -> None:
    clock(context).advance(dt.timedelta(days=3, seconds=1))
    await hear(
        person(ADI, heads=["U1"]),
        plan(mode="WFH"),
        verdict("not_met"),
        review("accepted"),
        counter("short", 1),
        counter("met", 2, "short"),
        outage(Scope(all=True)),
    )
    assert await messages(context.db) == []
    assert await published(context.db) == 0


async def test_a_month_of_first_plans_is_one_message_of_the_days_at_home_and_one_of_today_and_tomorrow(
    context: HandlerContext, hear: Hear
) -> None:
    dates = [TODAY + dt.timedelta(days=n) for n in range(30)]
    month = [plan(mode="WFH" if n % 5 == 3 else "WFO", date=date) for n, date in enumerate(dates)]
    batch = await hear(person(ADI), *month)
    await hear(*batch)
    async with context.db.read() as tx:
        rows = await tx.connection.fetch("select kind, params from message order by place")
    assert [row["kind"] for row in rows] == ["schedule.new", "schedule.wfh"]
    told = [[day["work_date"] for day in row["params"]["days"]] for row in rows]
    assert told == [[str(date) for date in dates[:2]], [str(date) for date in dates[3::5]]]


async def test_an_event_twice_in_one_batch_is_told_as_if_it_came_once(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), person(BUDI, heads=["U1"]), plan(mode="WFO", date=TODAY + dt.timedelta(days=5)))
    stories: list[tuple[UUID, Event, str]] = [
        (BUDI, counter("short", 1), "counter.short"),
        (BUDI, counter("met", 2, "short"), "counter.met"),
        (ADI, verdict("not_met"), "duty.not_met"),
        (ADI, plan(mode="WFH"), "schedule.wfh"),
        (ADI, plan(mode="WFO", revision=2), "schedule.changed"),
        (ADI, review("returned"), "report.returned"),
    ]
    for who, event, kind in stories:
        before = await kinds(context.db, who)
        once = received(event)
        await hear(once, once)
        assert await kinds(context.db, who) == [*before, kind]
    assert await published(context.db) == len(stories)


async def test_a_shortage_and_its_end_each_twice_in_one_batch_are_both_told(
    context: HandlerContext, hear: Hear
) -> None:
    short, met = received(counter("short", 1)), received(counter("met", 2, "short"))
    await hear(person(BUDI, heads=["U1"]), short, short, met, short, met)
    assert await kinds(context.db, BUDI) == ["counter.short", "counter.met"]


async def test_an_outage_told_in_this_batch_is_not_told_again_to_who_just_appeared(
    context: HandlerContext, hear: Hear
) -> None:
    reworded = outage(Scope(all=True), 2).model_copy(update={"reason": "listrik padam di seluruh kota"})
    await hear(person(ADI), outage(Scope(all=True)), reworded)
    assert await kinds(context.db, ADI) == ["outage.declared"]


async def test_an_outage_is_told_to_those_it_concerns_and_not_to_those_on_leave(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(
        person(ADI),
        person(BUDI, unit="U2"),
        person(CITRA, unit="U1"),
        person(DEWI, unit="U3", opd="DISHUB"),
        plan(CITRA, "LEAVE"),
        plan(DEWI, "WFO"),  # posted at U1 of DISDIK for the day
    )
    await hear(outage(Scope(unit_ids=["U1"])))
    told = [(one, kind) for one, kind in await messages(context.db) if kind.startswith("outage.")]
    assert sorted(told) == [(ADI, "outage.declared"), (DEWI, "outage.declared")]


async def test_a_narrower_outage_is_taken_back_from_those_it_no_longer_concerns(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(person(ADI), person(BUDI, unit="U2"))
    await hear(outage(Scope(opd_codes=["DISDIK"])))
    await hear(outage(Scope(unit_ids=["U1"]), 2))
    await hear(outage(Scope(unit_ids=["U1"]), 3, revoked=True))
    assert await kinds(context.db, ADI) == ["outage.declared", "outage.revoked"]
    assert await kinds(context.db, BUDI) == ["outage.declared", "outage.revoked"]


async def test_what_comes_before_the_directory_is_told_when_the_directory_comes(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(outage(Scope(opd_codes=["DISDIK"])), counter("short", 1), verdict("not_met"))
    assert await messages(context.db) == [(ADI, "duty.not_met")]
    await hear(person(ADI), person(BUDI, heads=["U1"]))
    await hear(person(ADI, revision=2), person(BUDI, heads=["U1"], revision=2))
    assert sorted(await messages(context.db)) == [
        (ADI, "duty.not_met"),
        (ADI, "outage.declared"),
        (BUDI, "counter.short"),
        (BUDI, "outage.declared"),
    ]


async def test_a_muted_kind_is_recorded_as_suppressed_and_never_shown(context: HandlerContext, hear: Hear) -> None:
    async with context.db.transaction() as tx:
        await preferences.put(tx, ADI, language=None, muted_channels=[], muted_kinds=["duty.not_met"])
    causes = await hear(verdict("not_met"), review("accepted"))
    async with context.db.transaction() as tx:
        await preferences.put(tx, ADI, language=None, muted_channels=[], muted_kinds=[])
    await hear(*causes)
    async with context.db.read() as tx:
        shown = await inbox.messages(tx, ADI, before=None, limit=10, unread_only=False)
        sent = await tx.connection.fetch(
            "select convert_from(value, 'utf8')::jsonb as body from outbox order by id"
        )
    assert [message.kind for message in shown] == ["report.accepted"]
    assert [(row["body"]["kind"], row["body"]["status"]) for row in sent] == [
        ("report.accepted", "delivered"),
        ("duty.not_met", "suppressed"),
    ]


async def test_what_is_muted_by_one_channel_is_muted_there_and_a_fixed_kind_stays_in_the_inbox(
    context: HandlerContext, hear: Hear
) -> None:
    async with context.db.transaction() as tx:
        await preferences.put(tx, ADI, language=None, muted_channels=["inbox"], muted_kinds=["report.returned"])
        await preferences.mute(tx, BUDI, "report.accepted", "inbox")
        for _ in range(2):
            await preferences.mute(tx, BUDI, "duty.not_met", "push")
    await hear(review("returned"), review("accepted"), verdict("not_met"))
    await hear(review("accepted", employee_id=BUDI), verdict("not_met", employee_id=BUDI))
    async with context.db.read() as tx:
        shown = {
            one: [each.kind for each in await inbox.messages(tx, one, before=None, limit=9, unread_only=False)]
            for one in (ADI, BUDI)
        }
        asked = await preferences.of(tx, BUDI)
    assert shown == {ADI: ["report.returned"], BUDI: ["duty.not_met"]}
    assert {(one.kind, one.channel) for one in asked.muted} == {
        ("report.accepted", "inbox"),
        ("duty.not_met", "push"),
    }


async def test_an_erased_person_leaves_nothing_behind_and_gets_nothing_more(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(
        person(ADI), person(BUDI), plan(mode="WFO"), verdict("not_met"), verdict("not_met", employee_id=BUDI)
    )
    async with context.db.transaction() as tx:
        await preferences.put(tx, ADI, language="en", muted_channels=[], muted_kinds=[])
    await hear(received(None, key=str(ADI)))
    await hear(person(ADI, revision=10**6), review("accepted"), outage(Scope(all=True)))
    assert {one for one, _ in await messages(context.db)} == {BUDI}
    async with context.db.read() as tx:
        rows = await tx.connection.fetch("select * from recipient where employee_id = $1", ADI)
        for table in ("plan", "duty_state", "preference"):
            left = await tx.connection.fetch(f"select 1 from {table} where employee_id = $1", ADI)  # noqa: S608
            assert left == []
    assert (rows[0]["unit_id"], rows[0]["opd_code"], rows[0]["heads"]) == (None, None, [])


async def test_an_alert_proposes_nobody_who_is_erased(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), person(BUDI), person(CITRA, heads=["U1"]))
    async with context.db.transaction() as tx:
        proposed = {"required": 2, "present": 1, "as_of": NOW.isoformat(), "substitutes": [str(ADI), str(BUDI)]}
        await telling.tell(tx, [Telling("counter.short", uuid4(), proposed, "U1", unit_id="U1")], NOW)
    await hear(received(None, key=str(ADI)))
    async with context.db.read() as tx:
        params = await tx.connection.fetchval("select params from message where employee_id = $1", CITRA)
    assert params["substitutes"] == [str(BUDI)]


async def test_of_the_directory_only_where_people_are_reached_is_stored_and_in_one_table(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(person(ADI, email="adi@contoh.go.id", phone="0812000"), plan(mode="WFH"), outage(Scope(all=True)))
    found: list[str] = []
    reached: list[str] = []
    async with context.db.read() as tx:
        tables: Sequence[Any] = await tx.connection.fetch(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
        for table in tables:
            rows = await tx.connection.fetch(f"select t::text as line from {table['table_name']} t")  # noqa: S608
            (reached if table["table_name"] == "recipient" else found).extend(row["line"] for row in rows)
    text, recipients = "\n".join(found), "\n".join(reached)
    assert str(ADI) in text
    for address in ("adi@contoh.go.id", "0812000"):
        assert address in recipients
        assert address not in text
    for secret in ("199001012015011001", "Nama Rahasia"):
        assert secret not in text + recipients


async def test_a_failure_leaves_neither_facts_nor_messages(
    context: HandlerContext, hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    events = [received(person(ADI)), received(verdict("not_met"))]
    with monkeypatch.context() as patched:
        patched.setattr("services.notifications.commands.telling.outbox.add_alike", broken)
        with pytest.raises(ConnectionError):
            await hear(*events)
    assert await messages(context.db) == []
    await hear(*events)
    assert await messages(context.db) == [(ADI, "duty.not_met")]


async def test_a_city_wide_outage_reaches_24_000_inboxes_in_one_batch(context: HandlerContext, hear: Hear) -> None:
    people = [UUID(int=n) for n in range(1, 24_001)]
    for start in range(0, len(people), 2000):
        await hear(*(person(one) for one in people[start : start + 2000]))
    batch = await hear(outage(Scope(all=True)))
    await hear(*batch)
    assert len(await messages(context.db)) == 24_000
    assert await published(context.db) == 24_000


async def test_old_facts_and_messages_are_pruned(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), plan(mode="WFO"), verdict("not_met"), review("accepted"))
    async with context.db.transaction() as tx:
        await deletion.prune(tx, facts_before=TODAY, messages_before=NOW)
        assert await tx.connection.fetchval("select count(*) from plan") == 1
        await deletion.prune(
            tx, facts_before=TODAY + dt.timedelta(days=1), messages_before=NOW + dt.timedelta(seconds=1)
        )
        for table in ("plan", "duty_state", "review", "message"):
            assert await tx.connection.fetchval(f"select count(*) from {table}") == 0  # noqa: S608


async def test_the_catalogue_of_kinds_matches_what_is_counted(context: HandlerContext, hear: Hear) -> None:
    await hear(verdict("not_met"))
    counted = context.metrics.registry.get_sample_value("hadir_notifications_total", {"kind": "duty.not_met"})
    assert counted == 1
    assert "duty.not_met" in KINDS
