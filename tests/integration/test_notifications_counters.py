"""Counters that will fall short, who could help there and was asked, and budgets: told once, to the right ones."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from services.notifications.app import create_app
from services.notifications.commands import counters
from services.notifications.commands.notices import tell
from services.notifications.store import substitutes
from shared.bus import HandlerContext
from shared.clock import FixedClock
from shared.dates import WIB
from shared.events import (
    ComplianceChanged,
    CoverageBudget,
    CoverageChanged,
    CoverageForecast,
    Event,
    Place,
    Received,
    Requirement,
    ScheduleChanged,
    UnitChanged,
)
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_notifications_telling import person
from tests.kit.services import Signer, in_process, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

TODAY = dt.date(2025, 11, 6)
HEAD, CLERK, NEAR, NEARER, FAR, HOME, ABROAD, LEAVER = (UUID(int=0x100 + n) for n in range(8))
DEGREE_M = 111_195
"""Metres of a degree of latitude."""


def at(clock: str) -> dt.datetime:
    return dt.datetime.combine(TODAY, dt.time.fromisoformat(clock), WIB)


NOW = at("07:40")


@dataclass
class Desk:
    """The service, told by batches; who calls, over HTTP."""

    client: httpx.AsyncClient
    signer: Signer
    context: HandlerContext
    clock: FixedClock

    async def hear(self, *events: Event, ids: list[UUID] | None = None) -> None:
        given = ids or [uuid4() for _ in events]
        now = self.clock.now()
        batch = [
            Received(event, ce_id, event.topic, "/test", now, event.key, None)
            for event, ce_id in zip(events, given, strict=True)
        ]
        await tell(batch, self.context)

    async def call(self, method: str, path: str, who: UUID, **how: Any) -> httpx.Response:
        headers = self.signer.headers("staff", who)
        return await self.client.request(method, f"/notifications/v1/me/{path}", headers=headers, **how)

    async def inbox(self, who: UUID, *kinds: str) -> list[dict[str, Any]]:
        """Messages of these kinds, oldest first."""
        answer = await self.call("GET", "inbox", who, params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        return [one for one in reversed(answer.json()["items"]) if one["kind"] in kinds]

    async def soon(self) -> str:
        """The alert of a counter that will fall short at 08:00, as its head has it."""
        await self.hear(*CITY, forecast())
        [told] = await self.inbox(HEAD, "counter.soon")
        return told["notification_id"]


@pytest_asyncio.fixture(loop_scope="session")
async def desk(kafka: str, database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    signer, db, clock = Signer(), await database_for("notifications"), FixedClock(NOW)
    settings = settings_for("notifications", signer, tmp_path, database_url=db.url, kafka=kafka)
    context = HandlerContext(
        Settings.model_construct(service="notifications"), db, clock, Metrics("notifications")
    )
    async with in_process(create_app(settings, clock)) as client:
        yield Desk(client, signer, context, clock)


def unit(unit_id: str, north: float | None = 0.0, opd: str = "DISDIK", staff: int = 0) -> UnitChanged:
    """So many kilometres north of the counter; a service point where it needs people."""
    wanted = Requirement(
        effective_from=dt.date(2025, 1, 1),
        weekdays=[0, 1, 2, 3, 4],
        opens="08:00",
        closes="15:00",
        min_staff=staff,
    )
    places = [] if north is None else [Place(lat=-6.2 + north * 1000 / DEGREE_M, lon=107.0, radius_m=100)]
    return UnitChanged(
        unit_id=unit_id,
        revision=1,
        opd_code=opd,
        opd_name="x",
        name=f"Loket {unit_id}",
        is_service_point=staff > 0,
        places=places,
        requirements=[wanted] if staff else [],
    )


def plan(
    who: UUID, unit_id: str, mode: str = "WFO", hours: tuple[str, str] = ("07:30", "16:00"), **more: Any
) -> ScheduleChanged:
    works = mode in ("WFO", "WFH")
    return ScheduleChanged.model_validate(
        {
            "employee_id": who,
            "opd_code": "DISDIK",
            "unit_id": unit_id,
            "work_date": TODAY,
            "revision": 1,
            "mode": mode,
            "starts_at": at(hours[0]) if works else None,
            "ends_at": at(hours[1]) if works else None,
            **more,
        }
    )


def duty(who: UUID, name: str, state: str) -> ComplianceChanged:
    return ComplianceChanged.model_validate(
        {
            "employee_id": who,
            "opd_code": "DISDIK",
            "work_date": TODAY,
            "duty": name,
            "revision": 1,
            "state": state,
            "previous": "pending",
            "as_of": NOW,
        }
    )


def forecast(status: str = "will_fall_short", revision: int = 1, starts: str = "08:00") -> CoverageForecast:
    short = status == "will_fall_short"
    return CoverageForecast.model_validate(
        {
            "unit_id": "C",
            "opd_code": "DISDIK",
            "revision": revision,
            "status": status,
            "at": at(starts),
            "starts_at": at(starts) if short else None,
            "ends_at": at("15:00") if short else None,
            "required": 2,
            "expected": 1,
            "as_of": NOW,
        }
    )


def coverage(status: str, revision: int, unit_id: str = "C") -> CoverageChanged:
    return CoverageChanged.model_validate(
        {
            "unit_id": unit_id,
            "opd_code": "DISDIK",
            "revision": revision,
            "status": status,
            "previous": "closed",
            "as_of": NOW,
            "required": 2,
            "present_low": 1,
            "present_high": 1,
        }
    )


CITY: list[Event] = [
    unit("C", staff=2),
    unit("C1", 0.4, staff=1),
    unit("C2", 2.0),
    unit("X", 0.1, opd="DINKES"),
    person(HEAD, "C", heads=["C"]),
    person(CLERK, "C", skills=["akta", "ktp-el"]),
    person(NEAR, "C1"),
    person(NEARER, "C1"),
    person(FAR, "C2", skills=["ktp-el"]),
    person(HOME, "C2", skills=["akta", "ktp-el"]),
    person(ABROAD, "X", opd="DINKES"),
    person(LEAVER, "C1"),
    plan(CLERK, "C"),
    plan(NEAR, "C1"),
    plan(NEARER, "C1"),
    plan(FAR, "C2"),
    plan(HOME, "C2", "WFH"),
    plan(ABROAD, "X", opd_code="DINKES"),
    plan(LEAVER, "C1", "LEAVE"),
]


async def test_who_heads_a_counter_hears_before_it_is_short_and_once_when_it_is(desk: Desk) -> None:
    await desk.soon()
    await desk.hear(forecast())  # another id of the same revision says nothing new
    [soon] = await desk.inbox(HEAD, "counter.soon")
    assert (soon["subject"], soon["params"]["required"], soon["params"]["expected"]) == ("C", 2, 1)
    assert dt.datetime.fromisoformat(soon["params"]["at"]) == at("08:00")
    assert "Loket C" in soon["title"]
    desk.clock.set(at("08:00"))
    await desk.hear(coverage("short", 1))
    await desk.hear(forecast(revision=3, starts="08:10"))
    told = await desk.inbox(HEAD, "counter.soon", "counter.short", "counter.met")
    assert [one["kind"] for one in told] == ["counter.soon", "counter.short"]
    await desk.hear(coverage("met", 2))
    told = await desk.inbox(HEAD, "counter.soon", "counter.short", "counter.met")
    assert [one["kind"] for one in told] == ["counter.soon", "counter.short", "counter.met"]


async def test_where_an_alert_stands_nothing_is_foreseen_and_what_holds_may_fall_short_again(desk: Desk) -> None:
    await desk.hear(*CITY, coverage("short", 1), forecast())
    assert [one["kind"] for one in await desk.inbox(HEAD, "counter.soon", "counter.short")] == ["counter.short"]
    await desk.hear(coverage("met", 2), forecast("holds", 2), forecast(revision=3))
    assert len(await desk.inbox(HEAD, "counter.soon")) == 1
    await desk.hear(forecast("holds", 4))
    await desk.hear(forecast(revision=5, starts="07:55"))
    assert len(await desk.inbox(HEAD, "counter.soon")) == 2
    await desk.hear(forecast("holds", 6))
    await desk.hear(forecast(revision=7, starts="07:40"))  # has begun: an alert says so
    assert len(await desk.inbox(HEAD, "counter.soon")) == 2


async def test_a_rule_that_asks_for_less_time_is_kept(desk: Desk) -> None:
    desk.clock.set(at("07:35"))
    await desk.hear(*CITY, forecast(starts="07:56"))
    assert await desk.inbox(HEAD, "counter.soon") == []
    for clock, count in (("07:35", 0), ("07:36", 1), ("07:37", 1)):
        desk.clock.set(at(clock))
        async with desk.context.db.transaction() as tx:
            await counters.tell_foreseen(tx, desk.clock.now())
        assert len(await desk.inbox(HEAD, "counter.soon")) == count, clock


async def ranked(desk: Desk) -> list[UUID]:
    async with desk.context.db.read() as tx:
        found = await substitutes.ranked(tx, "C", at("08:00"), called_since=at("00:00"), limit=20)
    return [one.employee_id for one in found]


async def test_substitutes_are_ranked_by_skill_then_nearness_then_calls_and_from_home_last(desk: Desk) -> None:
    notification_id = await desk.soon()
    [soon] = await desk.inbox(HEAD, "counter.soon")
    expected = [FAR, NEAR, NEARER, ABROAD, HOME]
    assert [UUID(one) for one in soon["params"]["substitutes"]] == expected
    shown = (await desk.call("GET", f"alerts/{notification_id}", HEAD)).json()
    assert (shown["state"], shown["required"], shown["staff"]) == ("soon", 2, 1)
    first, second, *_, last = shown["substitutes"]
    assert (first["skills"], first["same_opd"], round(first["metres"]), first["here"]) == (
        ["ktp-el"], True, 2000, False,
    )  # fmt: skip
    assert (second["unit_name"], round(second["metres"]), second["calls"]) == ("Loket C1", 400, 0)
    assert (last["mode"], last["skills"]) == ("WFH", ["akta", "ktp-el"])
    called = await desk.call(
        "POST", f"alerts/{notification_id}/calls", HEAD, json={"call_id": str(uuid4()), "employee_id": str(NEAR)}
    )
    assert called.status_code == 201, called.text
    assert await ranked(desk) == [FAR, NEARER, NEAR, ABROAD, HOME]


async def test_nobody_is_taken_from_where_they_are_needed_nor_who_is_not_there(desk: Desk) -> None:
    await desk.soon()
    await desk.hear(plan(NEARER, "C1", "LEAVE", revision=2))
    assert await ranked(desk) == [FAR, ABROAD, HOME]  # C1 needs one, and NEAR is the only one
    await desk.hear(plan(NEARER, "C1", revision=3), coverage("short", 1, "C1"))
    assert await ranked(desk) == [FAR, ABROAD, HOME]
    await desk.hear(coverage("met", 2, "C1"), duty(FAR, "on_time", "not_met"), duty(ABROAD, "place", "not_met"))
    assert await ranked(desk) == [NEAR, NEARER, HOME]
    await desk.hear(duty(FAR, "place", "met"))  # late, and there
    assert await ranked(desk) == [FAR, NEAR, NEARER, HOME]
    await desk.hear(person(FAR, "C2", revision=2, active=False), plan(HOME, "C", revision=2))
    assert await ranked(desk) == [NEAR, NEARER]
    await desk.hear(
        plan(NEAR, "C1", hours=("12:00", "20:00"), revision=2), unit("C1", 0.4).model_copy(update={"revision": 2})
    )
    assert await ranked(desk) == [NEARER]


async def test_who_is_asked_answers_and_who_was_alerted_sees_it(desk: Desk) -> None:
    notification_id = await desk.soon()
    call_id = str(uuid4())
    body = {"call_id": call_id, "employee_id": str(FAR)}
    path = f"alerts/{notification_id}/calls"
    first = await desk.call("POST", path, HEAD, json=body)
    assert first.status_code == 201, first.text
    assert (await desk.call("POST", path, HEAD, json=body)).json() == first.json()
    [asked] = await desk.inbox(FAR, "counter.call")
    assert asked["params"]["call_id"] == call_id
    door = f"inbox/{asked['notification_id']}/answer"
    assert (await desk.call("POST", door, NEAR, json={"answer": "yes"})).status_code == 404
    assert (await desk.call("POST", door, FAR, json={"answer": "maybe"})).status_code == 422
    for answer in ("no", "yes", "yes"):
        said = await desk.call("POST", door, FAR, json={"answer": answer})
        assert (said.status_code, said.json()["answer"]) == (200, answer)
    shown = (await desk.call("GET", f"alerts/{notification_id}", HEAD)).json()
    assert [(one["employee_id"], one["answer"]) for one in shown["calls"]] == [(str(FAR), "yes")]
    assert (await desk.call("GET", f"alerts/{notification_id}", FAR)).status_code == 404
    async with desk.context.db.read() as tx:
        rows = await tx.connection.fetch("select officer, action, detail from audit order by audit_id")
    assert [(row["officer"], row["action"]) for row in rows] == [
        (str(HEAD), "call.asked"), (str(FAR), "call.answered"), (str(FAR), "call.answered"),
    ]  # fmt: skip
    [soon] = await desk.inbox(HEAD, "counter.soon")
    wrong = await desk.call("POST", f"inbox/{soon['notification_id']}/answer", HEAD, json={"answer": "yes"})
    assert (wrong.status_code, wrong.json()["type"].split(":")[-1]) == (409, "call.none")
    desk.clock.set(at("15:00"))
    late = await desk.call("POST", door, FAR, json={"answer": "no"})
    assert (late.status_code, late.json()["type"].split(":")[-1]) == (409, "call.over")


async def test_nobody_is_asked_twice_nor_too_many_nor_whoever_cannot_help(desk: Desk) -> None:
    notification_id = await desk.soon()
    more = [UUID(int=0x200 + n) for n in range(6)]
    await desk.hear(*(person(one, "C2") for one in more), *(plan(one, "C2") for one in more))
    path = f"alerts/{notification_id}/calls"

    async def call(who: UUID, call_id: UUID | None = None) -> tuple[int, str]:
        answer = await desk.call(
            "POST", path, HEAD, json={"call_id": str(call_id or uuid4()), "employee_id": str(who)}
        )
        problem = answer.json()
        if answer.status_code == 422:
            return 422, problem["errors"][0]["field"]
        return answer.status_code, problem.get("type", "").split(":")[-1]

    assert await call(LEAVER) == (422, "employee_id")
    assert await call(CLERK) == (422, "employee_id")
    used = uuid4()
    assert await call(more[0], used) == (201, "")
    assert await call(more[1], used) == (409, "call.other")
    assert await call(more[0]) == (409, "call.asked_already")
    for one in more[1:5]:
        assert await call(one) == (201, "")
    assert await call(more[5]) == (409, "call.too_many")
    await desk.hear(forecast("holds", 2))
    assert await call(more[5]) == (409, "alert.over")
    shown = (await desk.call("GET", f"alerts/{notification_id}", HEAD)).json()
    assert (shown["state"], shown["substitutes"], len(shown["calls"])) == ("over", [], 5)


def budget(status: str, revision: int, window: str = "week") -> CoverageBudget:
    return CoverageBudget.model_validate(
        {
            "unit_id": "C",
            "opd_code": "DISDIK",
            "window": window,
            "revision": revision,
            "status": status,
            "burn_rate": 2.5,
            "spent_minutes": 40,
            "budget_minutes": 84,
            "as_of": NOW,
        }
    )


async def test_a_budget_that_burns_is_told_once_for_each_window_and_its_end_to_those_who_heard(desk: Desk) -> None:
    chief = UUID(int=0x300)
    await desk.hear(*CITY, person(chief, "DISDIK", heads=["DISDIK"]))
    await desk.hear(budget("burning", 1), budget("burning", 1), budget("spent", 1, "month"))
    for who in (HEAD, chief):
        told = await desk.inbox(who, "budget.burning", "budget.recovered")
        assert [(one["kind"], one["params"]["window"]) for one in told] == [
            ("budget.burning", "week"), ("budget.burning", "month"),
        ]  # fmt: skip
    await desk.hear(budget("recovered", 2), person(chief, "DISDIK", revision=2))
    await desk.hear(budget("recovered", 3))
    for who in (HEAD, chief):
        assert [one["params"]["window"] for one in await desk.inbox(who, "budget.recovered")] == ["week"]
    await desk.hear(budget("burning", 4))
    assert len(await desk.inbox(HEAD, "budget.burning")) == 3


async def test_erasure_takes_calls_with_it(desk: Desk) -> None:
    notification_id = await desk.soon()
    body = {"call_id": str(uuid4()), "employee_id": str(FAR)}
    assert (await desk.call("POST", f"alerts/{notification_id}/calls", HEAD, json=body)).status_code == 201
    gone = Received(None, uuid4(), "directory.employee.v1", "/test", NOW, str(FAR), None)
    await tell([gone], desk.context)
    async with desk.context.db.read() as tx:
        assert await tx.connection.fetchval("select count(*) from call") == 0
