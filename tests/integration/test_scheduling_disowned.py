"""Disowning an event: two officers, published, in the audit, and every refusal says what to do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import Desk, desk

pytestmark = pytest.mark.asyncio(loop_scope="session")
ANI, BUDI = uuid4(), uuid4()
UNIT = "directory.unit.v1"


@pytest_asyncio.fixture(loop_scope="session")
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as made:
        yield made


async def propose(desk: Desk, event: UUID, **changes: Any) -> Any:
    body = {"ce_id": str(event), "topic": UNIT, "reason": "forged", **changes}
    return await desk.call("POST", "/disowned", subject=ANI, json=body)


async def approved(desk: Desk, answer: Any) -> None:
    assert answer.status_code == 202, answer.text
    decided = await desk.call("POST", f"/proposals/{answer.json()['proposal_id']}/approve", subject=BUDI)
    assert decided.status_code == 200, decided.text


async def published(desk: Desk) -> list[tuple[str, Any]]:
    return [(key, value) for _, key, value in await desk.outbox("record.disowned.v1")]


def problem(answer: Any) -> tuple[int, str, list[str]]:
    body = answer.json()
    return (
        answer.status_code,
        body["type"].rsplit(":", 1)[1],
        [one["field"] for one in body.get("errors", [])],
    )


async def test_an_event_is_disowned_and_owned_again_by_two_officers_each(running: Desk) -> None:
    event = uuid4()
    proposed = await propose(running, event)
    assert proposed.json()["alone_from"] is None, "no date lets one officer do this"
    assert await published(running) == []
    assert (await running.call("GET", "/disowned")).json() == {"items": [], "next": None}
    path = f"/proposals/{proposed.json()['proposal_id']}"
    own = await running.call("POST", f"{path}/approve", subject=ANI)
    assert problem(own)[:2] == (403, "proposal.own")
    assert await published(running) == []
    await approved(running, proposed)

    expected = {
        "ce_id": str(event),
        "topic": UNIT,
        "revision": 1,
        "disowned_by": "BKPSDM",
        "reason": "forged",
        "revoked": False,
    }
    [(key, value)] = await published(running)
    assert (key, {name: value[name] for name in expected}) == (str(event), expected)
    [item] = (await running.call("GET", "/disowned", role="staff", subject=uuid4())).json()["items"]
    assert {name: item[name] for name in expected} == expected

    revocation = await running.call("POST", f"/disowned/{event}/revoke", subject=BUDI, json={"reason": "mistaken"})
    assert problem(
        await running.call("POST", f"/proposals/{revocation.json()['proposal_id']}/approve", subject=BUDI)
    )[:2] == (403, "proposal.own")
    decided = await running.call("POST", f"/proposals/{revocation.json()['proposal_id']}/approve", subject=ANI)
    assert decided.status_code == 200
    assert [(value["revision"], value["revoked"]) for _, value in await published(running)] == [
        (1, False),
        (2, True),
    ]
    await approved(running, await propose(running, event, reason="forged_again"))
    last = (await published(running))[-1][1]
    assert (last["revision"], last["revoked"], last["reason"]) == (3, False, "forged_again")

    audit = (await running.call("GET", "/audit")).json()["items"]
    about = [(row["action"], row["officer"]) for row in reversed(audit) if row["subject"] == str(event)]
    assert about == [
        ("disown.proposed", str(ANI)),
        ("record.disowned", str(BUDI)),
        ("own.proposed", str(BUDI)),
        ("record.owned", str(ANI)),
        ("disown.proposed", str(ANI)),
        ("record.disowned", str(BUDI)),
    ]


async def test_a_refused_disowning_publishes_nothing_and_can_be_proposed_again(running: Desk) -> None:
    event = uuid4()
    answer = await propose(running, event)
    refused = await running.call("POST", f"/proposals/{answer.json()['proposal_id']}/refuse", subject=BUDI)
    assert refused.json()["status"] == "refused"
    assert await published(running) == []
    again = await propose(running, event)
    assert again.json()["proposal_id"] != answer.json()["proposal_id"]


async def test_the_same_proposal_again_is_the_one_that_waits_and_another_is_refused(running: Desk) -> None:
    event = uuid4()
    first, again = await propose(running, event), await propose(running, event)
    assert again.json()["proposal_id"] == first.json()["proposal_id"]
    other = await propose(running, event, topic="outage.declared.v1")
    assert problem(other) == (409, "disowned.proposed", ["ce_id"])
    assert first.json()["proposal_id"] in other.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"topic": "no.such.v1"}, "topic"),
        ({"topic": "directory.unit.v1.dead"}, "topic"),
        ({"topic": "record.disowned.v1"}, "topic"),
        ({"topic": None}, "topic"),
        ({"ce_id": "42"}, "ce_id"),
        ({"ce_id": None}, "ce_id"),
        ({"reason": ""}, "reason"),
        ({"reason": "198503302003121007"}, "reason"),
        ({"reason": "he was ill"}, "reason"),
        ({"reason": "x" * 65}, "reason"),
        ({"employee_id": str(ANI)}, "employee_id"),
    ],
)
async def test_what_cannot_be_disowned_is_refused_by_field(
    running: Desk, changes: dict[str, Any], field: str
) -> None:
    answer = await propose(running, uuid4(), **changes)
    assert problem(answer) == (422, "validation", [field])
    assert (await running.call("GET", "/proposals")).json()["items"] == []


async def test_what_is_said_already_is_refused_with_what_to_do(running: Desk) -> None:
    event = uuid4()

    async def revoke(one: UUID) -> Any:
        return await running.call("POST", f"/disowned/{one}/revoke", subject=ANI)

    assert problem(await revoke(event)) == (404, "disowned.unknown", ["ce_id"])
    first = await propose(running, event)
    assert problem(await revoke(event)) == (404, "disowned.unknown", ["ce_id"])
    await approved(running, first)
    assert problem(await propose(running, event)) == (409, "disowned.already", ["ce_id"])
    await approved(running, await revoke(event))
    assert problem(await revoke(event)) == (409, "disowned.revoked", ["ce_id"])


async def test_only_named_officers_of_bkpsdm_may_propose(running: Desk) -> None:
    body = {"ce_id": str(uuid4()), "topic": UNIT, "reason": "forged"}
    nameless = await running.call("POST", "/disowned", headers=running.office(), json=body)
    assert problem(nameless)[:2] == (403, "auth.needs_person")
    for role in ("staff", "supervisor", "opd_admin", "council", "auditor", "ops"):
        answer = await running.call("POST", "/disowned", role=role, subject=ANI, opd="1.01", json=body)
        assert answer.status_code == 403, role
        answer = await running.call("POST", f"/disowned/{uuid4()}/revoke", role=role, subject=ANI, opd="1.01")
        assert answer.status_code == 403, role


async def test_the_list_comes_in_pages_and_a_forged_cursor_is_refused(running: Desk) -> None:
    events = [uuid4() for _ in range(5)]
    for event in events:
        await approved(running, await propose(running, event))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        answer = (await running.call("GET", "/disowned", params=query)).json()
        assert len(answer["items"]) <= 2
        seen += [item["ce_id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == sorted(str(event) for event in events)
    full = (await running.call("GET", "/disowned", params={"limit": 5})).json()
    assert (len(full["items"]), full["next"]) == (5, None)
    forged = await running.call("GET", "/disowned", params={"cursor": "x"})
    assert problem(forged) == (422, "cursor.invalid", ["cursor"])
