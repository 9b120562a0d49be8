"""Who is told what: the pure rules."""

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifications.domain import news
from shared.events import ComplianceChanged, CoverageChanged, OutageDeclared, ScheduleChanged, Scope
from shared.facts import is_news

WIB = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2025, 11, 6, 8, 0, tzinfo=WIB)
TODAY = dt.date(2025, 11, 6)


def plan(mode: str = "WFO", date: dt.date = TODAY, start: int = 7, **given: Any) -> ScheduleChanged:
    starts = dt.datetime.combine(date, dt.time(start, 30), WIB)
    values: dict[str, Any] = {
        "employee_id": uuid4(),
        "opd_code": "DISDIK",
        "unit_id": "U1",
        "work_date": date,
        "revision": 2,
        "mode": mode,
        "starts_at": starts if mode in ("WFO", "WFH") else None,
        "ends_at": starts + dt.timedelta(hours=8) if mode in ("WFO", "WFH") else None,
    }
    return ScheduleChanged.model_validate({**values, **given})


def held(event: ScheduleChanged) -> dict[str, Any]:
    return {**event.model_dump(), "revision": 1, "ce_id": uuid4()}


MODES = ("WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF")


@pytest.mark.parametrize("days", [0, 1])
def test_a_first_plan_for_today_or_tomorrow_is_told_unless_it_is_a_day_off(days: int) -> None:
    date = TODAY + dt.timedelta(days=days)
    assert {mode: news.on_plan(plan(mode, date), None, NOW) for mode in MODES} == {
        "WFO": "schedule.new",
        "WFH": "schedule.wfh",
        "DUTY_TRAVEL": "schedule.new",
        "LEAVE": "schedule.new",
        "OFF": None,
    }


def test_a_first_plan_for_a_later_day_is_silent_unless_it_is_to_work_from_home() -> None:
    later = TODAY + dt.timedelta(days=2)
    said = {mode: news.on_plan(plan(mode, later), None, NOW) for mode in MODES}
    assert said == {**dict.fromkeys(MODES), "WFH": "schedule.wfh"}


def test_tomorrow_is_that_of_jakarta() -> None:
    in_two_days = TODAY + dt.timedelta(days=2)
    midnight = dt.datetime.combine(TODAY + dt.timedelta(days=1), dt.time(), WIB).astimezone(dt.UTC)
    assert midnight.date() == TODAY
    assert news.on_plan(plan(date=in_two_days), None, midnight - dt.timedelta(seconds=1)) is None
    assert news.on_plan(plan(date=in_two_days), None, midnight) == "schedule.new"


@pytest.mark.parametrize("change", [{"mode": "WFH"}, {"start": 8}, {"unit_id": "U2"}, {"mode": "LEAVE"}])
def test_a_plan_that_differs_in_mode_hours_or_place_is_told(change: dict[str, Any]) -> None:
    assert news.on_plan(plan(**change), held(plan()), NOW) == "schedule.changed"


def test_a_plan_published_again_without_a_difference_is_silent() -> None:
    assert news.on_plan(plan(revision=9, reason="roster"), held(plan()), NOW) is None


def test_a_day_that_is_over_is_silent_but_a_night_shift_still_running_is_not() -> None:
    yesterday = TODAY - dt.timedelta(days=1)
    assert news.on_plan(plan("WFH", yesterday), held(plan(date=yesterday)), NOW) is None
    night = plan("WFO", yesterday, start=23, unit_id="U9")
    still_on = dt.datetime(2025, 11, 6, 5, 0, tzinfo=WIB)
    assert news.on_plan(night, held(plan("WFO", yesterday, start=23)), still_on) == "schedule.changed"


def compliance(previous: str, state: str, duty: str = "on_time") -> ComplianceChanged:
    return ComplianceChanged.model_validate(
        {
            "employee_id": uuid4(),
            "opd_code": "DISDIK",
            "work_date": TODAY,
            "duty": duty,
            "revision": 1,
            "state": state,
            "previous": previous,
            "as_of": NOW,
        }
    )


