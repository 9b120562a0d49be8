"""Whoever looks for somebody to swap with sees modes and dates of colleagues, and not who they are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests.conftest import DatabaseFor
from tests.kit.scheduling import Desk, desk, employee_id

ME, ANI, BUDI, STRANGER = (employee_id(number) for number in (1, 2, 3, 12))
MINE = "2025-11-12"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    """I am at home on the 12th; Ani on the 13th and 14th, Budi on the 13th, and somebody of another unit too."""
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.planned_city()
        home = [
            (ME, MINE),
            (ANI, "2025-11-13"),
            (ANI, "2025-11-14"),
            (BUDI, "2025-11-13"),
            (STRANGER, "2025-11-13"),
        ]
        moves = [{"employee_id": str(who), "work_date": day, "mode": "WFH"} for who, day in home]
        settled = {"moves": moves, "reason": "uji", "override": {"reason": "uji"}}
        assert (await one.call("POST", "/plans/settle", json=settled)).status_code == 200
        yield one


async def partners(running: Desk, my_date: str = MINE, who: UUID = ME, **params: Any) -> list[dict[str, Any]]:
    answer = await running.call(
        "GET", "/me/swaps/partners", role="staff", subject=who, params={"my_date": my_date, **params}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def ask(running: Desk, who: UUID = ME, **body: Any) -> httpx.Response:
    return await running.call("POST", "/me/swaps", role="staff", subject=who, json={"my_date": MINE, **body})


async def test_only_modes_and_dates_of_the_unit_are_seen(running: Desk) -> None:
    found = await partners(running)
    assert [(one["their_date"], one["mode"], sorted(one)) for one in found] == [
        (date, "WFH", ["mode", "partner", "their_date"]) for date in ("2025-11-13", "2025-11-13", "2025-11-14")
    ]
    assert len({one["partner"] for one in found}) == 3
    assert not any(str(who) in str(found) for who in (ANI, BUDI, STRANGER))


async def test_a_handle_is_of_one_asker_and_two_dates(running: Desk) -> None:
    moves = [{"employee_id": str(ME), "work_date": "2025-11-17", "mode": "WFH"}]
    await running.call("POST", "/plans/settle", json={"moves": moves, "reason": "uji"})
    one, other = await partners(running), await partners(running, "2025-11-17")
    assert not {each["partner"] for each in one} & {each["partner"] for each in other}
    assert one == await partners(running)
    taken = one[0]["partner"]
    wrong: list[dict[str, Any]] = [
        {"partner": taken, "their_date": "2025-11-14"},
        {"partner": taken, "their_date": one[0]["their_date"], "my_date": "2025-11-17"},
        {"partner": "0" * 32, "their_date": "2025-11-13"},
        {"partner": "é" * 32, "their_date": "2025-11-13"},
    ]
    for body in wrong:
        answer = await ask(running, **body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "partner")
    foreign = await ask(running, BUDI, partner=taken, their_date=one[0]["their_date"])
    assert foreign.status_code == 422


async def test_who_is_asked_by_a_handle_agrees_like_any_other(running: Desk) -> None:
    last = (await partners(running))[-1]
    asked = await ask(running, partner=last["partner"], their_date=last["their_date"])
    assert asked.status_code == 201
    swap_id = asked.json()["swap_id"]
    mine = (await running.call("GET", "/me/swaps", role="staff", subject=ANI)).json()["items"]
    assert [(one["swap_id"], one["asker_id"], one["partner_id"]) for one in mine] == [(swap_id, str(ME), str(ANI))]
    assert (await running.call("POST", f"/swaps/{swap_id}/agree", role="staff", subject=ANI)).status_code == 200
    approved = await running.call("POST", f"/swaps/{swap_id}/approve", json={})
    assert (approved.status_code, approved.json()["changed"]) == (200, 4)
    assert await partners(running, "2025-11-14") != []
    assert await partners(running) == []


async def test_days_that_have_begun_and_days_off_find_nobody(running: Desk) -> None:
    assert await partners(running, "2025-11-13") == []
    running.at("2025-11-12 08:00")
    assert await partners(running) == []


@pytest.mark.parametrize(
    "body",
    [
        {"their_date": "2025-11-13"},
        {"their_date": "2025-11-13", "partner_id": str(ANI), "partner": "x"},
        {"their_date": "2025-11-13", "partner": "x" * 101},
        {"their_date": "2025-11-13", "partner": 7},
    ],
)
async def test_a_colleague_is_named_in_one_way(running: Desk, body: dict[str, Any]) -> None:
    answer = await ask(running, **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "partner")


async def test_partners_come_in_pages_and_nobody_asks_everybody(running: Desk) -> None:
    first = await running.call(
        "GET", "/me/swaps/partners", role="staff", subject=ME, params={"my_date": MINE, "limit": 2}
    )
    rest = await partners(running, cursor=first.json()["next"])
    assert [*first.json()["items"], *rest] == await partners(running)
    ani: dict[str, Any] = {"partner_id": str(ANI), "their_date": "2025-11-13"}
    answers = [(await ask(running, **ani)).status_code for _ in range(11)]
    assert answers == [201] * 10 + [409]
