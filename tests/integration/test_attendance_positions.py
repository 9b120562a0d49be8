"""Where people were when they checked in is known for a time, and then nowhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from services.attendance.tasks import flags, positions
from tests.conftest import DatabaseFor
from tests.kit.attendance import Rig, attendance, employee, wib

AT_DESK = {"lat": -6.238317, "lon": 106.975642, "accuracy_m": 8.375}
TRACES = ("238317", "975642", "8.375", "my-phone", "my-boot", "127.0.0.1")


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as running:
        yield running


async def check_in(rig: Rig, who: UUID, sequence: int = 1) -> dict[str, Any]:
    counted = {"device_id": "my-phone", "boot_id": "my-boot", "elapsed_ms": sequence, "sequence": sequence}
    body = {"punch_id": str(uuid4()), "position": AT_DESK, "device": counted, "signals": {"mock": True}}
    answer = await rig.punch(who, **body)
    assert answer.status_code == 201
    return body


async def traces(rig: Rig) -> set[str]:
    """What of the positions and devices is left in any row of any table."""
    left: set[str] = set()
    async with rig.db.read() as tx:
        tables = await tx.connection.fetch(
            "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'"
        )
        assert len(tables) > 10
        for table in tables:
            name: str = table["name"]
            for row in await tx.connection.fetch(f"select t::text as row from {name} as t"):  # noqa: S608
                text: str = row["row"]
                left |= {trace for trace in TRACES if trace in text}
    return left


def purged(rig: Rig, what: str) -> float | None:
    return rig.service.metrics.registry.get_sample_value("hadir_positions_purged_total", {"what": what})


def overdue_s(rig: Rig) -> float | None:
    return rig.service.metrics.registry.get_sample_value("hadir_positions_overdue_seconds")


async def test_after_ninety_days_no_coordinate_and_no_device_is_left_anywhere(rig: Rig) -> None:
    me = await rig.staff()
    body = await check_in(rig, me)
    await flags.look(rig.service)
    first = (await rig.punch(me, **body)).content
    assert await traces(rig) == set(TRACES)
    rig.clock.set(wib("2026-02-04T07:24"))
    await positions.purge(rig.service)
    assert await traces(rig) == set(TRACES)
    assert purged(rig, "punch") == 0
    rig.clock.set(wib("2026-02-04T07:26"))
    await positions.purge(rig.service)
    assert await traces(rig) == set()
    assert (purged(rig, "punch"), purged(rig, "device"), purged(rig, "flag")) == (1, 1, 1)
    # The record stays, and so does its receipt.
    again = await rig.punch(me, **body)
    assert (again.status_code, again.content) == (200, first)
    assert await rig.count("punch") == 1


async def test_what_nobody_has_looked_at_goes_as_well(rig: Rig) -> None:
    me = await rig.staff()
    await check_in(rig, me)
    rig.clock.set(wib("2026-03-01T07:00"))
    await positions.purge(rig.service)
    assert await traces(rig) == set()
    assert await flags.look(rig.service) == 1
    assert await rig.count("flag") == 0


async def test_more_than_one_transaction_takes_goes_in_several_and_lateness_is_told(rig: Rig) -> None:
    me = await rig.staff()
    for number in range(3):
        await check_in(rig, me, number + 1)
    await flags.look(rig.service)
    async with rig.db.transaction() as tx:  # as a year of them
        await tx.connection.execute(
            """
            insert into punch (punch_id, employee_id, opd_code, unit_id, work_date, kind, at, received_at, zone,
                source, flags, lat, lon, accuracy_m, time_trust, judged)
            select gen_random_uuid(), employee_id, opd_code, unit_id, work_date, kind, at, received_at, zone,
                source, flags, lat, lon, accuracy_m, time_trust, n % 2 = 0
            from punch, generate_series(1, 800) as n
            """
        )
    rig.clock.set(wib("2026-02-06T07:25"))
    async with rig.db.transaction() as tx:
        await tx.connection.execute("update punch set received_at = received_at + interval '3 days' where mock")
    await positions.purge(rig.service)
    assert purged(rig, "punch") == 2400
    assert overdue_s(rig) == 0
    assert await traces(rig) == set(TRACES)  # three are younger
    rig.clock.set(wib("2026-02-10T07:25"))
    await positions.purge(rig.service)
    assert await traces(rig) == set()


async def test_what_was_decided_stays_and_what_nobody_decided_on_lapses_with_its_evidence(rig: Rig) -> None:
    boss = uuid4()
    await rig.know(employee(boss))
    me, other = await rig.staff(supervisor_id=boss), await rig.staff(supervisor_id=boss)
    for who in (me, other):
        await rig.punch(who, signals={"mock": True}, position=AT_DESK)
    await flags.look(rig.service)

    async def of(who: UUID) -> list[Any]:
        answer = await rig.client.get("/attendance/v1/me/flags", headers=rig.token("staff", who))
        return answer.json()["items"]

    (flag,) = await of(me)
    decided = await rig.client.post(
        f"/attendance/v1/flags/{flag['flag_id']}/decision",
        json={"decision": "unproven", "reason": "belum dapat dipastikan"},
        headers=rig.token("supervisor", boss),
    )
    assert decided.status_code == 200
    rig.clock.set(wib("2026-03-01T07:00"))
    await positions.purge(rig.service)
    assert [one["state"] for one in await of(me)] == ["unproven"]
    assert await of(other) == []
    assert await traces(rig) == set()
