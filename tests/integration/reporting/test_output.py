"""What was produced, by every key, as it is told to who may know it."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from shared.events import ReportItem, ReportReviewed, ReportSubmitted, ReviewedItem
from tests.kit.reporting import OPD, OTHER_OPD, Running, at, plan, unit

FIRST, LAST = dt.date(2025, 11, 10), dt.date(2025, 11, 14)
DATES = [FIRST + dt.timedelta(days=n) for n in range(5)]
WEEK = {"from": str(FIRST), "to": str(LAST), "as_of": "2025-11-20T12:00:00+07:00"}
SMALL, LARGE = "DINKES-KECIL", "DINKES-BESAR"
PEOPLE = [uuid4() for _ in range(9)]
"""Three in the small unit of the other OPD, six in its large one."""


def report(who: UUID, date: dt.date, revision: int, quantity: float, clock: str = "15:00") -> ReportSubmitted:
    items = [
        ReportItem(
            item_id="1", task="Surat", quantity=quantity, unit="berkas", norm_minutes=30, task_code="SURAT"
        ),
        ReportItem(item_id="2", task="Rapat", quantity=1, unit="kali"),
    ]
    return ReportSubmitted(
        report_id=UUID(int=who.int ^ date.toordinal()), employee_id=who, opd_code=OTHER_OPD, work_date=date,
        revision=revision, submitted_at=at(clock, date), items=items,
    )  # fmt: skip


def review(of: ReportSubmitted, decision: Any, quantity: float, clock: str = "16:00") -> ReportReviewed:
    return ReportReviewed(
        report_id=of.report_id, employee_id=of.employee_id, work_date=of.work_date, report_revision=of.revision,
        revision=1, reviewed_at=at(clock, of.work_date), reviewer_id=uuid4(), decision=decision,
        items=[ReviewedItem(item_id=one, accepted_quantity=n) for one, n in (("1", quantity), ("2", 1))],
    )  # fmt: skip


@pytest_asyncio.fixture
async def week(service: Running) -> Running:
    """Nine people for five days, at home on two of them: 8 letters of 30 minutes in the office, 6 at home.

    The last person hands in nothing; the first one's first report comes back and is accepted the second time; the
    second one's last report waits.
    """
    service.clock.set(dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC))
    events: list[Any] = [unit(name, OTHER_OPD, name, "Dinas Kesehatan", 0) for name in (SMALL, LARGE)]
    for n, who in enumerate(PEOPLE):
        for date in DATES:
            home = date.weekday() in (1, 3)
            events.append(plan(who, OTHER_OPD, SMALL if n < 3 else LARGE, "WFH" if home else "WFO", date=date))
            if n == 8:
                continue
            done = report(who, date, 1, 6 if home else 8)
            events.append(done)
            if (n, date) == (0, FIRST):
                again = report(who, date, 2, 8, "16:30")
                events += [review(done, "returned", 0), again, review(again, "accepted", 8, "17:00")]
            elif (n, date) != (1, LAST):
                events.append(review(done, "accepted", 6 if home else 8))
    await service.fold(*events)
    return service


async def ask(service: Running, role: Any = "bkpsdm", opd: str | None = None, **asked: Any) -> dict[str, Any]:
    async with service.caller(role, opd=opd) as caller:
        answer = await caller.get("/reporting/v1/output", params={**WEEK, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_key(answer: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: item for item in answer["items"]}


EARNED = 8 * (3 * 240 + 2 * 180) - 240
"""Eight people for three days at the office and two at home, but for the one report that waits."""


async def test_every_key_adds_up_to_the_same(week: Running) -> None:
    opd = by_key(await ask(week))[OTHER_OPD]
    assert opd == {
        "key": OTHER_OPD, "name": "Dinas Kesehatan", "opd_code": OTHER_OPD, "person_days": 45,
        "earned_minutes": EARNED, "waiting_minutes": 240, "output_rate": EARNED / (45 * 300),
        "output_rate_high": (EARNED + 240) / (45 * 300), "submitted": 40, "returned": 1, "rework_rate": 1 / 40,
        "reports_without_review": 1,
    }  # fmt: skip
    for by in ("unit", "mode", "day"):
        items = (await ask(week, by=by))["items"]
        assert len(items) >= 2
        for name in ("person_days", "earned_minutes", "waiting_minutes", "submitted", "returned"):
            assert sum(item[name] for item in items) == opd[name], (by, name)
    tasks = by_key(await ask(week, by="task"))
    assert tasks["SURAT"]["earned_minutes"] == EARNED
    assert (tasks["SURAT"]["person_days"], tasks["SURAT"]["returned"]) == (40, 1)
    assert (tasks["free_text"]["earned_minutes"], tasks["free_text"]["submitted"]) == (0, 40)
    modes = by_key(await ask(week, by="mode"))
    assert (modes["WFO"]["person_days"], modes["WFH"]["person_days"]) == (27, 18)
    assert modes["WFH"]["output_rate"] == 8 * 2 * 180 / (18 * 300)


async def test_home_beside_office_is_within_each_person(week: Running) -> None:
    seen = await ask(week, by="mode", opd_code=OTHER_OPD)
    assert seen["mode_ratio"]["people"] == 8
    assert seen["mode_ratio"]["value"] == 0.75
    assert (seen["mode_ratio"]["low"], seen["mode_ratio"]["high"]) == (0.75, 0.75)
    assert (await ask(week, by="opd"))["mode_ratio"] is None
    assert (await ask(week, by="mode", opd_code=OPD))["mode_ratio"]["value"] is None


async def test_it_is_as_of_an_instant(week: Running) -> None:
    seen = await ask(week, **{"to": str(FIRST), "as_of": f"{FIRST}T16:15:00+07:00"}, opd_code=OTHER_OPD)
    (opd,) = seen["items"]
    assert (opd["returned"], opd["earned_minutes"], opd["waiting_minutes"]) == (1, 7 * 240, 0)
    seen = await ask(week, **{"to": str(FIRST), "as_of": f"{FIRST}T16:30:00+07:00"}, opd_code=OTHER_OPD)
    (opd,) = seen["items"]
    assert (opd["returned"], opd["earned_minutes"], opd["waiting_minutes"]) == (1, 7 * 240, 240)
    assert seen["vintage"]["as_of"] == seen["as_of"]


async def test_the_minutes_that_are_available_are_asked_for(week: Running) -> None:
    one, other = await ask(week), await ask(week, available_minutes=150)
    assert by_key(other)[OTHER_OPD]["output_rate"] == 2 * by_key(one)[OTHER_OPD]["output_rate"]
    assert one["vintage"] == other["vintage"]


async def test_an_opd_admin_sees_their_own(week: Running) -> None:
    seen = await ask(week, "opd_admin", OTHER_OPD, by="unit")
    assert set(by_key(seen)) == {SMALL, LARGE}
    assert (await ask(week, "opd_admin", OPD, by="unit"))["items"] == []
    async with week.caller("opd_admin", opd=OPD) as caller:
        answer = await caller.get("/reporting/v1/output", params={**WEEK, "opd_code": OTHER_OPD})
    assert answer.status_code == 403


async def test_the_council_sees_no_unit_of_few(week: Running) -> None:
    exact, seen = await ask(week, by="unit"), await ask(week, "council", by="unit")
    assert (exact["merged"], seen["merged"]) == (None, 2)
    (other,) = seen["items"]
    # The large unit has six people, but the OPD less six would say what the three did.
    assert (other["key"], other["opd_code"], other["person_days"]) == ("other", OTHER_OPD, 45)
    assert by_key(await ask(week, "council"))[OTHER_OPD]["person_days"] == 45
    assert by_key(await ask(week, "council", by="mode"))["WFH"]["person_days"] == 18
    assert by_key(await ask(week, "council", by="day"))[str(FIRST)]["person_days"] == 9


async def test_an_opd_of_few_is_shown_to_the_council_in_no_way(service: Running) -> None:
    service.clock.set(dt.datetime(2025, 11, 20, 12, tzinfo=dt.UTC))
    day = {"from": "2025-11-06", "to": "2025-11-06"}
    (other,) = (await ask(service, "council", **day))["items"]
    assert (other["key"], other["opd_code"]) == ("other", None)
    for by in ("unit", "mode", "day", "opd"):
        assert (await ask(service, "council", **day, by=by, opd_code=OTHER_OPD))["items"] == []
    (unit_items) = (await ask(service, "council", **day, by="unit"))["items"]
    assert [(item["key"], item["opd_code"]) for item in unit_items] == [("other", None)]


async def test_pages_hold_every_group_once(week: Running) -> None:
    whole = (await ask(week, by="day"))["items"]
    paged: list[Any] = []
    page = await ask(week, by="day", limit=2)
    while True:
        paged += page["items"]
        if page["next"] is None:
            break
        page = await ask(week, by="day", limit=2, cursor=page["next"])
    assert paged == whole
    assert [item["key"] for item in paged] == [str(date) for date in DATES]


async def test_a_period_that_cannot_be_is_refused_with_the_mend(week: Running) -> None:
    for asked, mend in (
        ({"from": "2025-11-14", "to": "2025-11-10"}, "2025-11-14"),
        ({"from": "2025-11-14", "to": "2025-12-24"}, "2025-11-20"),
        ({"from": "2024-01-01", "to": "2025-11-10"}, "2025-02-03"),
        ({"from": "2025-09-01", "to": "2025-09-30"}, "2025-11-06"),
    ):
        async with week.caller("bkpsdm") as caller:
            answer = await caller.get("/reporting/v1/output", params=asked)
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == "to"
        assert mend in str(error), "the mend is named"
