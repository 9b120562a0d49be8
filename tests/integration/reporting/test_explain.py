"""Whoever asks how one knows can add up the person-days and counters behind a figure, and go on to the events."""

from typing import Any

from services.reporting.domain.periods import DUTY_OF, METRICS
from tests.integration.reporting.test_output import OTHER_OPD, PEOPLE, WEEK, week
from tests.kit.reporting import OPD, OTHER_COUNTER, Running

__all__ = ["week"]


async def ask(service: Running, figure: str, role: Any = "bkpsdm", opd: str | None = None, **asked: Any) -> Any:
    async with service.caller(role, opd=opd) as caller:
        answer = await caller.get("/reporting/v1/explain", params={**WEEK, "figure": figure, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def paged(service: Running, figure: str, **asked: Any) -> list[Any]:
    items: list[Any] = []
    page = await ask(service, figure, **asked)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = await ask(service, figure, **asked, cursor=page["next"])
        assert page["vintage"] is None


async def test_what_is_listed_adds_up_to_every_figure(week: Running) -> None:
    listed = 0
    for figure in METRICS:
        seen = await ask(week, figure, opd_code=OTHER_OPD)
        items = await paged(week, figure, opd_code=OTHER_OPD, limit=7)
        assert len({(item["work_date"], item["employee_id"], item["unit_id"]) for item in items}) == len(items)
        for name in ("numerator", "denominator", "unknown"):
            assert sum(item[name] for item in items) == seen[name], (figure, name)
        value = seen["numerator"] / seen["denominator"] if seen["denominator"] else None
        assert seen["value"] == value
        assert seen["formula"]["id"] != seen["formula"]["en"]
        assert len(seen["vintage"]["facts_digest"]) == 64
        assert not seen["withheld"]
        listed += len(items)
    assert listed > 100


async def test_a_state_is_chosen_among_the_items_and_leaves_the_figure_as_it_is(week: Running) -> None:
    whole = await ask(week, "report_rate", opd_code=OTHER_OPD)
    seen = await ask(week, "report_rate", opd_code=OTHER_OPD, state="not_met")
    assert seen["numerator"] == whole["numerator"] == 40
    assert {item["employee_id"] for item in seen["items"]} == {str(PEOPLE[8])}
    assert [item["state"] for item in seen["items"]] == ["not_met"] * 5
    async with week.caller("bkpsdm") as caller:
        answer = await caller.get(
            "/reporting/v1/explain", params={**WEEK, "figure": "output_rate", "state": "met"}
        )
    assert answer.status_code == 422
    assert "on_time_rate" in str(answer.json()["errors"])


async def test_every_item_leads_on(week: Running) -> None:
    person = (await ask(week, "output_accept_rate", opd_code=OTHER_OPD, state="met"))["items"][0]
    day = {"from": "2025-11-06", "to": "2025-11-06"}
    counters = (await ask(week, "coverage_attainment", opd_code=OTHER_OPD, **day))["items"]
    (counter,) = [item for item in counters if item["unit_id"] == OTHER_COUNTER]
    async with week.caller("bkpsdm") as caller:
        found = (await caller.get(person["link"])).json()
        timeline = (await caller.get(counter["link"])).json()
    assert found["duties"]["output"]["state"] == person["state"] == "met"
    assert len(found["duties"]["output"]["event_ids"]) == 3, "the plan, the report, the review"
    assert timeline["open_seconds"] == counter["denominator"]


async def test_a_person_day_says_what_it_came_to_and_by_which_events(week: Running) -> None:
    produced: dict[str, Any] = {}
    items = {item["link"]: item for item in await paged(week, "output_rate", opd_code=OTHER_OPD)}
    returned = {item["link"]: item for item in await paged(week, "rework_rate", opd_code=OTHER_OPD)}
    async with week.caller("bkpsdm") as caller:
        for link, item in items.items():
            day = produced[link] = (await caller.get(link)).json()["produced"]
            if item["employee_id"] == str(PEOPLE[8]):
                assert day is None
                continue
            assert (day["earned_minutes"], day["waiting_minutes"]) == (item["numerator"], item["unknown"])
            assert (day["submitted"], day["returned"]) == (True, returned[link]["numerator"])
    first = next(link for link, item in returned.items() if item["numerator"])
    assert len(produced[first]["event_ids"]) == 4, "two revisions and a review of each"
    waits = next(link for link, item in items.items() if item["unknown"])
    assert len(produced[waits]["event_ids"]) == 1


async def test_the_council_is_told_the_sums_and_no_person(week: Running) -> None:
    for figure in METRICS:
        seen = await ask(week, figure, "council", opd_code=OTHER_OPD)
        exact = await ask(week, figure, opd_code=OTHER_OPD)
        assert all(item["employee_id"] is None for item in seen["items"])
        assert seen["items"] == (exact["items"] if figure == "coverage_attainment" else [])
        if not seen["withheld"]:
            names = ("numerator", "denominator", "unknown", "value")
            assert [seen[name] for name in names] == [exact[name] for name in names]
    assert not (await ask(week, "output_rate", "council", opd_code=OTHER_OPD))["withheld"]
    # Of nine people for five days, one day not met would be a person; so it is on the board.
    small = {"from": "2025-11-06", "to": "2025-11-06"}
    for figure in METRICS:
        seen = await ask(week, figure, "council", opd_code=OTHER_OPD, **small)
        assert seen["withheld"] == (figure != "coverage_attainment"), figure
        if seen["withheld"] and figure in DUTY_OF:
            assert (seen["value"], seen["low"], seen["high"]) == (None, None, None)


async def test_without_an_opd_there_are_sums_alone(week: Running) -> None:
    seen = await ask(week, "output_rate")
    assert seen["items"] == []
    assert seen["numerator"] == (await ask(week, "output_rate", opd_code=OTHER_OPD))["numerator"]


async def test_an_opd_admin_is_told_of_their_own(week: Running) -> None:
    seen = await ask(week, "report_rate", "opd_admin", OTHER_OPD)
    assert (seen["opd_code"], len(seen["items"])) == (OTHER_OPD, 45)
    async with week.caller("opd_admin", opd=OPD) as caller:
        asked = {**WEEK, "figure": "report_rate", "opd_code": OTHER_OPD}
        assert (await caller.get("/reporting/v1/explain", params=asked)).status_code == 403
        forged = {**WEEK, "figure": "report_rate", "cursor": "WyIyMDI1LTExLTEwIiwieCIsMV0"}
        assert (await caller.get("/reporting/v1/explain", params=forged)).status_code == 422
