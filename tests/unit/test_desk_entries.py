"""Which pages of officers open to whom, and what their templates and scripts are given. Pure."""

import datetime as dt
from uuid import uuid4

import pytest

from services.reporting.api.pages.desk.entry import OFFICE, TEAM, codes_of, first_page, open_to
from services.reporting.views import words
from services.reporting.views.team import TeamDay, TeamMember, TeamReport, counted, narrowed
from services.scheduling.domain.planning import LIMIT, REASONS
from shared.access import Principal, Role
from shared.dates import midnight
from shared.messages import LANGUAGES, Language

ONE = uuid4()
AS_OF = dt.datetime(2025, 11, 6, 9, 30, tzinfo=dt.UTC)


def somebody(role: Role, *, office: bool = False) -> Principal:
    return Principal(None if office else ONE, role, "1.01" if role == "opd_admin" else None, 0.0)


@pytest.mark.parametrize(
    ("role", "first", "pages"),
    [
        ("staff", "team", 4),
        ("supervisor", "team", 4),
        ("opd_admin", "team", 15),
        ("bkpsdm", "team", 20),
        ("council", "packs", 3),
        ("auditor", "people", 9),
        ("ops", "subscriptions", 1),
    ],
)
def test_each_role_has_the_pages_that_it_has_a_use_for(role: Role, first: str | None, pages: int) -> None:
    who = somebody(role)
    assert first_page(who) == first
    assert sum(open_to(who, entry) for entry in (*TEAM, *OFFICE)) == pages


def test_an_office_account_has_no_team() -> None:
    assert first_page(somebody("bkpsdm", office=True)) == "ratings"
    assert not any(open_to(somebody("supervisor", office=True), entry) for entry in TEAM if entry.person)


@pytest.mark.parametrize("language", LANGUAGES)
def test_codes_are_texts_by_kind(language: str) -> None:
    codes = codes_of(language)  # pyright: ignore[reportArgumentType] - one of the two
    assert {"mode.WFH", "state.open", "aside.unknown_pin", "weekday.0"} <= set(codes)
    assert all(not code.startswith("page.") for code in codes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_a_plan_has_words(language: Language) -> None:
    assert {f"why.{reason}" for reason in (*REASONS, LIMIT)} <= set(codes_of(language))


def test_quantities_are_written_as_people_write_them() -> None:
    assert [words.amount(value, "id") for value in (30, 4.5, 0, None)] == ["30", "4,5", "0", "–"]
    assert words.amount(4.5, "en") == "4.5"


def member(*, missing: bool = False, status: str | None = None, overdue: bool = False) -> TeamMember:
    due = midnight(dt.date(2025, 11, 12))
    report = (
        None
        if status is None
        else TeamReport.model_validate(
            {
                "report_id": uuid4(),
                "revision": 1,
                "submitted_at": AS_OF,
                "late": False,
                "items": 1,
                "status": status,
                "review_due": due,
                "overdue": overdue,
            }
        )
    )
    return TeamMember(
        employee_id=uuid4(),
        name=None,
        mode="WFO",
        starts_at=None,
        ends_at=None,
        duties=None,
        first_in_at=None,
        missing=missing,
        report=report,
        reviewers=[],
    )


def test_a_day_is_counted_as_it_is_narrowed() -> None:
    people = [
        member(missing=True),
        member(status="waiting"),
        member(status="waiting", overdue=True),
        member(status="accepted"),
    ]
    day = TeamDay(date=dt.date(2025, 11, 6), as_of=AS_OF, items=people)
    assert counted(day) == {"all": 4, "waiting": 2, "overdue": 1, "missing": 1}
    assert narrowed(day, "overdue") == [people[2]]


def test_a_report_may_be_decided_until_the_date_before_its_time_ends() -> None:
    report = member(status="waiting").report
    assert report is not None
    assert report.review_until == dt.date(2025, 11, 11)
