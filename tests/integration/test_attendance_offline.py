"""Syncing what was made without a connection: honest times, a result for each item."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_OFFICE, Rig, attendance, plan, wib


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path, at="2025-11-06T10:00") as running:
        yield running


def made(device_at: str | None, **body: Any) -> dict[str, Any]:
    return {"punch_id": str(uuid4()), "kind": "in", "device_at": device_at, "position": AT_OFFICE, **body}


async def sync(rig: Rig, who: UUID, punches: list[Any]) -> httpx.Response:
    return await rig.client.post(
        "/attendance/v1/punches/batch", json={"punches": punches}, headers=rig.token("staff", who)
    )


async def test_each_item_gets_its_own_result_in_order(rig: Rig) -> None:
    me, other = await rig.staff(), await rig.staff()
    taken = made("2025-11-06T07:20:00+07:00")
    await sync(rig, other, [taken])
    good, bad = made("2025-11-06T07:20:00+07:00"), made("2025-11-06T07:21:00+07:00", kind="masuk")
    answer = await sync(rig, me, [good, bad, "nonsense", good, taken, made(None)])
    assert answer.status_code == 200
    assert answer.json()["next"] is None
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [201, 422, 422, 200, 409, 422]
    assert items[0]["receipt"] == items[3]["receipt"]
    assert items[1]["problem"]["errors"][0]["field"] == "kind"
    assert items[5]["problem"]["errors"][0]["field"] == "device_at"
    assert await rig.count("punch") == 2


async def test_an_offline_punch_happened_at_the_devices_time_when_the_clock_is_known_to_be_right(rig: Rig) -> None:
    me = await rig.staff()
    await rig.punch(me, device_at="2025-11-06T10:00:00+07:00")
    rig.clock.set(wib("2025-11-07T09:00"))
    answer = await sync(rig, me, [made("2025-11-07T07:29:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert receipt["at"] == "2025-11-07T00:29:00Z"
    assert receipt["received_at"] == "2025-11-07T02:00:00Z"
    assert (receipt["flags"], receipt["time_trust"]) == ([], "unverified")
    published = (await rig.outbox())[-1][1]
    assert (published["source"], published["time_trust"]) == ("offline", "unverified")
    seen = await rig.client.get("/attendance/v1/me/punches?date=2025-11-07", headers=rig.token("staff", me))
    assert [item["time_trust"] for item in seen.json()["items"]] == ["unverified"]


async def test_a_clock_a_few_minutes_off_is_corrected_by_what_was_last_seen_of_it(rig: Rig) -> None:
    me = await rig.staff()
    await rig.punch(me, device_at="2025-11-06T09:56:00+07:00")
    rig.clock.set(wib("2025-11-07T09:00"))
    answer = await sync(rig, me, [made("2025-11-07T07:22:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert (receipt["at"], receipt["flags"]) == ("2025-11-07T00:26:00Z", [])


@pytest.mark.fault(26)
async def test_a_clock_that_was_a_day_off_moves_no_true_time_by_a_day(rig: Rig) -> None:
    me = await rig.staff()
    await rig.punch(me, device_at="2025-11-05T10:00:00+07:00")
    rig.clock.set(wib("2025-11-06T13:04"))
    answer = await sync(rig, me, [made("2025-11-06T07:25:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert (receipt["at"], receipt["work_date"]) == ("2025-11-06T00:25:00Z", "2025-11-06")
    assert receipt["time_trust"] == "unverified"
    assert receipt["flags"] == ["clock_unverified", "clock_skew"]


async def test_what_was_seen_of_a_clock_more_than_a_day_ago_corrects_nothing(rig: Rig) -> None:
    me = await rig.staff()
    await rig.punch(me, device_at="2025-11-06T09:56:00+07:00")
    rig.clock.set(wib("2025-11-07T10:00:01"))
    answer = await sync(rig, me, [made("2025-11-07T07:22:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert (receipt["at"], receipt["flags"]) == ("2025-11-07T00:22:00Z", ["clock_unverified"])


async def test_a_clock_that_was_never_compared_is_believed_and_flagged(rig: Rig) -> None:
    me = await rig.staff()
    answer = await sync(rig, me, [made("2025-11-06T07:29:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert (receipt["at"], receipt["flags"]) == ("2025-11-06T00:29:00Z", ["clock_unverified"])


async def test_an_offline_punch_is_never_later_than_its_receipt(rig: Rig) -> None:
    me = await rig.staff()
    answer = await sync(rig, me, [made("2025-11-07T07:29:00+07:00")])
    receipt = answer.json()["items"][0]["receipt"]
    assert receipt["at"] == receipt["received_at"] == "2025-11-06T03:00:00Z"
    assert receipt["flags"] == ["clock_unverified", "clock_skew"]


async def test_an_offline_punch_older_than_a_month_is_recorded_and_flagged(rig: Rig) -> None:
    me = await rig.staff()
    answer = await sync(rig, me, [made("2025-10-06T09:59:59+07:00"), made("2025-10-06T10:00:00+07:00")])
    old, young = answer.json()["items"]
    assert (old["status"], young["status"]) == (201, 201)
    assert "late" in old["receipt"]["flags"]
    assert "late" not in young["receipt"]["flags"]


async def test_a_punch_whose_answer_got_lost_may_come_again_offline(rig: Rig) -> None:
    me = await rig.staff()
    body = made("2025-11-06T10:00:00+07:00")
    first = await rig.punch(me, **body)
    rig.clock.advance(timedelta(hours=3))
    answer = await sync(rig, me, [body])
    assert answer.json()["items"] == [{"status": 200, "receipt": first.json()}]


@pytest.mark.parametrize(
    "device_at",
    [None, "2025-11-06T07:24:00", "kemarin", 1762388640, "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", True, {}],
)
async def test_an_offline_punch_without_a_usable_time_stays_on_the_phone_and_says_what_it_needs(
    rig: Rig, device_at: Any
) -> None:
    me = await rig.staff()
    bad, good = made(device_at), made("2025-11-06T07:24:00+07:00")
    answer = await sync(rig, me, [bad, good])
    refused, taken = answer.json()["items"]
    assert (refused["status"], taken["status"]) == (422, 201)
    ((field, message),) = [(error["field"], error["message"]) for error in refused["problem"]["errors"]]
    assert field == "device_at"
    assert "+07:00" in message
    assert "punch_id" in message
    mended = await sync(rig, me, [bad | {"device_at": "2025-11-06T07:20:00+07:00"}])
    assert mended.json()["items"][0]["receipt"]["at"] == "2025-11-06T00:20:00Z"


async def test_a_punch_recorded_online_without_a_time_gets_its_receipt_offline_too(rig: Rig) -> None:
    me = await rig.staff()
    for device_at in (None, "2025-11-06T10:00:00"):
        body = made(device_at)
        first = await rig.punch(me, **body)
        answer = await sync(rig, me, [body])
        assert answer.json()["items"] == [{"status": 200, "receipt": first.json()}]


async def test_a_bad_position_loses_no_offline_punch(rig: Rig) -> None:
    me = await rig.staff()
    answer = await sync(
        rig,
        me,
        [
            made("2025-11-06T07:20:00+07:00", position=position)
            for position in (
                {**AT_OFFICE, "accuracy_m": -1},
                {"lat": 0, "lon": 0, "accuracy_m": 5},
                "di kantor",
                AT_OFFICE,
            )
        ],
    )
    receipts = [item["receipt"] for item in answer.json()["items"]]
    assert [receipt["zone"] for receipt in receipts] == ["unknown", "unknown", "unknown", "office"]
    assert ["bad_position" in receipt["flags"] for receipt in receipts] == [True, True, True, False]


async def test_punches_of_years_in_one_batch_belong_each_to_the_plans_around_it(rig: Rig) -> None:
    me = await rig.staff()
    night = plan(
        me, wib("2024-03-01T00:00").date(), starts_at=wib("2024-03-01T22:00"), ends_at=wib("2024-03-02T06:00")
    )
    await rig.know(night)
    times = ("2025-11-06T07:20:00+07:00", "2024-03-02T06:05:00+07:00", "1999-12-31T23:30:00+07:00")
    answer = await sync(rig, me, [made(time, kind="out") for time in times])
    dates = [item["receipt"]["work_date"] for item in answer.json()["items"]]
    assert dates == ["2025-11-06", "2024-03-01", "1999-12-31"]


async def test_an_empty_batch_is_an_empty_answer(rig: Rig) -> None:
    assert (await sync(rig, await rig.staff(), [])).json() == {"items": [], "next": None}


async def test_five_hundred_fit_and_five_hundred_and_one_are_refused_whole(rig: Rig) -> None:
    me = await rig.staff()
    start = wib("2025-11-06T07:00")
    punches = [made((start + timedelta(seconds=n)).isoformat()) for n in range(501)]
    refused = await sync(rig, me, punches)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "punches"
    assert await rig.count("punch") == 0
    accepted = await sync(rig, me, punches[:500])
    assert {item["status"] for item in accepted.json()["items"]} == {201}
    assert await rig.count("punch") == 500


@pytest.mark.parametrize("who", ["unknown", "inactive"])
async def test_those_who_may_not_check_in_may_not_sync_either(rig: Rig, who: str) -> None:
    me = uuid4() if who == "unknown" else await rig.staff(active=False)
    answer = await sync(rig, me, [made("2025-11-06T07:29:00+07:00")])
    assert answer.json()["items"][0]["status"] == (404 if who == "unknown" else 403)
    assert await rig.count("punch") == 0


async def test_a_punch_that_the_database_refuses_holds_back_no_other(rig: Rig) -> None:
    me = await rig.staff()
    punches = [made(f"2025-11-06T07:{minute:02}:00+07:00") for minute in range(20)]
    refused = punches[13]["punch_id"]
    async with rig.db.transaction() as tx:
        await tx.connection.execute(f"alter table punch add check (punch_id <> '{refused}')")
    answer = await sync(rig, me, punches)
    assert answer.status_code == 200
    statuses = [item["status"] for item in answer.json()["items"]]
    assert statuses == [500 if index == 13 else 201 for index in range(20)]
    assert await rig.count("punch") == 19
