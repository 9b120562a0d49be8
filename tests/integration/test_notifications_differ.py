"""What says the same again is not told again, and what differs is."""

import datetime as dt
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from shared.bus import HandlerContext
from shared.events import Event, Scope
from tests.integration.test_notifications_telling import (
    ADI,
    BUDI,
    EKO,
    TODAY,
    Hear,
    context,
    counter,
    hear,
    kinds,
    outage,
    person,
    plan,
    received,
    review,
    verdict,
)

__all__ = ["context", "hear"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_says_the_same_again_is_silent_whatever_its_id_and_revision(
    context: HandlerContext, hear: Hear
) -> None:
    """Each story three times: the same revision with a greater ce_id, then a greater revision."""
    report, items = uuid4(), [{"item_id": "a", "accepted_quantity": 2}, {"item_id": "b", "accepted_quantity": 1}]
    scope = Scope(unit_ids=["U1", "U2"])
    await hear(person(ADI), person(BUDI, heads=["U1"]), plan(mode="WFO", date=TODAY + dt.timedelta(days=5)))
    stories: list[Callable[[int], Event]] = [
        lambda revision: review(
            "accepted", revision, report, items=items[:: 1 if revision == 1 else -1], reviewer_id=EKO
        ),
        lambda revision: verdict("not_met", revision=revision),
        lambda revision: plan(mode="WFH", revision=revision, date=TODAY + dt.timedelta(days=4)),
        lambda revision: counter("short", revision),
        lambda revision: outage(scope if revision == 1 else Scope(unit_ids=["U2", "U1", "U1"]), revision),
        lambda revision: outage(scope, 10 + revision, revoked=True),
        lambda revision: counter("met", 10 + revision, "short"),
    ]
    for story in stories:
        for number, revision in enumerate((1, 1, 2)):
            await hear(received(story(revision), id=UUID(int=1000 + number)))
    assert await kinds(context.db, ADI) == [
        "report.accepted",
        "duty.not_met",
        "schedule.wfh",
        "outage.declared",
        "outage.revoked",
    ]
    assert await kinds(context.db, BUDI) == ["counter.short", "outage.declared", "outage.revoked", "counter.met"]


async def test_a_decision_that_differs_is_told_again(context: HandlerContext, hear: Hear) -> None:
    report, full = uuid4(), [{"item_id": "a", "accepted_quantity": 2}]
    await hear(review("returned", 1, report))
    await hear(review("accepted", 2, report, items=full))
    await hear(review("accepted", 3, report, items=[{"item_id": "a", "accepted_quantity": 1}]))
    await hear(review("accepted", 4, report, items=full), review("accepted", 5, report, items=full))
    assert await kinds(context.db, ADI) == ["report.returned", *["report.accepted"] * 3]


async def test_a_wider_outage_is_told_to_who_comes_into_it_and_other_times_to_all(
    context: HandlerContext, hear: Hear
) -> None:
    await hear(person(ADI), person(BUDI, unit="U2"))
    await hear(outage(Scope(unit_ids=["U1"])))
    await hear(outage(Scope(opd_codes=["DISDIK"]), 2))
    assert await kinds(context.db, ADI) == ["outage.declared"]
    assert await kinds(context.db, BUDI) == ["outage.declared"]
    longer = outage(Scope(opd_codes=["DISDIK"]), 3)
    await hear(longer.model_copy(update={"ends_at": longer.ends_at + dt.timedelta(minutes=10)}))
    assert await kinds(context.db, ADI) == ["outage.declared"] * 2
    assert await kinds(context.db, BUDI) == ["outage.declared"] * 2
