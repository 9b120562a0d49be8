"""Who decided what: every write is in the audit with its officer, and nobody rewrites it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.integration.test_scheduling_day import RULES
from tests.kit.scheduling import STAGE_1, Desk, desk, employee_id

ANI = uuid4()
THURSDAY = "2025-11-06"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        yield one


async def rows(running: Desk, **chosen: Any) -> list[dict[str, Any]]:
    answer = await running.call("GET", "/audit", params=chosen, role="auditor")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_every_write_names_its_officer_and_its_content(running: Desk) -> None:
    readiness = {"subject_kind": "opd", "subject_id": "1.01", "assessed_on": "2025-11-05"}
    shares = dict.fromkeys(("remote_tasks", "digital_service", "supervision", "connection", "minimum_staff"), 0.8)
    roster = {"from": THURSDAY, "to": THURSDAY, "scope": {"opd_codes": ["1.01"]}, "publish": True}
    apart = {"employee_ids": [str(employee_id(3)), str(employee_id(4))], "reason": "dua bendahara"}
    moves = {
        "moves": [{"employee_id": str(employee_id(1)), "work_date": THURSDAY, "mode": "WFO"}],
        "reason": "rapat",
    }
    hours = {"name": "Jam", "from": "2025-11-10", "timetable": "five_day", "weekdays": {"0": ["08:00", "15:00"]}}
    for method, path, body in (
        ("POST", "/rules", RULES),
        ("POST", "/policies", STAGE_1),
        ("POST", "/readiness", {**readiness, **shares}),
        ("POST", "/hours", hours),
        ("POST", "/units/DISDIK-A/apart", apart),
        ("POST", "/rosters", roster),
        ("POST", "/plans/settle", moves),
        ("POST", "/policies/jabar-stage-1/withdraw", None),
    ):
        answer = await running.call(method, path, json=body, subject=ANI)
        assert answer.status_code in (200, 201), (path, answer.text)
    me = employee_id(2)
    wish = await running.call("PUT", "/me/wishes/2025-11-10", role="staff", subject=me, json={"mode": "WFH"})
    assert wish.status_code == 200
    assert (await running.call("POST", "/me/calendar", role="staff", subject=me)).status_code == 201

    found = {row["action"]: row for row in await rows(running) if not row["action"].startswith("import.")}
    assert set(found) == {
        "rules.given",
        "policy.given",
        "readiness.assessed",
        "hours.given",
        "apart.named",
        "roster.begun",
        "roster.published",
        "plans.settled",
        "policy.withdrawn",
        "wish.given",
        "calendar.opened",
    }
    own = {"wish.given", "calendar.opened"}
    assert {row["officer"] for name, row in found.items() if name not in own} == {str(ANI)}
    assert {found[name]["officer"] for name in own} == {str(me)}
    roles = {name: row["role"] for name, row in found.items()}
    assert roles == {name: "staff" if name in own else "bkpsdm" for name in found}
    assert found["policy.given"]["detail"]["policy"]["parameters"] == {"weekdays": [3]}
    assert found["rules.given"]["detail"]["rules"]["report_cutoff"] == "17:00"
    assert found["hours.given"]["detail"]["hours"]["weekdays"] == {"0": ["08:00", "15:00"]}
    assert found["readiness.assessed"]["detail"]["recommended_share"] == 0.6
    published = found["roster.published"]["detail"]
    assert (published["changed"], published["units"], published["late"]) == (11, 2, 0)
    assert published["policy_versions"] == ["jabar-stage-1/1"]
    assert published["request"]["scope"] == {"all": False, "opd_codes": ["1.01"], "unit_ids": []}

    # A door that shows who published what, each reader as far as they may see.
    [listed] = (await running.call("GET", "/rosters")).json()["items"]
    assert (listed["published_by"], listed["status"], listed["summary"]["changed"]) == (str(ANI), "published", 11)
    assert found["roster.published"]["subject"] == listed["roster_id"]
    for chosen, count in (
        ({"opd_code": "1.01"}, 1),
        ({"opd_code": "4.01"}, 0),
        ({"officer": str(ANI)}, 1),
        ({"officer": str(uuid4())}, 0),
        ({"from": "2025-11-07"}, 0),
        ({"from": "2025-11-01", "to": THURSDAY}, 1),
    ):
        assert len((await running.call("GET", "/rosters", params=chosen)).json()["items"]) == count, chosen
    for opd, count, status in (("1.01", 1, 200), ("4.01", 0, 404)):
        mine = await running.call("GET", "/rosters", role="opd_admin", opd=opd)
        assert len(mine.json()["items"]) == count
        read = await running.call("GET", f"/rosters/{listed['roster_id']}", role="opd_admin", opd=opd)
        assert read.status_code == status
    for role in ("staff", "council"):
        assert (await running.call("GET", "/rosters", role=role)).status_code == 403
        assert (await running.call("GET", "/audit", role=role)).status_code == 403


async def test_the_audit_can_be_searched_and_read_page_by_page(running: Desk) -> None:
    everything = await rows(running)
    assert {row["action"].partition(".")[0] for row in everything} == {"import"}
    running.at("2025-11-06 09:00")
    assert (await running.call("POST", "/rules", json=RULES, subject=ANI)).status_code == 201
    [rule] = await rows(running, subject="2025-11")
    for chosen, count in (
        ({"action": "rules"}, 1),
        ({"action": "rules.given"}, 1),
        ({"action": "rule"}, 0),
        ({"action": "import.units"}, 1),
        ({"officer": str(ANI)}, 1),
        ({"from": "2025-11-06"}, 1),
        ({"to": "2025-11-05"}, len(everything)),
        ({"from": "2025-11-06", "to": "2025-11-06", "action": "import"}, 0),
    ):
        assert len(await rows(running, **chosen)) == count, chosen
    for beyond in ({"from": "0001-01-01"}, {"to": "9999-12-31"}):
        assert (await running.call("GET", "/audit", params=beyond)).status_code == 422
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await running.call("GET", "/audit", params={"limit": "2", **cursor})).json()
        seen += [row["audit_id"] for row in answer["items"]]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert seen == [rule["audit_id"], *(row["audit_id"] for row in everything)]


async def test_no_row_of_the_audit_can_be_altered_or_removed(running: Desk) -> None:
    before = await rows(running)
    for statement in ("update audit set officer = 'x'", "delete from audit", "truncate audit"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with running.db.transaction() as tx:
                await tx.connection.execute(statement)
    assert await rows(running) == before
