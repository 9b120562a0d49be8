"""Checking in: what is recorded, what is promised, and what a retry gets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from services.attendance.store import directory
from tests.conftest import DatabaseFor
from tests.kit.attendance import (
    AT_HOME,
    AT_OFFICE,
    AT_SEA,
    DAY,
    Rig,
    attendance,
    employee,
    plan,
    unit,
    wib,
)


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path) as running:
        yield running


async def test_a_check_in_is_recorded_and_promised_in_one_step(rig: Rig) -> None:
    me = await rig.staff()
    punch_id = str(uuid4())
    answer = await rig.punch(me, punch_id=punch_id, device_at="2025-11-06T07:24:58+07:00", position=AT_OFFICE)
    assert answer.status_code == 201
    told = answer.json()
    assert set(told.pop("signature")) == {"kid", "value"}
    assert told == {
        "punch_id": punch_id,
        "work_date": "2025-11-06",
        "kind": "in",
        "at": "2025-11-06T00:25:00Z",
        "received_at": "2025-11-06T00:25:00Z",
        "zone": "office",
        "flags": [],
        "time_trust": "server",
    }
    ((topic, value),) = await rig.outbox()
    assert topic == "attendance.recorded.v1"
    assert value == {
        **told,
        "employee_id": str(me),
        "opd_code": "DISDUKCAPIL",
        "unit_id": "disdukcapil.loket",
        "device_at": "2025-11-06T00:24:58Z",
        "source": "app",
        "time_trust": "server",
    }


async def test_the_position_never_leaves_the_database(rig: Rig) -> None:
    me = await rig.staff()
    await rig.punch(me, position=AT_SEA)
    ((_, value),) = await rig.outbox()
    seen = await rig.client.get(f"/attendance/v1/me/punches?date={DAY}", headers=rig.token("staff", me))
    assert not {"lat", "lon", "accuracy_m", "position"} & (value.keys() | seen.json()["items"][0].keys())


async def test_the_same_punch_again_gets_the_same_receipt_and_no_second_event(rig: Rig) -> None:
    me = await rig.staff()
    body = {"punch_id": str(uuid4()), "device_at": "2025-11-06T07:24:00+07:00", "position": AT_OFFICE}
    first = await rig.punch(me, **body)
    rig.clock.advance(timedelta(hours=1))
    await rig.know(employee(me, revision=2, active=False))
    again = await rig.punch(me, **body | {"device_at": "2025-11-06T00:24:00Z"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(await rig.outbox()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "out"},
        {"position": None},
        {"position": AT_HOME},
        {"device_at": "2025-11-06T07:24:01+07:00"},
        {"device_at": None},
    ],
)
@pytest.mark.fault(27)
async def test_a_punch_id_used_for_another_body_is_a_conflict(rig: Rig, change: dict[str, object]) -> None:
    me = await rig.staff()
    body = {"punch_id": str(uuid4()), "device_at": "2025-11-06T07:24:00+07:00", "position": AT_OFFICE}
    await rig.punch(me, **body)
    answer = await rig.punch(me, **body | change)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "punch_id"
    assert len(await rig.outbox()) == 1


async def test_a_punch_id_of_somebody_else_is_a_conflict(rig: Rig) -> None:
    me, other = await rig.staff(), await rig.staff()
    punch_id = str(uuid4())
    await rig.punch(me, punch_id=punch_id)
    assert (await rig.punch(other, punch_id=punch_id)).status_code == 409


@pytest.mark.fault(27)
async def test_concurrent_duplicates_give_one_punch_one_event_and_equal_receipts(rig: Rig) -> None:
    people = [await rig.staff() for _ in range(5)]
    bodies = {who: {"punch_id": str(uuid4()), "position": AT_OFFICE} for who in people}
    answers = await asyncio.gather(*(rig.punch(who, **bodies[who]) for who in people * 12))
    assert sorted(answer.status_code for answer in answers) == [200] * 55 + [201] * 5
    assert len({answer.text for answer in answers}) == 5
    assert len(await rig.outbox()) == 5


async def test_concurrent_claims_on_one_punch_id_leave_one_winner(rig: Rig) -> None:
    people = [await rig.staff() for _ in range(6)]
    punch_id = str(uuid4())
    answers = await asyncio.gather(*(rig.punch(who, punch_id=punch_id) for who in people))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert len(await rig.outbox()) == 1


@pytest.mark.fault(29)
async def test_an_unknown_employee_is_told_so_and_nothing_is_written(rig: Rig) -> None:
    answer = await rig.punch(uuid4())
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:hadir:problem:punch.unknown_employee"
    assert await rig.count("punch") == 0
    assert await rig.outbox() == []


async def test_an_inactive_employee_cannot_check_in(rig: Rig) -> None:
    me = await rig.staff(active=False)
    assert (await rig.punch(me)).status_code == 403
    assert await rig.count("punch") == 0


async def test_one_refused_punch_does_not_fail_those_that_came_with_it(rig: Rig) -> None:
    known = [await rig.staff() for _ in range(4)]
    answers = await asyncio.gather(*(rig.punch(who) for who in [*known, uuid4(), uuid4()]))
    assert [answer.status_code for answer in answers] == [201] * 4 + [404] * 2


@pytest.mark.fault(26)
async def test_the_time_is_the_servers_and_a_wrong_device_clock_is_only_flagged(rig: Rig) -> None:
    me = await rig.staff()
    answer = await rig.punch(me, device_at="2025-11-05T07:25:00+07:00", position=AT_OFFICE)
    assert answer.status_code == 201
    assert answer.json()["at"] == "2025-11-06T00:25:00Z"
    assert answer.json()["work_date"] == "2025-11-06"
    assert answer.json()["flags"] == ["clock_skew"]


@pytest.mark.parametrize(
    ("position", "zone"),
    [
        (AT_OFFICE, "office"),
        (AT_HOME, "remote"),
        (AT_SEA, "elsewhere"),
        (AT_OFFICE | {"accuracy_m": 500.0}, "uncertain"),
        (None, "unknown"),
    ],
)
async def test_the_zone_comes_from_the_places_of_the_unit_and_the_person(
    rig: Rig, position: dict[str, float] | None, zone: str
) -> None:
    me = await rig.staff()
    assert (await rig.punch(me, position=position)).json()["zone"] == zone


async def test_the_unit_of_the_plan_comes_before_the_unit_of_the_directory(rig: Rig) -> None:
    me = await rig.staff(unit_id="disdukcapil.arsip")
    other = {"lat": -6.4, "lon": 106.8, "radius_m": 50.0}
    await rig.know(unit("disdukcapil.arsip", places=[other]))
    inside = {"lat": -6.4, "lon": 106.8, "accuracy_m": 5.0}
    planned = await rig.punch(me, position=AT_OFFICE)
    assert planned.json()["zone"] == "office"
    rig.clock.set(wib("2025-11-09T07:30"))
    unplanned = await rig.punch(me, position=inside)
    assert unplanned.json()["zone"] == "office"
    assert [value["unit_id"] for _, value in await rig.outbox()] == ["disdukcapil.loket", "disdukcapil.arsip"]


async def test_a_position_at_no_known_place_is_elsewhere(rig: Rig) -> None:
    me = await rig.staff(unit_id="baru")
    await rig.know(plan(me, unit_id="baru", revision=2))
    assert (await rig.punch(me, position=AT_SEA)).json()["zone"] == "elsewhere"
    assert (await rig.punch(me, position=AT_HOME)).json()["zone"] == "remote"


async def test_a_night_shift_owns_the_check_out_of_the_next_morning(rig: Rig) -> None:
    me = await rig.staff()
    await rig.know(
        plan(me, revision=2, starts_at=wib("2025-11-06T22:00"), ends_at=wib("2025-11-07T06:00")),
        plan(me, DAY + timedelta(days=1), starts_at=wib("2025-11-07T22:00"), ends_at=wib("2025-11-08T06:00")),
    )
    rig.clock.set(wib("2025-11-07T06:05"))
    assert (await rig.punch(me, kind="out")).json()["work_date"] == "2025-11-06"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"punch_id": "x"}, "punch_id"),
        ({"kind": "masuk"}, "kind"),
        ({"punch_id": None}, "punch_id"),
        ({"kind": None}, "kind"),
        ({"employee_id": str(uuid4())}, "employee_id"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_written(
    rig: Rig, change: dict[str, object], field: str
) -> None:
    me = await rig.staff()
    answer = await rig.punch(me, **change)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await rig.count("punch") == 0


async def test_a_reading_that_says_nothing_never_loses_a_check_in(rig: Rig) -> None:
    """A platform's "no value", a unit's mistake, a program's: the check-in counts, its place is unknown."""
    readings: list[Any] = [
        AT_OFFICE | {"accuracy_m": -1},
        AT_OFFICE | {"accuracy_m": 0},
        AT_OFFICE | {"accuracy_m": -0.0},
        AT_OFFICE | {"accuracy_m": 1_000_001},
        AT_OFFICE | {"accuracy_m": 1e300},
        AT_OFFICE | {"accuracy_m": None},
        AT_OFFICE | {"accuracy_m": "8"},
        AT_OFFICE | {"accuracy_m": True},
        {"lat": 0, "lon": 0, "accuracy_m": 5},
        {"lat": -0.0, "lon": 0.0, "accuracy_m": 12.5},
        {"lat": 1e-9, "lon": -1e-9, "accuracy_m": 5},
        {"lat": AT_OFFICE["lon"], "lon": AT_OFFICE["lat"], "accuracy_m": 8},
        {"lat": 91, "lon": 107, "accuracy_m": 8},
        {"lat": -6.2, "lon": 180.1, "accuracy_m": 8},
        {"lat": "-6.2383", "lon": "106.9756", "accuracy_m": 8},
        {"lat": -6.2383, "lon": 106.9756},
        {"lat": -6.2383, "lng": 106.9756, "accuracy_m": 8},
        {},
        [],
        [-6.2383, 106.9756],
        "-6.2383,106.9756",
        7,
        True,
    ]
    me = await rig.staff()
    answers = [await rig.punch(me, position=reading) for reading in readings]
    assert [answer.status_code for answer in answers] == [201] * len(readings)
    assert {(answer.json()["zone"], *answer.json()["flags"]) for answer in answers} == {
        ("unknown", "bad_position")
    }
    assert {value["zone"] for _, value in await rig.outbox()} == {"unknown"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 4000])
