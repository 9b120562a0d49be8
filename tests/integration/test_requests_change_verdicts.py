"""What a superior grants changes the verdict: the correction's events are facts of reporting like any other."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from shared.clock import FixedClock
from shared.events.topics import TOPICS
from tests.kit.attendance import DAY, employee, plan, unit, wib
from tests.kit.doors import City, Template, all_services

ME, BOSS = uuid4(), uuid4()


@pytest_asyncio.fixture
async def city(
    postgres: str, migrated_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    clock = FixedClock(wib("2025-11-06T12:00"))
    async with all_services(postgres, migrated_template, tmp_path_factory.mktemp("verdicts"), clock) as running:
        await running.know(unit(), employee(ME, supervisor_id=BOSS), employee(BOSS), plan(ME))
        yield running


async def call(city: City, method: str, path: str, who: UUID, **body: Any) -> Any:
    how: dict[str, Any] = {"json": body} if body else {}
    answer = await city.client.request(method, path, headers=city.signer.headers("staff", who), **how)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def states(city: City) -> tuple[str, str, str]:
    day = await call(city, "GET", f"/reporting/v1/people/{ME}/days/{DAY}", ME)
    on_time, place, hours = (day["duties"][duty]["state"] for duty in ("on_time", "place", "hours"))
    return on_time, place, hours


async def published(city: City) -> None:
    """What attendance has promised so far comes to reporting, as if over the bus."""
    async with city.apps["attendance"].state.service.db.read() as tx:
        rows = await tx.connection.fetch("select topic, value from outbox order by id")
    for row in rows:
        await city.know(TOPICS[row["topic"]].event.model_validate(json.loads(row["value"])))


async def granted(city: City, **asks: Any) -> None:
    body = {"request_id": str(uuid4()), "reason": "lupa menekan tombol", **asks}
    request_id = (await call(city, "POST", "/attendance/v1/requests", ME, **body))["request_id"]
    assert (await call(city, "GET", "/attendance/v1/requests", BOSS))["items"][0]["request_id"] == request_id
    path = f"/attendance/v1/requests/{request_id}/decision"
    await call(city, "POST", path, BOSS, decision="granted", reason="sesuai buku tamu")
    await published(city)


async def test_a_granted_correction_and_a_granted_appeal_change_the_verdict(city: City) -> None:
    assert await states(city) == ("not_met", "pending", "pending")
    late = {"kind": "in", "at": "2025-11-06T07:40:00+07:00", "zone": "elsewhere"}
    await granted(city, kind="missed_punch", work_date=str(DAY), punches=[late])
    assert await states(city) == ("not_met", "not_met", "pending")
    (punch,) = (await call(city, "GET", f"/attendance/v1/me/punches?date={DAY}", ME))["items"]
    true = {"kind": "in", "at": (wib("2025-11-06T07:25")).astimezone(dt.UTC).isoformat(), "zone": "office"}
    appeal = {"kind": "appeal", "work_date": str(DAY), "duty": "on_time"}
    await granted(city, **appeal, punches=[true], voids=[punch["punch_id"]])
    assert await states(city) == ("met", "met", "pending")
