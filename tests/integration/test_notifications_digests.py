"""What a week came to: for heads of OPDs, and for those who follow the city; on a real PostgreSQL."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications.tasks import reminders
from shared.bus import HandlerContext
from shared.events import ComplianceChanged, ScheduleChanged
from tests.integration.test_notifications_reminders import at, on, report
from tests.integration.test_notifications_telling import (
    CITRA,
    DEWI,
    NOW,
    Hear,
    clock,
    context,
    hear,
    person,
    plan,
    verdict,
)

__all__ = ["context", "hear"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

MONDAY = at(7, 0, on(10))


def day(of: UUID, opd: str, date: dt.date, state: str, duty: str = "on_time") -> list[Any]:
    """A planned day, and what one of its duties came to."""
    planned = plan(of, date=date).model_dump() | {"opd_code": opd}
    said = verdict(state, employee_id=of, duty=duty).model_dump() | {"opd_code": opd, "work_date": date}
    return [ScheduleChanged.model_validate(planned), ComplianceChanged.model_validate(said)]


async def told(context: HandlerContext, now: dt.datetime) -> dict[tuple[UUID, str], dict[str, Any]]:
    """The digests of a round, by reader and kind."""
    clock(context).set(now)
    await reminders.look(context.db, now)
    async with context.db.transaction() as tx:
        rows = await tx.connection.fetch(
            "select employee_id, kind, params from message where kind like 'digest.%' order by place"
        )
        await tx.connection.execute("delete from message where kind like 'digest.%'")
    return {(row["employee_id"], row["kind"]): row["params"] for row in rows}


async def subscribe(context: HandlerContext, *kinds: str, opds: list[str] | None = None) -> UUID:
    """Somebody outside who asked for kinds."""
    follower = uuid4()
    async with context.db.transaction() as tx:
        await tx.connection.execute(
            """
            insert into subscription
                (subscription_id, way, address, kinds, opd_codes, description, language, active, created_by,
                 created_at)
            values ($1, 'email', 'komisi1@dprd.example', $2, $3, 'Komisi I', 'id', true, $4, $5)
            """,
            follower,
            list(kinds),
            opds,
            DEWI,
            NOW,
        )
    return follower


async def test_a_head_reads_on_monday_what_the_week_of_the_opd_came_to(
    context: HandlerContext, hear: Hear
) -> None:
    adi, budi = uuid4(), uuid4()
    await hear(person(adi), person(budi, opd="DINKES"), person(CITRA, heads=["DISDIK"]))
    await hear(person(DEWI, heads=["DINKES"]), report(adi, on(4)), report(budi, on(4)))
    for date, mine, theirs in ((3, "met", "not_met"), (9, "unknown", "met"), (2, "not_met", "met")):
        await hear(*day(adi, "DISDIK", on(date), mine), *day(budi, "DINKES", on(date), theirs))
    await hear(*day(adi, "DISDIK", on(10), "not_met"))
    assert await told(context, at(6, 59, on(10))) == {}
    found = await told(context, MONDAY)
    assert found == {
        (CITRA, "digest.head"): {
            "opd_code": "DISDIK",
            "first": "2025-11-03",
            "last": "2025-11-09",
            "duties": {"on_time": {"met": 1, "not_met": 0, "unknown": 1}},
            "before": {"on_time": {"met": 0, "not_met": 1, "unknown": 0}},
            "reports_waiting": 1,
            "short_minutes": None,
        },
        (DEWI, "digest.head"): {
            "opd_code": "DINKES",
            "first": "2025-11-03",
            "last": "2025-11-09",
            "duties": {"on_time": {"met": 1, "not_met": 1, "unknown": 0}},
            "before": {"on_time": {"met": 1, "not_met": 0, "unknown": 0}},
            "reports_waiting": 1,
            "short_minutes": None,
        },
    }
    for now in (at(7, 1, on(10)), at(6, 0, on(10)), at(12, 0, on(10)), at(7, 0, on(11))):
        assert await told(context, now) == {}


async def test_a_digest_that_was_slept_through_is_still_told_on_its_day_and_no_later(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(person(CITRA, heads=["DISDIK"]), *day(uuid4(), "DISDIK", on(4), "met"))
    assert await told(context, at(7, 0, on(18))) == {}, "a Tuesday"
    assert set(await told(context, at(22, 0, on(10)))) == {(CITRA, "digest.head")}


async def test_the_council_reads_sums_of_the_city_alone_and_none_of_a_handful(
    context: HandlerContext, hear: Hear
) -> None:
    council = await subscribe(context, "digest.council")
    await subscribe(context, "counter.short")
    for n in range(19):
        await hear(*day(uuid4(), f"OPD{n}", on(4), "met"))
    assert await told(context, MONDAY) == {}
    for n in range(20):
        await hear(*day(uuid4(), f"OPD{n}", on(11), "met" if n else "not_met"))
    found = await told(context, at(7, 0, on(17)))
    assert found == {
        (council, "digest.council"): {
            "opd_code": None,
            "first": "2025-11-10",
            "last": "2025-11-16",
            "duties": {"on_time": {"met": 19, "not_met": 1, "unknown": 0}},
            "before": None,
            "reports_waiting": None,
            "short_minutes": None,
        }
    }
