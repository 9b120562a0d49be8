"""A spent error budget as a limit of a policy: no WFH in that unit until it recovers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.scheduling.commands import facts
from shared.bus import HandlerContext
from shared.dates import WIB
from shared.events import CoverageBudget, Received, encode
from tests.conftest import DatabaseFor
from tests.kit.disowning import disowning
from tests.kit.scheduling import EVENING, Desk, desk

UNIT, OPD, DAY = "DISDIK-B", "1.01", "2025-11-10"
POLICY = {
    "policy_id": "separuh",
    "effective_from": "2025-11-06",
    "scope": {"all": True},
    "kind": "rotation",
    "parameters": {"share": 0.5},
    "limits": {"not_while_budget_spent": True, "keep_min_staff": False},
}


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        assert (await one.call("POST", "/policies", json=POLICY)).status_code == 201
        yield one


def event(status: str, revision: int, window: str = "month") -> CoverageBudget:
    return CoverageBudget.model_validate(
        {
            "unit_id": UNIT,
            "opd_code": OPD,
            "window": window,
            "revision": revision,
            "status": status,
            "burn_rate": 1.2,
            "spent_minutes": 100,
            "budget_minutes": 84,
            "as_of": EVENING.astimezone(WIB),
        }
    )


async def hear(
    running: Desk, status: str, revision: int, *, window: str = "month", ce_id: UUID | None = None
) -> None:
    """As if reporting had said so."""
    said, service = event(status, revision, window), running.app.state.service
    context = HandlerContext(service.settings, running.db, running.clock, service.metrics)
    one = Received(said, ce_id or uuid4(), said.topic, "/hadir/reporting", EVENING, said.key, None)
    await facts.take_in([one], context)


async def roster(running: Desk, *, publish: bool = False, **more: Any) -> dict[str, Any]:
    body = {"from": DAY, "to": DAY, "scope": {"unit_ids": [UNIT]}, "detail": True, "publish": publish, **more}
    answer = await running.call("POST", "/rosters", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def plans(running: Desk) -> set[str]:
    answer = await running.call("GET", f"/units/{UNIT}/plans", params={"from": DAY, "to": DAY})
    return {plan["mode"] for plan in answer.json()["items"]}


async def test_a_preview_says_why_nobody_of_the_unit_goes_home_and_the_recovered_unit_goes_again(
    running: Desk,
) -> None:
    assert (await roster(running))["modes"] == {"WFO": 3, "WFH": 2}
    await hear(running, "spent", 1)
    spent = await roster(running)
    assert (spent["modes"], spent["reasons"]) == ({"WFO": 5}, {"budget_spent": 5})
    assert {day["reason"] for day in spent["details"][0]["person_days"]} == {"budget_spent"}
    [blocked] = spent["unsatisfied"]
    assert (blocked["unit_id"], blocked["wanted"], blocked["given"]) == (UNIT, 2, 0)
    assert blocked["blocked_by"] == {"budget_spent": 5}
    everybody = await roster(running, scope={"all": True}, detail=False)
    assert everybody["modes"]["WFH"] == 5, "the other two units go on"
    await hear(running, "recovered", 2)
    await hear(running, "spent", 1)
    assert (await roster(running))["modes"] == {"WFO": 3, "WFH": 2}, "what is older changes nothing"


async def test_a_week_that_burns_is_no_budget_that_is_spent(running: Desk) -> None:
    await hear(running, "burning", 1, window="week")
    assert (await roster(running))["modes"]["WFH"] == 2


async def test_published_plans_stay_and_the_next_roster_obeys(running: Desk) -> None:
    await roster(running, publish=True)
    await hear(running, "spent", 1)
    assert await plans(running) == {"WFO", "WFH"}
    published = await roster(running, publish=True)
    assert published["changed"] == 2
    assert await plans(running) == {"WFO"}


async def test_scheduling_hears_it_from_reporting_over_kafka(
    kafka: str, database_for: DatabaseFor, tmp_path: Path
) -> None:
    async with desk(await database_for("scheduling"), tmp_path, kafka) as one:
        await one.small_city()
        assert (await one.call("POST", "/policies", json=POLICY)).status_code == 201
        said = encode(event("spent", 1), id=uuid4(), time=EVENING, source="/hadir/reporting")
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(said.topic, said.value, key=said.key, headers=said.headers)
        finally:
            await producer.stop()
        async with asyncio.timeout(60):  # there for a hang, and decides nothing
            modes: dict[str, int] = {}
            while modes != {"WFO": 5}:
                await asyncio.sleep(0.1)
                modes = (await roster(one))["modes"]


async def test_what_is_disowned_spends_no_budget(running: Desk) -> None:
    service, false = running.app.state.service, uuid4()
    context = HandlerContext(service.settings, running.db, running.clock, service.metrics)
    await facts.take_in([disowning(false, CoverageBudget.topic)], context)
    await hear(running, "spent", 2**40, ce_id=false)
    assert (await roster(running))["modes"]["WFH"] == 2
    await hear(running, "spent", 1)
    assert (await roster(running))["modes"] == {"WFO": 5}


async def test_a_what_if_shows_the_limit_of_a_draft(running: Desk) -> None:
    await hear(running, "spent", 1)
    draft = {**POLICY, "limits": {"keep_min_staff": False}}
    body = {"from": DAY, "to": DAY, "scope": {"unit_ids": [UNIT]}, "policy": draft}
    tried = (await running.call("POST", "/rosters/what-if", json=body)).json()
    assert tried["now"]["reasons"] == {"budget_spent": 5}
    assert tried["moved"] == {"to_home": 2, "to_office": 0}
