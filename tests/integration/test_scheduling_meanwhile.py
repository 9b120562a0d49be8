"""What was written meanwhile is kept: by older versions, while a roster is computed, while a proposal waits."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.scheduling.commands import rosters
from services.scheduling.domain.frame import UnitRoster
from services.scheduling.domain.planning import Method, Span, UnitInput
from services.scheduling.planning.compute import compute
from services.scheduling.store.tables import Proposal
from tests.conftest import DatabaseFor
from tests.integration.test_scheduling_changes import HALF, THURSDAY, changed_people, modes, roster, sick
from tests.integration.test_scheduling_day import RULES
from tests.kit.scheduling import STAGE_1, Desk, desk, employee_id

FRIDAY = "2025-11-07"


@pytest_asyncio.fixture
async def running(database_for: DatabaseFor, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(await database_for("scheduling"), tmp_path) as one:
        await one.small_city()
        yield one


async def home_dates(running: Desk, first: str, last: str) -> dict[str, set[UUID]]:
    """Date -> who is at home, from the plans that stand."""
    async with running.db.read() as tx:
        rows = await tx.connection.fetch(
            "select work_date, employee_id from plan where mode = 'WFH' and work_date between $1 and $2",
            dt.date.fromisoformat(first),
            dt.date.fromisoformat(last),
        )
    found: dict[str, set[UUID]] = {}
    for day, who in rows:
        found.setdefault(str(day), set()).add(UUID(int=who.int))
    return found


# --- Versions of a policy ------------------------------------------------------------------------------------


async def test_a_version_posted_for_december_leaves_november_to_the_one_before(running: Desk) -> None:
    first = {key: value for key, value in STAGE_1.items() if key != "effective_to"}
    later = {**first, "effective_from": "2025-12-01", "parameters": {"weekdays": [4]}}
    for body in (first, later):
        assert (await running.call("POST", "/policies", json=body)).status_code == 201
    await roster(running, "2025-11-24", "2025-12-07")
    assert set(await home_dates(running, "2025-11-01", "2025-12-31")) == {"2025-11-27", "2025-12-05"}
    assert (await running.call("POST", "/policies/jabar-stage-1/withdraw")).status_code == 200
    await roster(running, "2025-11-24", "2025-12-07")
    assert await home_dates(running, "2025-11-01", "2025-12-31") == {}


async def test_a_withdrawal_ends_a_policy_today_and_not_in_the_past(running: Desk) -> None:
    await running.call("POST", "/policies", json=STAGE_1)
    running.clock.advance(dt.timedelta(days=5))
    gone = (await running.call("POST", "/policies/jabar-stage-1/withdraw")).json()
    assert (gone["withdrawn_from"], gone["effective_from"]) == ("2025-11-10", THURSDAY)
    body = {"from": "2025-11-03", "to": "2025-11-16", "scope": {"all": True}, "detail": True}
    answer = (await running.call("POST", "/rosters", json=body)).json()
    home = {one["work_date"] for unit in answer["details"] for one in unit["person_days"] if one["mode"] == "WFH"}
    assert home == {THURSDAY}


# --- While a roster is computed ------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, *writes: Any) -> None:
    """Each run of the method finds one of `writes` done while it ran."""
    left = list(writes)

    async def interrupted(units: Sequence[UnitInput], span: Span, method: Method) -> list[UnitRoster]:
        result = await compute(units, span, method)
        if left:
            await left.pop(0)()
        return result

    monkeypatch.setattr(rosters, "compute", interrupted)


async def test_a_leave_written_while_a_roster_is_computed_is_in_what_is_published(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave() -> None:
        assert (await running.call("POST", "/absences", json=sick(1, FRIDAY))).status_code == 200

    meanwhile(monkeypatch, leave)
    answer = await roster(running, THURSDAY, FRIDAY)
    assert (answer["changed"], answer["modes"]["LEAVE"]) == (30, 1)
    assert (await modes(running, FRIDAY))[employee_id(1)] == "LEAVE"


async def test_a_day_settled_while_a_roster_is_computed_stays_settled(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, FRIDAY)
    before = await modes(running, FRIDAY)
    away = next(employee_id(n) for n in range(1, 6) if before[employee_id(n)] == "WFH")

    async def settle() -> None:
        moves = [{"employee_id": str(away), "work_date": FRIDAY, "mode": "WFO"}]
        answer = await running.call("POST", "/plans/settle", json={"moves": moves, "reason": "rapat"})
        assert answer.json()["changed"] == 1

    meanwhile(monkeypatch, settle)
    await roster(running, THURSDAY, FRIDAY, fresh=True)
    assert (await modes(running, FRIDAY))[away] == "WFO"


async def test_a_roster_overtaken_twice_says_run_it_again_and_publishes_the_other_units(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(number: int) -> Any:
        async def write() -> None:
            assert (await running.call("POST", "/absences", json=sick(number, FRIDAY))).status_code == 200

        return write

    meanwhile(monkeypatch, leave(1), leave(2))
    body = {"from": THURSDAY, "to": FRIDAY, "scope": {"all": True}, "publish": True}
    answer = await running.call("POST", "/rosters", json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hadir:problem:roster.stale")
    assert set(await modes(running, FRIDAY)) == {employee_id(n) for n in range(6, 15)}
    assert (await roster(running, THURSDAY, FRIDAY))["changed"] == 12
    found = await modes(running, FRIDAY)
    assert (found[employee_id(1)], found[employee_id(2)]) == ("LEAVE", "LEAVE")


async def test_a_policy_given_while_a_roster_is_computed_is_in_what_is_published(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def policy() -> None:
        assert (await running.call("POST", "/policies", json=STAGE_1)).status_code == 201

    meanwhile(monkeypatch, policy)
    assert (await roster(running, THURSDAY, THURSDAY))["modes"]["WFH"] == 8


async def test_a_past_roster_overtaken_by_a_leave_lists_nothing(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leave() -> None:
        answer = await running.call("POST", "/absences", json=sick(1, "2025-11-04"))
        assert answer.status_code == 200

    meanwhile(monkeypatch, leave)
    body = {"from": "2025-11-03", "to": "2025-11-04", "scope": {"all": True}, "publish": True, "reason": "telat"}
    answer = await running.call("POST", "/rosters", json=body, subject=uuid4())
    assert answer.status_code == 409
    assert (await running.call("GET", "/proposals")).json()["items"] == []


# --- Limits over the edges of a span, and settled days -------------------------------------------------------


async def test_the_weekly_limit_counts_plans_that_stand_later_in_the_week(running: Desk) -> None:
    limits = {"never_direct_service": True, "max_days_per_week": 1}
    await running.call("POST", "/policies", json={**HALF, "limits": limits})
    await roster(running, "2025-11-10", "2025-11-14")
    await roster(running, "2025-11-10", "2025-11-11", fresh=True, seed=7)
    home = await home_dates(running, "2025-11-10", "2025-11-14")
    everyone = [who for day in home.values() for who in day]
    assert everyone
    assert len(everyone) == len(set(everyone))


async def test_a_day_settled_to_the_mode_it_has_is_kept_by_later_rosters_without_an_event(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    await roster(running, THURSDAY, THURSDAY)
    before = await modes(running, THURSDAY)
    moves = [
        {"employee_id": str(who), "work_date": THURSDAY, "mode": "WFH"} for who in before if before[who] == "WFH"
    ]
    answer = await running.call("POST", "/plans/settle", json={"moves": moves, "reason": "janji dengan warga"})
    assert (answer.status_code, answer.json()["changed"]) == (200, 0)
    assert await changed_people(running) == set()
    await running.call("POST", "/policies/half/withdraw")
    assert (await roster(running, THURSDAY, THURSDAY, fresh=True))["changed"] == 0
    assert await modes(running, THURSDAY) == before


async def test_the_end_of_a_long_absence_gives_plans_within_the_share_on_every_day(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    for first, last in (("2025-11-06", "2025-12-31"), ("2026-01-01", "2026-02-28"), ("2026-03-01", "2026-04-15")):
        await roster(running, first, last)
    body = {**sick(1, "2025-11-12"), "to": "2026-03-31", "kind": "maternity"}
    assert (await running.call("POST", "/absences", json=body)).status_code == 200
    before = await home_dates(running, "2025-11-06", "2026-04-15")
    answer = await running.call("POST", "/absences/end", json=body)
    assert (answer.status_code, answer.json()["changed"]) == (200, 98), answer.text
    after = await home_dates(running, "2025-11-06", "2026-04-15")
    team = {employee_id(n) for n in range(6)}
    assert all(after[day] - {employee_id(1)} == before[day] - {employee_id(1)} for day in after)
    assert all(len(who & team) == 3 for who in after.values())


# --- Proposals -----------------------------------------------------------------------------------------------


async def backdated(running: Desk) -> dict[str, Any]:
    """Rules that alter the published past, and a clock that stands after it."""
    running.at("2025-11-05 05:00")
    await roster(running, "2025-11-05", FRIDAY)
    running.clock.advance(dt.timedelta(days=1))
    return {**RULES, "rules_version": "2025-11b", "effective_from": "2025-11-04"}


async def test_the_same_backdated_rules_again_are_the_proposal_that_waits(running: Desk) -> None:
    given = await backdated(running)
    first = await running.call("POST", "/rules", json=given, subject=uuid4())
    again = await running.call("POST", "/rules", json=given, subject=uuid4())
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["proposal_id"] == first.json()["proposal_id"]
    for other in ({"tolerance_minutes": 5}, {"effective_from": "2025-12-01"}):
        answer = await running.call("POST", "/rules", json={**given, **other}, subject=uuid4())
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "rules_version")
    assert len((await running.call("GET", "/proposals")).json()["items"]) == 1


async def test_a_second_proposal_of_a_version_that_exists_is_refused_with_what_to_do(running: Desk) -> None:
    given = await backdated(running)
    first = (await running.call("POST", "/rules", json=given, subject=uuid4())).json()
    second = uuid4()
    async with running.db.transaction() as tx:
        # As two officers could make it before proposals of one version were one.
        now = running.clock.now()
        tx.session.add(
            Proposal(
                proposal_id=second,
                kind="rules",
                body={**given, "report_modes": sorted(given["report_modes"])},
                reason="",
                person_days=1,
                status="open",
                proposed_by=uuid4(),
                proposed_at=now,
            )
        )
    approve = f"/proposals/{first['proposal_id']}/approve"
    assert (await running.call("POST", approve, subject=uuid4())).status_code == 200
    answer = await running.call("POST", f"/proposals/{second}/approve", subject=uuid4())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hadir:problem:proposal.version_exists")
    assert (await running.call("POST", f"/proposals/{second}/refuse", subject=uuid4())).status_code == 200


async def test_a_proposal_whose_days_have_changed_since_is_not_approved(running: Desk) -> None:
    await running.call("POST", "/policies", json=HALF)
    running.at("2025-11-05 05:00")
    await roster(running, "2025-11-05", FRIDAY)
    running.clock.advance(dt.timedelta(days=2))
    ani, budi = uuid4(), uuid4()

    async def propose(mode: str) -> str:
        moves = [{"employee_id": str(employee_id(1)), "work_date": THURSDAY, "mode": mode}]
        body = {"moves": moves, "reason": "koreksi"}
        answer = await running.call("POST", "/plans/settle", json=body, subject=ani)
        assert answer.status_code == 202, answer.text
        return f"/proposals/{answer.json()['proposal']['proposal_id']}/approve"

    was = (await modes(running, THURSDAY))[employee_id(1)]
    other = "WFO" if was == "WFH" else "WFH"
    first, second = await propose(other), await propose(other)
    assert (await running.call("POST", first, subject=budi)).status_code == 200
    back = await propose(was)
    assert (await running.call("POST", back, subject=budi)).status_code == 200
    # The mode is again what the second proposal lists, but it is another plan.
    answer = await running.call("POST", second, subject=budi)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hadir:problem:proposal.stale")
    assert (await modes(running, THURSDAY))[employee_id(1)] == was
