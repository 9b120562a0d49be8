"""Who hears of it next when nobody sees to it, on a real PostgreSQL."""

import asyncio
import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.notifications.commands import escalation, telling
from services.notifications.commands.acknowledge import acknowledge
from services.notifications.commands.notices import tell
from services.notifications.domain.telling import Telling
from services.notifications.store import deletion
from shared.bus import HandlerContext
from shared.events import ReportSubmitted
from shared.refusals import Conflict, Missing
from tests.integration.test_notifications_telling import (
    ADI,
    BUDI,
    CITRA,
    DEWI,
    EKO,
    NOW,
    Hear,
    clock,
    context,
    counter,
    hear,
    kinds,
    messages,
    person,
    published,
    received,
    review,
    verdict,
)

__all__ = ["context", "hear"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNIT_HEAD, OPD_HEAD, CITY_HEAD = BUDI, CITRA, DEWI
MINUTE = dt.timedelta(minutes=1)


async def pass_(context: HandlerContext, minutes: float) -> None:
    """So much time goes by, and the task looks, as often as there is something to do."""
    clock(context).advance(minutes * MINUTE)
    await look(context)


async def look(context: HandlerContext) -> None:
    while True:
        async with context.db.transaction() as tx:
            looked, _ = await escalation.step(tx, context.clock.now())
        if not looked:
            return


async def short(hear: Hear, unit_heads: Iterable[UUID] = (UNIT_HEAD,)) -> None:
    await hear(
        person(ADI),
        *(person(one, unit="KANTOR", heads=["U1"]) for one in unit_heads),
        person(OPD_HEAD, unit="KANTOR", heads=["DISDIK"]),
        person(CITY_HEAD, unit="KANTOR", opd="BKPSDM", heads=["BKPSDM"]),
    )
    await hear(counter("short", 1))


async def told(context: HandlerContext) -> list[UUID]:
    return [one for one, kind in await messages(context.db) if kind == "counter.short"]


async def notification(context: HandlerContext, employee_id: UUID) -> UUID:
    async with context.db.read() as tx:
        return await tx.connection.fetchval(
            "select notification_id from message where employee_id = $1", employee_id
        )


async def test_a_short_counter_is_told_to_its_unit_head_and_its_end_to_the_same(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(
        person(ADI, supervisor_id=DEWI, acting_supervisor_id=EKO),
        person(BUDI, unit="KANTOR", heads=["U1"]),
        person(CITRA, unit="KANTOR", heads=["DISDIK"]),
        person(DEWI, unit="KANTOR"),
        person(EKO, unit="KANTOR"),
        person(UUID(int=6), unit="U2", heads=["U2"]),
        person(UUID(int=7), unit="U1", heads=["U1"], active=False),
    )
    await hear(counter("short", 1))
    assert await messages(context.db) == [(BUDI, "counter.short")]
    await hear(person(BUDI, unit="KANTOR", heads=[], revision=2))
    await hear(counter("met", 2, "short"))
    assert await messages(context.db) == [(BUDI, "counter.short"), (BUDI, "counter.met")]


async def test_where_nobody_heads_the_unit_the_superiors_of_its_people_are_told(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(
        person(ADI, supervisor_id=DEWI, acting_supervisor_id=EKO),
        person(BUDI, supervisor_id=CITRA, active=False),
        person(CITRA, unit="KANTOR"),
        person(DEWI, unit="KANTOR"),
        person(EKO, unit="KANTOR"),
        person(UUID(int=7), unit="U1", heads=["U1"], active=False),
    )
    await hear(counter("short", 1))
    assert await messages(context.db) == [(DEWI, "counter.short"), (EKO, "counter.short")]


async def test_a_shortage_nobody_sees_to_goes_to_the_opd_after_10_and_to_the_city_after_30_minutes(
    context: HandlerContext, hear: Hear
) -> None:
    await short(hear)
    expected = [UNIT_HEAD]
    for minutes, next_one in ((9.9, None), (0.1, OPD_HEAD), (0, None), (19.9, None), (0.1, CITY_HEAD), (60, None)):
        await pass_(context, minutes)
        expected += [next_one] if next_one else []
        assert await told(context) == expected
    await hear(counter("met", 2, "short"))
    assert {one for one, kind in await messages(context.db) if kind == "counter.met"} == set(expected)
    assert await published(context.db) == 6


@pytest.mark.parametrize("who", [UNIT_HEAD, OPD_HEAD])
async def test_nobody_else_hears_of_it_once_somebody_who_was_told_has_acknowledged(
    context: HandlerContext, hear: Hear, who: UUID
) -> None:
    await short(hear)
    if who == OPD_HEAD:
        await pass_(context, 10)
    known = await told(context)
    async with context.db.transaction() as tx:
        seen = await acknowledge(tx, who, await notification(context, who), context.clock.now())
    clock(context).advance(5 * MINUTE)
    async with context.db.transaction() as tx:
        for again in known:
            mine = await notification(context, again)
            assert (
                await acknowledge(tx, again, mine, context.clock.now())
            ).acknowledged_at == seen.acknowledged_at
    await pass_(context, 60)
    assert await told(context) == known
    async with context.db.read() as tx:
        assert await tx.connection.fetchval("select acknowledged_by from escalation") == who


async def test_who_was_not_told_can_acknowledge_nothing_and_what_asks_for_nothing_is_not_acknowledged(
    context: HandlerContext, hear: Hear
) -> None:
    await short(hear)
    await hear(verdict("not_met"))
    async with context.db.transaction() as tx:
        with pytest.raises(Missing):
            await acknowledge(tx, OPD_HEAD, await notification(context, UNIT_HEAD), NOW)
        with pytest.raises(Conflict):
            await acknowledge(tx, ADI, await notification(context, ADI), NOW)
    await pass_(context, 10)
    assert await told(context) == [UNIT_HEAD, OPD_HEAD]


@pytest.mark.parametrize("end", ["met", "closed"])
async def test_nobody_else_hears_of_what_is_over(context: HandlerContext, hear: Hear, end: str) -> None:
    await short(hear)
    await hear(counter(end, 2, "short"))
    await pass_(context, 60)
    assert await told(context) == [UNIT_HEAD]


async def test_a_shortage_and_its_end_in_one_batch_wait_for_nobody(context: HandlerContext, hear: Hear) -> None:
    await hear(person(BUDI, heads=["U1"]), person(CITRA, heads=["DISDIK"]))
    await hear(counter("short", 1), counter("met", 2, "short"))
    await pass_(context, 60)
    assert await messages(context.db) == [(BUDI, "counter.short"), (BUDI, "counter.met")]


async def test_where_nobody_is_there_to_be_told_the_next_one_is_told_at_once(
    context: HandlerContext, hear: Hear
) -> None:
    await short(hear, unit_heads=())
    await look(context)
    assert await told(context) == [OPD_HEAD]
    await pass_(context, 30)
    assert await told(context) == [OPD_HEAD, CITY_HEAD]


async def test_a_head_whom_the_directory_names_only_later_hears_what_their_step_was_told(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(person(ADI), person(BUDI, heads=["U1"]), counter("short", 1))
    await pass_(context, 11)
    await hear(person(CITRA, heads=["DISDIK"]))
    assert await told(context) == [BUDI, CITRA]


async def test_a_clock_that_jumps_tells_each_step_once_and_after_three_days_none(
    context: HandlerContext, hear: Hear
) -> None:
    await short(hear)
    await pass_(context, 45)
    await pass_(context, -45)
    await pass_(context, 45)
    assert await told(context) == [UNIT_HEAD, OPD_HEAD, CITY_HEAD]
    await hear(counter("met", 2, "short"), counter("short", 3))
    before = await told(context)
    await pass_(context, 3 * 24 * 60 + 1)
    assert await told(context) == before


async def test_two_replicas_and_a_replay_tell_each_step_once(context: HandlerContext, hear: Hear) -> None:
    await short(hear)
    clock(context).advance(10 * MINUTE)
    other = replace(context)
    await asyncio.gather(*(look(one) for one in (context, other) * 3))
    alert = received(counter("short", 1))
    await tell([alert], other)
    await pass_(context, 0)
    assert await told(context) == [UNIT_HEAD, OPD_HEAD]


async def test_what_the_next_one_reads_is_how_it_is_by_then(context: HandlerContext, hear: Hear) -> None:
    await short(hear)
    worse = counter("short", 2, "short").model_copy(update={"present_low": 0, "as_of": NOW + 5 * MINUTE})
    await hear(worse)
    await pass_(context, 10)
    async with context.db.read() as tx:
        rows = await tx.connection.fetch("select params from message where kind = 'counter.short' order by place")
    assert [row["params"]["present"] for row in rows] == [1, 0]
    assert dt.datetime.fromisoformat(rows[1]["params"]["as_of"]) == worse.as_of


def waiting(people: list[UUID]) -> Telling:
    return Telling("reviews.waiting", uuid4(), {"waiting": 2, "oldest": "2025-11-05"}, people=people)


TUESDAY = NOW - dt.timedelta(days=2)
"""Two days after it people work, too."""


async def test_reviews_that_wait_go_to_the_deputy_after_a_day_and_to_the_head_after_two(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(
        person(ADI, supervisor_id=BUDI, acting_supervisor_id=CITRA),
        person(EKO, supervisor_id=BUDI),
        person(BUDI),
        person(CITRA),
        person(DEWI, heads=["DISDIK"]),
    )
    report = ReportSubmitted(
        report_id=uuid4(),
        employee_id=ADI,
        opd_code="DISDIK",
        work_date=TUESDAY.date(),
        revision=1,
        submitted_at=TUESDAY,
        items=[],
    )
    await hear(report)
    clock(context).set(TUESDAY)
    digest = waiting([ADI, EKO])
    async with context.db.transaction() as tx:
        for _ in range(2):
            await telling.tell(tx, [digest], TUESDAY)
    assert await messages(context.db) == [(BUDI, "reviews.waiting")]
    await pass_(context, 1440)
    await pass_(context, 1440)
    assert [one for one, _ in await messages(context.db)] == [BUDI, CITRA, DEWI]
    another = waiting([ADI])
    async with context.db.transaction() as tx:
        await telling.tell(tx, [another], context.clock.now())
        await escalation.end(tx, "reviews.waiting", [another.cause], context.clock.now())
    await pass_(context, 2880)
    assert [one for one, _ in await messages(context.db)] == [BUDI, CITRA, DEWI, BUDI]


async def test_who_has_no_superior_has_the_head_of_their_unit_or_opd(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI), person(BUDI, heads=["U1"]), person(CITRA, unit="U2", heads=["DISDIK"]))
    async with context.db.transaction() as tx:
        await telling.tell(tx, [waiting([ADI]), waiting([BUDI])], NOW)
    assert sorted(await messages(context.db)) == [
        (BUDI, "reviews.waiting"),
        *[(CITRA, "reviews.waiting")] * 2,
    ]


async def test_subscriptions_hear_what_they_asked_for_of_their_opds_once_and_no_inbox_is_spoken_of(
    context: HandlerContext, hear: Hear
) -> None:
    city, disdik, dishub, quiet = (UUID(int=100 + n) for n in range(4))
    async with context.db.transaction() as tx:
        for one, kinds_, opds, active in (
            (city, ["counter.short", "counter.met"], None, True),
            (disdik, ["counter.short"], ["DISDIK", "DINKES"], True),
            (dishub, ["counter.short"], ["DISHUB"], True),
            (quiet, ["counter.short"], None, False),
        ):
            await tx.connection.execute(
                """
                insert into subscription values
                    ($1, 'webhook', 'https://example.org', $2, $3, '-', 'en', $4, $1, now())
                """,
                one,
                kinds_,
                opds,
                active,
            )
    await short(hear)
    await pass_(context, 10)
    await hear(counter("met", 2, "short"))
    assert await kinds(context.db, city) == ["counter.short", "counter.met"]
    assert await kinds(context.db, disdik) == ["counter.short"]
    assert await kinds(context.db, dishub) == await kinds(context.db, quiet) == []
    assert await published(context.db) == 4


async def test_an_erased_person_leaves_nothing_in_what_waits(context: HandlerContext, hear: Hear) -> None:
    await hear(person(ADI, supervisor_id=BUDI), person(BUDI))
    async with context.db.transaction() as tx:
        await telling.tell(tx, [waiting([ADI])], NOW)
    async with context.db.transaction() as tx:
        await acknowledge(tx, BUDI, await notification(context, BUDI), NOW)
    await hear(received(None, key=str(ADI)), received(None, key=str(BUDI)))
    async with context.db.transaction() as tx:
        row = await tx.connection.fetchrow("select people, acknowledged_by from escalation")
        assert row is not None
        assert (row["people"], row["acknowledged_by"]) == ([], None)
        await deletion.prune(tx, facts_before=NOW.date(), messages_before=NOW + MINUTE)
        assert await tx.connection.fetchval("select count(*) from escalation") == 0


async def test_a_rule_that_is_switched_off_tells_nobody_and_carries_nothing_further(
    context: HandlerContext, hear: Hear
) -> None:
    await short(hear)
    async with context.db.transaction() as tx:
        for kind in ("counter.short", "report.returned"):
            await tx.connection.execute(
                "insert into rule values ($1, 1, $2, $3, now(), 'x')", kind, '{"on": false, "to": ["person"]}', ADI
            )
    await pass_(context, 10)
    await hear(review("returned"))
    assert await messages(context.db) == [(UNIT_HEAD, "counter.short")]
