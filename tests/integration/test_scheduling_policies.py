"""What a policy may do beside others: caps, readiness, ties."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import Desk, desk

THURSDAY = "2025-11-06"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        yield one


HALF = {
    "policy_id": "west-java-2",
    "effective_from": THURSDAY,
    "scope": {"all": True},
    "kind": "rotation",
    "parameters": {"share": 0.5},
    "limits": {"max_unit_share": 0.5},
}


async def at_home(running: Desk) -> int:
    body = {"from": THURSDAY, "to": THURSDAY, "scope": {"unit_ids": ["DISDIK-A"]}}
    answer = (await running.call("POST", "/rosters", json=body)).json()
    return answer["modes"].get("WFH", 0)


async def test_of_a_policy_s_cap_and_the_readiness_the_smaller_holds_unless_the_policy_says_why_not(
    running: Desk,
) -> None:
    await running.call("POST", "/policies", json=HALF)
    assert await at_home(running) == 3
    shares = dict.fromkeys(("remote_tasks", "digital_service", "supervision", "connection"), 1.0)
    readiness = {"subject_kind": "opd", "subject_id": "1.01", "assessed_on": "2025-11-05", **shares}
    scored = await running.call("POST", "/readiness", json={**readiness, "minimum_staff": 0.25})
    assert scored.json()["recommended_share"] == 0.2
    assert await at_home(running) == 1
    less = {**HALF, "limits": {"max_unit_share": 0.1}}
    await running.call("POST", "/policies", json=less)
    assert await at_home(running) == 0
    why = "uji coba atas arahan Sekda"
    beyond = {**HALF, "limits": {"max_unit_share": 0.5, "readiness_exception": why}}
    assert (await running.call("POST", "/policies", json=beyond)).status_code == 201
    assert await at_home(running) == 3
    newest = (await running.call("GET", "/audit", params={"action": "policy.given"})).json()["items"][0]
    assert newest["reason"] == newest["detail"]["policy"]["limits"]["readiness_exception"] == why
    silent = {**HALF, "limits": {"readiness_exception": ""}}
    assert (await running.call("POST", "/policies", json=silent)).status_code == 422


async def test_a_draft_that_ties_with_a_policy_is_shown_as_if_it_won_and_the_tie_is_named(running: Desk) -> None:
    await running.call("POST", "/policies", json={**HALF, "policy_id": "zz-in-force"})

    async def tried(**draft: Any) -> dict[str, Any]:
        policy = {**HALF, "policy_id": "a-draft", "parameters": {"share": 0.0}, **draft}
        body = {"from": THURSDAY, "to": THURSDAY, "scope": {"all": True}, "policy": policy}
        return (await running.call("POST", "/rosters/what-if", json=body)).json()

    tie = await tried()
    [conflict] = tie["conflicts"]
    assert (conflict["policy_version"], conflict["because"]) == ("zz-in-force/1", "greater_id")
    assert (conflict["winner"], conflict["shown_as_if_won"]) == ("zz-in-force/1", True)
    assert tie["moved"]["to_office"] == tie["now"]["modes"]["WFH"] > 0
    # A draft that loses by the rules of precedence is shown as it would be.
    early = await tried(effective_from="2025-11-05")
    assert (early["moved"], early["conflicts"][0]["shown_as_if_won"]) == ({"to_home": 0, "to_office": 0}, False)
    narrow = await tried(scope={"opd_codes": ["1.01"]})
    assert (narrow["conflicts"][0]["winner"], narrow["conflicts"][0]["shown_as_if_won"]) == ("a-draft/0", False)
    assert narrow["moved"]["to_office"] > 0
    assert (await tried(policy_id="zz-in-force"))["conflicts"] == []