async def test_a_number_that_is_none_is_a_reading_that_says_nothing(rig: Rig, number: str) -> None:
    me = await rig.staff()
    position = f'{{"lat": {number}, "lon": 106.9756, "accuracy_m": 8}}'
    body = f'{{"punch_id": "{uuid4()}", "kind": "in", "device_at": {number}, "position": {position}}}'
    alone = await rig.client.post("/attendance/v1/punches", content=body, headers=rig.token("staff", me))
    assert (alone.status_code, alone.json()["zone"]) == (201, "unknown")
    assert alone.json()["flags"] == ["bad_position", "bad_device_at"]
    item = (
        f'{{"punch_id": "{uuid4()}", "kind": "in", "device_at": "2025-11-06T07:00:00Z", "position": {position}}}'
    )
    batch = await rig.client.post(
        "/attendance/v1/punches/batch", content=f'{{"punches": [{item}]}}', headers=rig.token("staff", me)
    )
    assert (batch.status_code, batch.json()["items"][0]["status"]) == (200, 201)


async def test_what_else_a_phone_tells_of_its_position_is_not_looked_at(rig: Rig) -> None:
    me = await rig.staff()
    answer = await rig.punch(me, position=AT_OFFICE | {"altitude": 19.5, "speed": None})
    assert (answer.json()["zone"], answer.json()["flags"]) == ("office", [])


