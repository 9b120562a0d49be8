"""Phones that count since they were started: what they prove of a punch made offline, and what they cannot."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from prometheus_client import Histogram

from shared.receipts import verify
from tests.conftest import DatabaseFor
from tests.kit.attendance import AT_OFFICE, Rig, attendance, wib

NOON = wib("2025-11-05T12:00")
BOOT_MS = 7 * 3_600_000


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path, at="2025-11-05T12:00") as running:
        yield running


def counted(at: str, number: int, **other: Any) -> dict[str, Any]:
    """What a phone that is honest about its counter says at a local time."""
    elapsed_ms = BOOT_MS + (wib(at) - NOON) // timedelta(milliseconds=1)
    return {"device_id": "phone", "boot_id": "b1", "elapsed_ms": elapsed_ms, "sequence": number, **other}


def made(device: Any, device_at: str | None = None, **body: Any) -> dict[str, Any]:
    given = {"punch_id": str(uuid4()), "kind": "in", "device_at": device_at, "position": AT_OFFICE}
    return {**given, "device": device, **body}


async def sync(rig: Rig, who: UUID, *punches: Any, device: Any = None) -> list[Any]:
    body = {"punches": punches} | ({"device": device} if device is not None else {})
    answer = await rig.client.post("/attendance/v1/punches/batch", json=body, headers=rig.token("staff", who))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def one(rig: Rig, who: UUID, device: Any, device_at: str | None, *, sent: Any = None) -> dict[str, Any]:
    (item,) = await sync(rig, who, made(device, device_at), device=sent)
    return item["receipt"]


async def connected(rig: Rig, who: UUID, device: Any, **body: Any) -> httpx.Response:
    answer = await rig.punch(who, device=device, **body)
    assert answer.status_code == 201
    return answer


async def test_a_clock_a_day_behind_moves_no_punch_whose_phone_counts(rig: Rig) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1), device_at="2025-11-04T12:00:00+07:00")
    rig.clock.set(wib("2025-11-06T13:04"))
    receipt = await one(rig, me, counted("2025-11-06T07:25", 2), "2025-11-05T07:25:00+07:00")
    assert (receipt["at"], receipt["work_date"]) == ("2025-11-06T00:25:00Z", "2025-11-06")
    assert (receipt["time_trust"], receipt["flags"]) == ("verified", ["clock_skew"])
    published = (await rig.outbox())[-1][1]
    assert (published["at"], published["time_trust"]) == ("2025-11-06T00:25:00Z", "verified")
    assert "device" not in str(published).replace("device_at", "")


async def test_what_a_phone_counts_tells_the_time_without_any_clock(rig: Rig) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-06T13:04"))
    for device_at, flags in ((None, []), ("2025-11-06T07:25:00", ["bad_device_at"])):
        receipt = await one(rig, me, counted("2025-11-06T07:25", 2), device_at)
        assert (receipt["at"], receipt["time_trust"]) == ("2025-11-06T00:25:00Z", "verified")
        assert receipt["flags"] == flags


UNPROVEN: list[tuple[Any, str]] = [
    (counted("2025-11-06T07:25", 2, boot_id="b2"), "other_boot"),
    (counted("2025-11-06T07:25", 1), "sequence_repeated"),
    (counted("2025-11-05T11:00", 2), "elapsed_wrong"),
    (counted("2025-11-06T19:00", 2), "elapsed_wrong"),
    (counted("2025-11-06T07:25", 2, device_id="another"), "clock_unverified"),
    (counted("2025-11-06T07:25", 2, elapsed_ms=-1), "bad_device"),
    (counted("2025-11-06T07:25", 2, elapsed_ms=2**62), "bad_device"),
    (counted("2025-11-06T07:25", 2, sequence=1.5), "bad_device"),
    (counted("2025-11-06T07:25", 2, device_id="a b\n"), "bad_device"),
    (counted("2025-11-06T07:25", 2, device_id="x" * 101), "bad_device"),
    (counted("2025-11-06T07:25", 2, boot_id=7), "bad_device"),
    ({"device_id": "phone"}, "bad_device"),
    ("phone", "bad_device"),
    ([], "bad_device"),
]


@pytest.mark.parametrize(("device", "flag"), UNPROVEN)
async def test_what_proves_nothing_is_unverified_and_flagged_and_never_lost(
    rig: Rig, device: Any, flag: str
) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1), device_at="2025-11-05T12:02:00+07:00")
    rig.clock.set(wib("2025-11-06T11:00"))
    receipt = await one(rig, me, device, "2025-11-06T07:25:00+07:00")
    assert receipt["time_trust"] == "unverified"
    assert flag in receipt["flags"]
    # Two minutes ahead when it was last connected; of another device nothing is known.
    assert receipt["at"] == ("2025-11-06T00:25:00Z" if flag == "clock_unverified" else "2025-11-06T00:23:00Z")


async def test_a_connected_check_in_is_taken_whatever_its_device_says(rig: Rig) -> None:
    me = await rig.staff()
    for device, flags in (("nonsense", ["bad_device"]), ({"a": 1}, ["bad_device"]), (None, [])):
        answer = await connected(rig, me, device)
        assert (answer.json()["flags"], answer.json()["time_trust"]) == (flags, "server")
    assert await rig.count("device") == 0


async def test_nobody_moves_what_anothers_punches_are_dated_by(rig: Rig) -> None:
    me, other = await rig.staff(), await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-05T13:00"))
    await connected(rig, other, counted("2025-11-05T19:00", 50))
    rig.clock.set(wib("2025-11-06T09:00"))
    receipt = await one(rig, me, counted("2025-11-06T07:25", 2), None)
    assert (receipt["at"], receipt["time_trust"]) == ("2025-11-06T00:25:00Z", "verified")
    theirs = await one(rig, other, counted("2025-11-06T07:20", 51), "2025-11-06T07:20:00+07:00")
    assert (theirs["at"], theirs["time_trust"]) == ("2025-11-06T00:20:00Z", "unverified")
    assert theirs["flags"] == ["clock_unverified", "other_device"]


async def test_a_retry_later_is_the_same_punch_and_no_exchange(rig: Rig) -> None:
    me = await rig.staff()
    body = made(counted("2025-11-05T12:00", 1), "2025-11-05T12:00:00+07:00")
    first = await rig.punch(me, **body)
    rig.clock.set(wib("2025-11-05T14:00"))
    for device in (body["device"], counted("2025-11-05T14:00", 2), "nonsense", None):
        again = await rig.punch(me, **body | {"device": device})
        assert (again.status_code, again.content) == (200, first.content)
    rig.clock.set(wib("2025-11-06T09:00"))
    receipt = await one(rig, me, counted("2025-11-06T07:25", 2), None)
    assert (receipt["at"], receipt["time_trust"]) == ("2025-11-06T00:25:00Z", "verified")


async def test_the_handing_over_is_an_exchange_once_nothing_is_left_on_the_phone(rig: Rig) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-06T09:00"))
    sent = counted("2025-11-06T09:00", 5)
    first, kept = made(counted("2025-11-06T07:25", 2)), made(None)
    items = await sync(rig, me, first, kept, device=sent)
    assert [item["status"] for item in items] == [201, 422]
    kept |= {"device": counted("2025-11-06T07:30", 3)}
    again = await sync(rig, me, first, kept, device=sent)
    assert [item["status"] for item in again] == [200, 201]
    assert again[1]["receipt"]["time_trust"] == "verified"
    # From now on the phone is told from here, so what is numbered before is told too late.
    late = await one(rig, me, counted("2025-11-06T08:00", 4), "2025-11-06T08:00:00+07:00")
    assert (late["time_trust"], late["flags"]) == ("unverified", ["clock_unverified", "sequence_repeated"])
    rig.clock.set(wib("2025-11-06T18:00"))
    out = await one(rig, me, counted("2025-11-06T16:05", 6), None)
    assert (out["at"], out["time_trust"]) == ("2025-11-06T09:05:00Z", "verified")


async def test_a_counter_that_stood_still_in_sleep_is_found_out_at_the_handing_over(rig: Rig) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-06T09:00"))
    slept = counted("2025-11-06T00:30", 2), counted("2025-11-06T02:00", 3)
    receipt = await one(rig, me, slept[0], "2025-11-06T07:31:00+07:00", sent=slept[1])
    assert (receipt["at"], receipt["time_trust"]) == ("2025-11-06T00:31:00Z", "unverified")
    assert "elapsed_wrong" in receipt["flags"]


async def test_punches_of_one_batch_that_contradict_each_other_are_not_believed(rig: Rig) -> None:
    me = await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-06T20:00"))
    device_at = "2025-11-06T07:25:00+07:00"
    items = await sync(
        rig,
        me,
        made(counted("2025-11-06T07:25", 2), device_at),
        made(counted("2025-11-06T12:00", 3), device_at),
        made(counted("2025-11-06T12:30", 3), device_at),
        made(counted("2025-11-06T11:00", 4), device_at),
    )
    receipts = [item["receipt"] for item in items]
    assert [receipt["time_trust"] for receipt in receipts] == ["verified", *["unverified"] * 3]
    assert [receipt["flags"][-1:] for receipt in receipts[1:]] == [
        ["sequence_repeated"],
        ["sequence_repeated"],
        ["elapsed_wrong"],
    ]


async def test_a_receipt_is_proven_by_the_published_keys_however_it_was_got(rig: Rig) -> None:
    me = await rig.staff()
    keys = (await rig.client.get("/attendance/v1/receipt-keys")).text
    body = made(counted("2025-11-05T12:00", 1), "2025-11-05T12:00:00+07:00")
    alone = await rig.punch(me, **body)
    assert verify(alone.text, keys)["punch_id"] == body["punch_id"]
    again, offline = await sync(rig, me, body, made(None, "2025-11-05T11:00:00+07:00"))
    assert again["receipt"] == alone.json()
    assert verify(json.dumps(offline["receipt"]), keys)["time_trust"] == "unverified"
    seen = await rig.client.get("/attendance/v1/me/punches", headers=rig.token("staff", me))
    assert all("signature" not in item for item in seen.json()["items"])


async def test_a_forgotten_person_has_no_devices(rig: Rig) -> None:
    me, other = await rig.staff(), await rig.staff()
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    await connected(rig, other, counted("2025-11-05T12:00", 1, device_id="tablet"))
    await rig.know(None, key=str(me))
    async with rig.db.read() as tx:
        left = await tx.connection.fetch("select device_id from device")
        named = await tx.connection.fetch("select device_id from punch where device_id is not null")
    assert [row["device_id"] for row in left] == [row["device_id"] for row in named] == ["tablet"]


async def test_phones_that_are_back_at_once_share_transactions_and_not_their_evidence(rig: Rig) -> None:
    """Others name the owner's device and moments; what they say is judged, and takes nothing from the owner."""
    me, *others = [await rig.staff() for _ in range(40)]
    await connected(rig, me, counted("2025-11-05T12:00", 1))
    rig.clock.set(wib("2025-11-06T20:00"))
    sizes = rig.service.metrics.group_commit_items
    before = transactions(sizes)

    async def hand_over(who: UUID) -> dict[str, Any]:
        made_offline = made(counted("2025-11-06T07:25", 2), "2025-11-06T07:25:00+07:00")
        (item,) = await sync(rig, who, made_offline, device=counted("2025-11-06T20:00", 3))
        return item["receipt"]

    owner, *strangers = await asyncio.gather(*(hand_over(who) for who in (me, *others)))
    assert (owner["time_trust"], owner["flags"]) == ("verified", [])
    assert all("other_device" in receipt["flags"] for receipt in strangers)
    assert 0 < transactions(sizes) - before < len(others)


def transactions(sizes: Histogram) -> float:
    (metric,) = sizes.collect()
    return next(sample.value for sample in metric.samples if sample.name.endswith("_count"))
