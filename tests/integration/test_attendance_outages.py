"""Outages: declared by BKPSDM, published as an office's word, revised and revoked by revision."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.auth import Role
from tests.conftest import DatabaseFor
from tests.kit.attendance import Rig, attendance

OUTAGE: dict[str, Any] = {
    "scope": {"opd_codes": ["DISDUKCAPIL"]},
    "starts_at": "2025-11-06T07:10:00+07:00",
    "ends_at": "2025-11-06T07:20:00+07:00",
    "reason": "jaringan kota putus",
}


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path, at="2025-11-06T10:00") as running:
        yield running


async def declare(rig: Rig, role: Role = "bkpsdm", **changes: Any) -> httpx.Response:
    return await rig.client.post(
        "/attendance/v1/outages", json=OUTAGE | changes, headers=rig.token(role, opd="BKPSDM")
    )


async def revise(rig: Rig, outage_id: str, **changes: Any) -> httpx.Response:
    return await rig.client.put(
        f"/attendance/v1/outages/{outage_id}", json={**OUTAGE, **changes}, headers=rig.token("bkpsdm")
    )


async def test_an_outage_is_published_as_the_word_of_an_office(rig: Rig) -> None:
    officer = uuid4()
    answer = await rig.client.post(
        "/attendance/v1/outages", json=OUTAGE, headers=rig.token("bkpsdm", officer, "BKPSDM")
    )
    assert answer.status_code == 201
    ((topic, value),) = await rig.outbox()
    assert topic == "outage.declared.v1"
    assert value == answer.json()
    assert value == {
        "outage_id": answer.json()["outage_id"],
        "revision": 1,
        "scope": {"all": False, "opd_codes": ["DISDUKCAPIL"], "unit_ids": []},
        "starts_at": "2025-11-06T00:10:00Z",
        "ends_at": "2025-11-06T00:20:00Z",
        "reason": "jaringan kota putus",
        "declared_by": "BKPSDM",
        "revoked": False,
    }
    log = await rig.client.get("/attendance/v1/audit", headers=rig.token("auditor"))
    assert [(entry["actor"], entry["action"]) for entry in log.json()["items"]] == [
        (str(officer), "outage.declare")
    ]


async def test_a_revision_replaces_the_outage_and_a_stale_one_is_refused(rig: Rig) -> None:
    outage_id = (await declare(rig)).json()["outage_id"]
    answers = await asyncio.gather(
        *(revise(rig, outage_id, revision=1, ends_at=f"2025-11-06T07:{minute}:00+07:00") for minute in (30, 40))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [value["revision"] for _, value in await rig.outbox()] == [1, 2]
    stale = next(answer for answer in answers if answer.status_code == 409)
    assert stale.json()["errors"][0]["field"] == "revision"


async def test_a_revoked_outage_stays_revoked(rig: Rig) -> None:
    outage_id = (await declare(rig)).json()["outage_id"]
    path, head = f"/attendance/v1/outages/{outage_id}/revocation", rig.token("bkpsdm")
    first = await rig.client.post(path, json={"reason": "salah tanggal"}, headers=head)
    again = await rig.client.post(path, json={"reason": "lagi"}, headers=head)
    assert first.json() == again.json()
    assert (first.json()["revision"], first.json()["revoked"]) == (2, True)
    assert (await revise(rig, outage_id, revision=2)).status_code == 409
    assert len(await rig.outbox()) == 2


async def test_the_same_declaration_again_declares_no_second_outage(rig: Rig) -> None:
    outage_id = str(uuid4())
    answers = await asyncio.gather(*(declare(rig, outage_id=outage_id) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert (await declare(rig, outage_id=outage_id, reason="lain lagi")).status_code == 409
    assert len(await rig.outbox()) == 1


@pytest.mark.parametrize("role", ["staff", "supervisor", "opd_admin", "council", "auditor", "ops"])
async def test_only_bkpsdm_declares_outages(rig: Rig, role: Role) -> None:
    assert (await declare(rig, role)).status_code == 403
    assert await rig.count("outage") == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": {}}, "scope"),
        ({"scope": {"all": False, "opd_codes": []}}, "scope"),
        ({"scope": {"opd": ["X"]}}, "scope.opd"),
        ({"ends_at": "2025-11-06T07:10:00+07:00"}, "ends_at"),
        ({"starts_at": "2025-11-06T07:10:00"}, "starts_at"),
        ({"reason": ""}, "reason"),
    ],
)
async def test_a_wrong_outage_names_its_field(rig: Rig, change: dict[str, Any], field: str) -> None:
    answer = await declare(rig, **change)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await rig.count("outage") == 0


async def test_an_outage_that_is_not_there_cannot_be_revised(rig: Rig) -> None:
    assert (await revise(rig, str(uuid4()), revision=1)).status_code == 404


async def test_the_list_of_outages_pages_through_all_of_them(rig: Rig) -> None:
    made = [
        (await declare(rig, starts_at=f"2025-11-06T07:0{n % 3}:00+07:00")).json()["outage_id"] for n in range(7)
    ]
    seen: list[str] = []
    cursor = ""
    while True:
        answer = await rig.client.get(
            f"/attendance/v1/outages?limit=3{cursor}", headers=rig.token("staff", uuid4())
        )
        seen += [item["outage_id"] for item in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        cursor = f"&cursor={answer.json()['next']}"
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == 7


@pytest.mark.parametrize("query", ["cursor=x", "cursor=WzEsMl0", "limit=0", "ends_from=2025-11-06T00:00:00"])
async def test_a_wrong_query_is_a_clear_422(rig: Rig, query: str) -> None:
    answer = await rig.client.get(f"/attendance/v1/outages?{query}", headers=rig.token("council"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.split("=", maxsplit=1)[0]