@pytest.mark.parametrize(
    "device_at",
    ["2025-11-06T07:24:00", "kemarin", "", 1762388640, "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", False, [1]],
)
async def test_a_device_time_that_says_nothing_never_loses_a_connected_check_in(rig: Rig, device_at: Any) -> None:
    me = await rig.staff()
    body = {"punch_id": str(uuid4()), "device_at": device_at, "position": AT_OFFICE}
    answer = await rig.punch(me, **body)
    assert (answer.status_code, answer.json()["at"], answer.json()["zone"]) == (
        201,
        "2025-11-06T00:25:00Z",
        "office",
    )
    assert (answer.json()["flags"], answer.json()["time_trust"]) == (["bad_device_at"], "server")
    assert (await rig.outbox())[0][1]["device_at"] is None
    again = await rig.punch(me, **body)
    assert (again.status_code, again.json()) == (200, answer.json())
    other = await rig.punch(me, **body | {"device_at": "2025-11-06T07:24:00+07:00"})
    assert other.status_code == 409


async def test_the_same_bad_reading_again_is_a_retry_and_another_reading_a_conflict(rig: Rig) -> None:
    me = await rig.staff()
    body = {"punch_id": str(uuid4()), "position": AT_OFFICE | {"accuracy_m": -1}}
    first, again = await rig.punch(me, **body), await rig.punch(me, **body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await rig.punch(me, **body | {"position": AT_OFFICE})).status_code == 409
    assert (await rig.punch(me, **body | {"position": None})).status_code == 409


