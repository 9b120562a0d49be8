"""What officers may mend, for whom, and what stays written about it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.auth import Role
from tests.conftest import DatabaseFor
from tests.kit.attendance import Rig, attendance, employee, plan, wib

MANUAL = {"kind": "in", "at": "2025-11-06T07:20:00+07:00", "reason": "telepon genggam rusak"}


@pytest_asyncio.fixture
async def rig(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Rig]:
    async with attendance(await database_for("attendance"), tmp_path, at="2025-11-06T10:00") as running:
        yield running


async def correct(rig: Rig, headers: dict[str, str], **body: Any) -> httpx.Response:
    return await rig.client.post("/attendance/v1/corrections", json=body, headers=headers)


async def manual(rig: Rig, headers: dict[str, str], who: UUID, **body: Any) -> httpx.Response:
    return await correct(rig, headers, action="manual", employee_id=str(who), **MANUAL | body)


async def boss_of(rig: Rig, **changes: Any) -> tuple[UUID, UUID]:
    """(boss, staff member): the boss is the supervisor unless `changes` say otherwise of the staff member."""
    boss, me = uuid4(), uuid4()
    await rig.know(employee(boss), employee(me, **{"supervisor_id": boss, **changes}), plan(me))
    return boss, me


async def test_a_supervisor_adds_a_punch_and_the_audit_log_says_who_and_why(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    answer = await manual(rig, rig.token("supervisor", boss), me)
    assert answer.status_code == 201
    receipt = answer.json()
    assert (receipt["at"], receipt["received_at"]) == ("2025-11-06T00:20:00Z", "2025-11-06T03:00:00Z")
    assert (receipt["zone"], receipt["work_date"]) == ("unknown", "2025-11-06")
    ((topic, value),) = await rig.outbox()
    assert (topic, value["source"], value["device_at"]) == ("attendance.recorded.v1", "manual", None)
    assert "rusak" not in str(value)
    log = await rig.client.get("/attendance/v1/audit", headers=rig.token("auditor"))
    (entry,) = log.json()["items"]
    assert entry["actor"] == str(boss)
    assert (entry["action"], entry["subject"]) == ("punch.manual", receipt["punch_id"])
    assert (entry["reason"], entry["at"]) == (MANUAL["reason"], "2025-11-06T03:00:00Z")


@pytest.mark.parametrize("zone", ["office", "remote", "elsewhere"])
async def test_an_officer_may_vouch_for_the_place_as_well(rig: Rig, zone: str) -> None:
    boss, me = await boss_of(rig)
    head, punch_id = rig.token("supervisor", boss), str(uuid4())
    answer = await manual(rig, head, me, zone=zone, punch_id=punch_id)
    receipt = answer.json()
    assert (answer.status_code, receipt["zone"], receipt["flags"]) == (201, zone, ["vouched"])
    assert receipt["time_trust"] == "server"
    ((_, value),) = await rig.outbox()
    assert (value["zone"], value["flags"], value["source"]) == (zone, ["vouched"], "manual")
    log = await rig.client.get("/attendance/v1/audit", headers=rig.token("auditor"))
    assert log.json()["items"][0]["details"]["zone"] == zone
    again = await manual(rig, head, me, zone=zone, punch_id=punch_id)
    assert (again.status_code, again.json()) == (200, receipt)
    for other in ({"zone": None}, {"zone": "office" if zone != "office" else "remote"}):
        assert (await manual(rig, head, me, punch_id=punch_id, **other)).status_code == 409


async def test_a_place_that_nobody_vouches_for_stays_unknown_and_unflagged(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    head, punch_id = rig.token("supervisor", boss), str(uuid4())
    receipt = (await manual(rig, head, me, punch_id=punch_id)).json()
    assert (receipt["zone"], receipt["flags"]) == ("unknown", [])
    assert (await manual(rig, head, me, punch_id=punch_id, zone="office")).status_code == 409


@pytest.mark.parametrize("zone", ["kantor", "uncertain", "unknown", 1, ["office"]])
async def test_a_place_that_says_nothing_cannot_be_vouched_for(rig: Rig, zone: Any) -> None:
    boss, me = await boss_of(rig)
    answer = await manual(rig, rig.token("supervisor", boss), me, zone=zone)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "zone")
    assert await rig.count("punch") == 0


async def test_the_work_date_of_a_manual_punch_may_be_said(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    head = rig.token("supervisor", boss)
    assert (await manual(rig, head, me, work_date="2025-11-05")).json()["work_date"] == "2025-11-05"
    far = await manual(rig, head, me, work_date="2025-10-05")
    assert (far.status_code, far.json()["errors"][0]["field"]) == (422, "work_date")


async def test_a_void_is_published_with_its_reason_and_shown_to_the_person(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    punch = (await rig.punch(me)).json()
    answer = await correct(
        rig, rig.token("supervisor", boss), action="void", punch_id=punch["punch_id"], reason="salah orang"
    )
    assert answer.status_code == 201
    topic, value = (await rig.outbox())[-1]
    assert topic == "attendance.voided.v1"
    assert value == {
        "punch_id": punch["punch_id"],
        "employee_id": str(me),
        "work_date": "2025-11-06",
        "voided_at": "2025-11-06T03:00:00Z",
        "voided_by": str(boss),
        "reason": "salah orang",
    }
    mine = await rig.client.get("/attendance/v1/me/punches", headers=rig.token("staff", me))
    assert mine.json()["items"][0]["void"]["reason"] == "salah orang"


async def test_two_officers_who_void_one_punch_make_one_void(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    punch = (await rig.punch(me)).json()
    heads = [rig.token("supervisor", boss), rig.token("opd_admin", opd="DISDUKCAPIL")] * 4
    answers = await asyncio.gather(
        *(
            correct(rig, head, action="void", punch_id=punch["punch_id"], reason=f"alasan {n}")
            for n, head in enumerate(heads)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert len(await rig.outbox()) == 2
    assert await rig.count("audit") == 1


async def test_the_same_manual_punch_again_is_no_second_punch(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    head, punch_id = rig.token("supervisor", boss), str(uuid4())
    first = await manual(rig, head, me, punch_id=punch_id)
    again = await manual(rig, head, me, punch_id=punch_id)
    other = await manual(rig, head, me, punch_id=punch_id, at="2025-11-06T07:21:00+07:00")
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    assert await rig.count("audit") == 1


@pytest.mark.parametrize(
    "relation",
    [
        {"supervisor_id": None, "acting_supervisor_id": "boss"},
        {"supervisor_id": None, "unit_id": "unit.of.boss"},
        {"supervisor_id": None, "opd_code": "OPD.OF.BOSS"},
    ],
)
async def test_deputies_and_heads_of_the_unit_or_the_opd_may_correct(rig: Rig, relation: dict[str, Any]) -> None:
    boss = uuid4()
    changes = {name: boss if value == "boss" else value for name, value in relation.items()}
    me = uuid4()
    await rig.know(employee(boss, heads=["unit.of.boss", "OPD.OF.BOSS"]), employee(me, **changes))
    assert (await manual(rig, rig.token("supervisor", boss), me)).status_code == 201


async def test_an_opd_admin_corrects_in_their_own_opd_only(rig: Rig) -> None:
    _, me = await boss_of(rig)
    assert (await manual(rig, rig.token("opd_admin", opd="DISDUKCAPIL"), me)).status_code == 201
    assert (await manual(rig, rig.token("opd_admin", opd="DINKES"), me)).status_code == 404
    assert (await manual(rig, rig.token("opd_admin"), me)).status_code == 404


async def test_nobody_corrects_their_own_record(rig: Rig) -> None:
    boss = uuid4()
    await rig.know(employee(boss, supervisor_id=boss, heads=["DISDUKCAPIL", "disdukcapil.loket"]))
    assert (await manual(rig, rig.token("supervisor", boss), boss)).status_code == 403
    assert (await manual(rig, rig.token("opd_admin", boss, "DISDUKCAPIL"), boss)).status_code == 403
    punch = (await rig.punch(boss)).json()
    own = await correct(
        rig, rig.token("supervisor", boss), action="void", punch_id=punch["punch_id"], reason="iseng"
    )
    assert own.status_code == 403
    assert await rig.count("void") == 0


async def test_the_record_of_a_stranger_looks_as_if_it_were_not_there(rig: Rig) -> None:
    boss, _ = await boss_of(rig)
    stranger = await rig.staff()
    head = rig.token("supervisor", boss)
    foreign, missing = await manual(rig, head, stranger), await manual(rig, head, uuid4())
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json() == missing.json()
    seen = await rig.client.get(f"/attendance/v1/people/{stranger}/punches", headers=head)
    assert seen.status_code == 404


async def test_an_account_without_a_person_learns_of_nobody_who_there_is(rig: Rig) -> None:
    office = rig.signer.headers("supervisor") | rig.headers
    known, unknown = [
        await rig.client.get(f"/attendance/v1/people/{someone}/punches", headers=office)
        for someone in (await rig.staff(), uuid4())
    ]
    assert (known.status_code, unknown.status_code) == (403, 403)
    assert known.json() == unknown.json()


@pytest.mark.parametrize("role", ["staff", "council", "auditor", "ops", "bkpsdm"])
async def test_other_roles_correct_nothing(rig: Rig, role: Role) -> None:
    boss, me = await boss_of(rig)
    assert (await manual(rig, rig.token(role, boss, "DISDUKCAPIL"), me)).status_code == 403


async def test_superiors_see_what_is_recorded_of_their_people(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    punch = (await rig.punch(me)).json()
    path = f"/attendance/v1/people/{me}/punches?date=2025-11-06"
    for head in (rig.token("supervisor", boss), rig.token("opd_admin", opd="DISDUKCAPIL"), rig.token("bkpsdm")):
        answer = await rig.client.get(path, headers=head)
        assert [item["punch_id"] for item in answer.json()["items"]] == [punch["punch_id"]]
    assert (await rig.client.get(path, headers=rig.token("council"))).status_code == 403


async def test_a_superior_who_has_left_sees_and_corrects_nothing(rig: Rig) -> None:
    boss, me = await boss_of(rig)
    await rig.punch(me)
    await rig.know(employee(boss, active=False, revision=2))
    head = rig.token("supervisor", boss)
    seen = await rig.client.get(f"/attendance/v1/people/{me}/punches?date=2025-11-06", headers=head)
    assert (seen.status_code, (await manual(rig, head, me)).status_code) == (404, 404)
    assert await rig.count("punch") == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"at": "2025-11-06T10:00:01+07:00"}, "at"),
        ({"at": "2025-11-06T07:20:00"}, "at"),
        ({"reason": "  "}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "NIP 198704122010121003 lupa"}, "reason"),
        ({"reason": "a\x00bc"}, "reason"),
        ({"kind": "pulang"}, "kind"),
        ({"oops": 1}, "oops"),
        ({"action": "hapus"}, "action"),
    ],
)
async def test_a_wrong_correction_names_its_field(rig: Rig, change: dict[str, Any], field: str) -> None:
    boss, me = await boss_of(rig)
    answer = (
        await manual(rig, rig.token("supervisor", boss), me, **change)
        if "action" not in change
        else (await correct(rig, rig.token("supervisor", boss), employee_id=str(me), **MANUAL | change))
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await rig.count("punch") == 0


async def test_a_punch_that_is_not_there_cannot_be_voided(rig: Rig) -> None:
    boss, _ = await boss_of(rig)
    answer = await correct(
        rig, rig.token("supervisor", boss), action="void", punch_id=str(uuid4()), reason="salah"
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "punch_id")


async def test_a_record_of_somebody_who_has_left_can_still_be_mended(rig: Rig) -> None:
    boss, me = await boss_of(rig, active=False)
    assert (await manual(rig, rig.token("supervisor", boss), me)).status_code == 201


async def test_an_erased_person_is_unknown_and_their_positions_are_gone(rig: Rig) -> None:
    me = await rig.staff()
    position = {"lat": -6.2, "lon": 106.9, "accuracy_m": 5.0}
    await rig.punch(me, position=position)
    await rig.know(None, key=str(me))
    await rig.know(employee(me, revision=9))
    assert (await rig.punch(me)).status_code == 404
    async with rig.db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from punch where lat is not null") == 0
    assert wib("2025-11-06T10:00") == rig.clock.now()