@pytest.mark.parametrize(
    ("previous", "state", "kind"),
    [
        ("pending", "met", None),
        ("pending", "not_met", "duty.not_met"),
        ("pending", "unknown", "duty.unknown"),
        ("not_met", "unknown", "duty.unknown"),
        ("unknown", "not_met", "duty.not_met"),
        ("not_met", "met", "duty.corrected"),
        ("unknown", "met", "duty.corrected"),
        ("not_met", "not_due", "duty.corrected"),
        ("pending", "not_due", None),
        ("met", "pending", None),
        ("not_met", "not_met", None),
    ],
)
def test_a_duty_is_told_when_it_goes_wrong_and_when_that_is_taken_back(
    previous: str, state: str, kind: str | None
) -> None:
    said = news.on_compliance(compliance(previous, state))
    assert (said[0] if said else None) == kind


def coverage(status: str) -> CoverageChanged:
    return CoverageChanged.model_validate(
        {
            "unit_id": "U1",
            "opd_code": "DISDIK",
            "revision": 1,
            "status": status,
            "previous": "met",
            "as_of": NOW,
            "required": 2,
            "present_low": 1,
            "present_high": 1,
        }
    )


def follow(statuses: list[str]) -> list[str | None]:
    """What is told along a counter's day."""
    alert: UUID | None = None
    steps: list[str | None] = []
    for status in statuses:
        step, alert = news.on_coverage(coverage(status), uuid4(), alert, fresh=True)
        steps.append(step)
    return steps


def test_one_shortage_gives_one_alert_and_one_all_clear() -> None:
    assert follow(["met", "short", "unknown", "short", "met", "met"]) == [
        None, "alert", None, None, "all_clear", None,
    ]  # fmt: skip


def test_closing_ends_a_shortage_in_silence() -> None:
    assert follow(["short", "closed", "met", "short"]) == ["alert", None, None, "alert"]


def test_a_stale_shortage_raises_no_alert_and_so_no_all_clear() -> None:
    step, alert = news.on_coverage(coverage("short"), uuid4(), None, fresh=False)
    assert (step, alert) == (None, None)
    assert news.on_coverage(coverage("met"), uuid4(), alert, fresh=True)[0] is None


def test_news_is_what_ranks_above_what_is_held() -> None:
    low, high = UUID(int=1), UUID(int=2)
    assert is_news(1, low, None)
    assert is_news(2, low, {"revision": 1, "ce_id": high})
    assert is_news(1, high, {"revision": 1, "ce_id": low})
    assert not is_news(1, low, {"revision": 1, "ce_id": low})
    assert not is_news(1, high, {"revision": 2, "ce_id": low})


def test_three_days_old_is_fresh_and_a_second_more_is_not() -> None:
    edge = NOW - dt.timedelta(days=3)
    assert news.is_fresh(edge, NOW)
    assert not news.is_fresh(edge - dt.timedelta(seconds=1), NOW)


def test_an_outage_that_only_changes_its_wording_is_silent() -> None:
    event = OutageDeclared(
        outage_id=uuid4(),
        revision=2,
        scope=Scope(opd_codes=["DISDIK"]),
        starts_at=NOW,
        ends_at=NOW + dt.timedelta(minutes=10),
        reason="jaringan putus",
        declared_by="BKPSDM",
    )
    row = {**event.model_dump(), "reason": "jaringan", "scope": event.scope.model_dump_json()}
    assert not news.outage_differs(event, row)
    assert news.outage_differs(event, {**row, "scope": {"opd_codes": ["DISHUB"]}})
    assert news.outage_differs(event, {**row, "revoked": True})


def test_the_id_of_a_message_depends_on_person_cause_and_kind_alone() -> None:
    person, cause = uuid4(), uuid4()
    params = {"work_date": "2025-11-06", "duty": "place"}
    first = news.Notice(person, "duty.not_met", cause, params)
    assert first.id == news.Notice(person, "duty.not_met", cause, {**params, "duty": "report"}).id
    others = {
        news.Notice(uuid4(), "duty.not_met", cause, params).id,
        news.Notice(person, "duty.not_met", uuid4(), params).id,
        news.Notice(person, "duty.unknown", cause, params).id,
    }
    assert len({first.id, *others}) == 4