async def test_a_unit_with_more_places_than_anyone_could_mean_costs_no_more_than_two_hundred(rig: Rig) -> None:
    me = await rig.staff()
    async with rig.db.transaction() as tx:
        await tx.connection.execute(
            """
            update unit_fact set places = jsonb_build_array(places -> 0) || (
                select jsonb_agg(jsonb_build_object('lat', -7, 'lon', 107, 'radius_m', n))
                from generate_series(1, 20000) as n)
            """
        )
        read = await directory.places(tx, ["disdukcapil.loket"])
    assert len(read["disdukcapil.loket"]) == 200
    assert (await rig.punch(me, position=AT_OFFICE)).json()["zone"] == "office"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"punch_id": NaN}'])
async def test_a_body_that_is_no_punch_is_a_clear_422(rig: Rig, body: bytes) -> None:
    me = await rig.staff()
    answer = await rig.client.post("/attendance/v1/punches", content=body, headers=rig.token("staff", me))
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_caller_without_a_token_or_without_an_employee_is_refused(rig: Rig) -> None:
    body = {"punch_id": str(uuid4()), "kind": "in", "device_at": None, "position": None}
    assert (await rig.client.post("/attendance/v1/punches", json=body)).status_code == 401
    office = rig.signer.headers("bkpsdm")
    assert (await rig.client.post("/attendance/v1/punches", json=body, headers=office)).status_code == 403


async def test_people_see_what_is_recorded_of_them_and_of_nobody_else(rig: Rig) -> None:
    me, other = await rig.staff(), await rig.staff()
    mine = (await rig.punch(me, position=AT_OFFICE)).json()
    await rig.punch(other)
    for query in ("", f"?date={DAY}"):
        answer = await rig.client.get(f"/attendance/v1/me/punches{query}", headers=rig.token("staff", me))
        assert answer.json() == {
            "items": [
                {name: mine[name] for name in mine if name != "signature"}
                | {"device_at": None, "source": "app", "void": None}
            ],
            "next": None,
        }
