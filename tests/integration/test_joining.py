"""Changed days of one person join the message that is not read yet, and never twice."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.notifications.commands.notices import tell
from services.notifications.store import inbox
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.events import NotificationSent, Received, source_of
from shared.events.envelope import headers_alike
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_notifications_telling import ADI, BUDI, NOW, TODAY, person, plan, received, review

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def context(database_for: DatabaseFor) -> HandlerContext:
    db = await database_for("notifications")
    settings = Settings.model_construct(service="notifications", database_url=db.url)
    context = HandlerContext(settings, db, FixedClock(NOW), Metrics("notifications"))
    async with db.transaction() as tx:
        await tx.connection.execute("insert into open_way values ('email')")
    planned = [received(plan(who, date=TODAY + dt.timedelta(days=n))) for who in (ADI, BUDI) for n in range(2, 6)]
    await tell([received(person(ADI, email="adi@contoh.go.id")), received(person(BUDI)), *planned], context)
    return context


def change(days: int, who: UUID = ADI, mode: str = "OFF", revision: int = 2) -> Received:
    return received(plan(who, mode, revision, TODAY + dt.timedelta(days=days)))


async def told(context: HandlerContext, who: UUID = ADI) -> list[tuple[str, list[str]]]:
    """What stands in an inbox, oldest first: kinds, and the days that they are about."""
    async with context.db.read() as tx:
        rows = await inbox.messages(tx, who, before=None, limit=100, unread_only=False)
    return [(row.kind, [day["work_date"][-2:] for day in days(row.params)]) for row in reversed(rows)]


def days(params: dict[str, Any]) -> list[dict[str, Any]]:
    return params.get("days", [params])


async def rows(context: HandlerContext, table: str) -> list[Any]:
    async with context.db.read() as tx:
        return await tx.connection.fetch(f"select * from {table}")  # noqa: S608 - a test's


async def test_days_that_change_one_after_another_are_one_message_and_one_letter(context: HandlerContext) -> None:
    await tell([change(2), change(2, BUDI)], context)
    await tell([change(3), change(4)], context)
    assert await told(context) == [("schedule.changed", ["08", "09", "10"])]
    assert await told(context, BUDI) == [("schedule.changed", ["08"])]
    (delivery,) = await rows(context, "delivery")
    assert (delivery["recipient"], delivery["way"]) == (ADI, "email")
    assert delivery["due_at"] - delivery["created_at"] > dt.timedelta(seconds=110)
    assert len(await rows(context, "outbox")) == 2


async def test_what_joined_never_joins_again_nor_is_told_alone(context: HandlerContext) -> None:
    batch = [change(2), change(3)]
    await tell(batch, context)
    async with context.db.transaction() as tx:  # as if nothing had been heard: only the messages are left
        await tx.connection.execute("update plan set revision = 1, mode = 'WFO'")
    assert isinstance(context.clock, FixedClock)
    context.clock.advance(dt.timedelta(hours=1))
    await tell(batch, context)
    await tell([batch[1]], context)
    await tell([batch[0]], context)
    assert await told(context) == [("schedule.changed", ["08", "09"])]


async def test_what_is_read_or_older_than_the_window_is_left_as_it_is(context: HandlerContext) -> None:
    assert isinstance(context.clock, FixedClock)
    await tell([change(2)], context)
    async with context.db.transaction() as tx:
        await inbox.mark_all_read(tx, ADI, NOW)
    await tell([change(3)], context)
    context.clock.advance(dt.timedelta(minutes=3))
    await tell([change(4)], context)
    assert await told(context) == [("schedule.changed", [day]) for day in ("08", "09", "10")]


async def test_what_has_begun_to_leave_the_house_is_left_as_it_is(context: HandlerContext) -> None:
    await tell([change(2)], context)
    async with context.db.transaction() as tx:
        await tx.connection.execute("update delivery set state = 'sending'")
    await tell([change(3)], context)
    assert await told(context) == [("schedule.changed", ["08"]), ("schedule.changed", ["09"])]


async def test_a_day_that_changes_twice_is_told_once_as_it_is_now(context: HandlerContext) -> None:
    await tell([change(2, mode="OFF")], context)
    await tell([change(2, mode="WFH", revision=3)], context)
    (message,) = await rows(context, "message")
    (day,) = days(message["params"])
    assert (day["mode"], day["previous"]) == ("WFH", "WFO")


async def test_three_ids_for_one_review_and_a_topic_read_again_are_one_message_and_one_delivery(
    context: HandlerContext,
) -> None:
    report = review("returned")
    same = [received(report.model_copy(update={"revision": revision})) for revision in (1, 2, 3)]
    for _ in range(2):
        await tell(same, context)
        for one in same:
            await tell([one], context)
    assert [message["kind"] for message in await rows(context, "message")] == ["report.returned"]
    assert [delivery["kind"] for delivery in await rows(context, "delivery")] == ["report.returned"]
    assert len(await rows(context, "outbox")) == 1


async def test_what_is_published_of_many_at_once_is_written_as_of_each_alone(context: HandlerContext) -> None:
    await tell([change(2), change(2, BUDI)], context)
    for row in await rows(context, "outbox"):
        event = NotificationSent.model_validate_json(row["value"])
        assert row["value"] == event.__pydantic_serializer__.to_json(event)
        assert row["key"].decode() == event.key
        alike = headers_alike(NotificationSent.topic, source_of("notifications"))
        own = {name: value for name, value in row["headers"].items() if name not in alike}
        assert {name: row["headers"][name] for name in alike} == alike
        assert own.pop("traceparent")
        assert own == {
            "ce_id": str(event.notification_id),
            "ce_subject": event.key,
            "ce_time": event.at.isoformat().replace("Z", "+00:00"),
        }
        assert (event.channel, event.status, event.at) == ("inbox", "delivered", NOW)
