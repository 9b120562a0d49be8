"""Whatever a door takes can be published and read again: doors and events share their declarations."""

import datetime as dt
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.attendance.api.corrections import CORRECTION
from services.attendance.api.outages import OUTAGE, OUTAGE_REVISION
from services.attendance.api.punches import PUNCH
from services.attendance.domain.outages import faults
from services.reporting.domain import reports
from services.reporting.domain.catalogue import Task
from services.scheduling.domain.policies import PolicyIn
from services.scheduling.domain.rules import RulesIn
from shared.events import Event, OutageDeclared, Scope, decode, encode, source_of
from shared.events.topics import TOPICS
from tests.architecture.source import ROOT, tracked
from tests.contract.strategies import DATES, INSTANTS, TEXT
from tests.contract.test_exactness import NOT_A_DATE, NOT_AN_INSTANT

NOW = dt.datetime(2026, 2, 16, tzinfo=dt.UTC)
CODES = st.one_of(TEXT.filter(bool), st.just("é" * 100), st.just("x" * 101), st.integers(), st.floats())
LOCAL_TIMES = st.one_of(
    st.from_regex(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", fullmatch=True), st.just("07:3\u0660"), st.just("24:00")
)
MOMENTS = st.one_of(
    INSTANTS.map(dt.datetime.isoformat),
    st.datetimes(timezones=st.just(dt.UTC)).map(dt.datetime.isoformat),
    st.sampled_from(["1900-01-01T00:00:00+07:00", "2999-12-31T23:59:59-07:00", "2999-12-31T23:59:59.9999999Z"]),
)


def published(event: Event) -> None:
    """Fails unless a reader gets exactly this event."""
    message = encode(event, id=uuid4(), time=NOW, source=source_of(TOPICS[event.topic].owner))
    assert decode(message.topic, message.key, message.value, message.headers).event == event


@settings(max_examples=150, deadline=None)
@given(
    scope=st.fixed_dictionaries({}, optional={"all": st.booleans(), "opd_codes": st.lists(CODES, max_size=3)}),
    starts_at=MOMENTS,
    ends_at=MOMENTS,
    span=st.none() | st.integers(0, 40 * 24 * 60),
    reason=TEXT | st.just("x" * 500),
)
def test_an_outage_that_the_door_takes_is_read_by_all(
    scope: dict[str, Any], starts_at: str, ends_at: str, span: int | None, reason: str
) -> None:
    if span is not None:  # else hardly any ends soon enough after its start
        try:
            ends_at = (dt.datetime.fromisoformat(starts_at) + dt.timedelta(minutes=span)).isoformat()
        except OverflowError:
            return
    body = {"scope": scope, "starts_at": starts_at, "ends_at": ends_at, "reason": reason}
    try:
        taken = OUTAGE.validate_python(body)
    except ValidationError:
        return
    if list(faults(taken)):
        return
    published(
        OutageDeclared(
            outage_id=uuid4(),
            revision=1,
            scope=Scope.model_validate(taken.scope.model_dump()),
            starts_at=taken.starts_at,
            ends_at=taken.ends_at,
            reason=taken.reason,
            declared_by="BKPSDM",
        )
    )


@settings(max_examples=150, deadline=None)
@given(
    work_date=DATES,
    items=st.lists(
        st.fixed_dictionaries(
            {
                "task": TEXT | st.just("é" * 500),
                "quantity": st.floats() | st.integers() | st.just("3"),
                "unit": TEXT | st.just("é" * 64),
            },
            optional={
                "item_id": TEXT,
                "task_code": st.sampled_from(["KTP", "none"]),
                "norm_minutes": st.floats(),
                "evidence_count": st.integers(-1, 1001),
            },
        ),
        max_size=3,
    ),
    many=st.sampled_from([1, 1, 200]),
)
def test_a_report_that_the_door_takes_is_read_by_all(
    work_date: dt.date, items: list[dict[str, Any]], many: int
) -> None:
    try:
        known = reports.Known("9.02", {"KTP": Task("KTP", work_date, "é" * 300, "é" * 64, 0.1, None, active=True)})
        taken = reports.items_of(reports.ReportIn.model_validate({"items": items * many}), known)
    except (ValidationError, reports.Invalid):
        return
    report = reports.Report(uuid4(), UUID(int=7), "9.02", work_date, 1, NOW, taken, mode="WFH")
    published(report.submitted())
    accepted = reports.ReviewIn.model_validate({"revision": 1, "decision": "accepted"})
    published(reports.review(report, accepted, UUID(int=8), NOW).reviewed())


@settings(max_examples=150, deadline=None)
@given(
    body=st.fixed_dictionaries(
        {
            "rules_version": st.from_regex(r"[A-Za-z0-9._-]{1,65}", fullmatch=True) | TEXT,
            "effective_from": DATES.map(str) | st.dates().map(str),
            "tolerance_minutes": st.integers(-1, 241) | st.booleans() | st.just(5.0) | st.just("5"),
            "report_modes": st.lists(st.sampled_from(["WFO", "WFH", "DUTY_TRAVEL", "LEAVE"]), max_size=6),
            "report_cutoff": LOCAL_TIMES,
            "review_sla_working_days": st.integers(0, 61),
        }
    )
)
def test_rules_that_the_door_takes_are_read_by_all(body: dict[str, Any]) -> None:
    try:
        taken = RulesIn.model_validate(body)
    except ValidationError:
        return
    published(taken.event())


POSITION = {"lat": -6.3, "lon": 107.1, "accuracy_m": 5}
OUTAGE_BODY = {
    "scope": {"all": True},
    "starts_at": "2026-02-16T07:00:00+07:00",
    "ends_at": "2026-02-16T08:00:00+07:00",
    "reason": "listrik padam",
}
TAKING_INSTANTS: list[tuple[TypeAdapter[Any], dict[str, Any], str]] = [
    (CORRECTION, {"action": "manual", "employee_id": str(UUID(int=7)), "kind": "in", "reason": "lupa"}, "at"),
    (OUTAGE, OUTAGE_BODY, "starts_at"),
    (OUTAGE, OUTAGE_BODY, "ends_at"),
    (OUTAGE_REVISION, {**OUTAGE_BODY, "revision": 1}, "ends_at"),
]
RULES: dict[str, Any] = {
    "rules_version": "1",
    "tolerance_minutes": 0,
    "report_modes": [],
    "report_cutoff": "17:00",
    "review_sla_working_days": 3,
}
TAKING_DATES: list[tuple[TypeAdapter[Any], dict[str, Any], str]] = [
    (
        CORRECTION,
        {
            "action": "manual",
            "employee_id": str(UUID(int=7)),
            "kind": "in",
            "reason": "lupa",
            "at": "2026-02-16T07:00:00+07:00",
        },
        "work_date",
    ),
    (TypeAdapter(RulesIn), RULES, "effective_from"),
    (
        TypeAdapter(PolicyIn),
        {
            "policy_id": "p",
            "kind": "weekday",
            "scope": {"all": True},
            "parameters": {"weekdays": [3]},
            "limits": {},
        },
        "effective_from",
    ),
]


@pytest.mark.parametrize(("adapter", "body", "field"), TAKING_INSTANTS)
def test_a_time_in_a_body_is_read_as_in_an_event(
    adapter: TypeAdapter[Any], body: dict[str, Any], field: str
) -> None:
    adapter.validate_python({**body, field: "2026-02-16T07:30:00.1234567+07:00"})
    for wrong in (
        *NOT_AN_INSTANT,
        1762389000,
        1762389000.5,
        True,
        "0001-01-01T00:00:00+14:00",
        "3000-01-01T00:00:00Z",
    ):
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python({**body, field: wrong})
        assert {error["loc"][-1] for error in caught.value.errors()} == {field}


@pytest.mark.parametrize(("adapter", "body", "field"), TAKING_DATES)
def test_a_date_in_a_body_is_read_as_in_an_event(
    adapter: TypeAdapter[Any], body: dict[str, Any], field: str
) -> None:
    adapter.validate_python({**body, field: "2026-02-16"})
    for wrong in (*NOT_A_DATE, 20260216, 1771200000, "9999-12-31", "1899-12-31"):
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python({**body, field: wrong})
        assert field in {error["loc"][-1] for error in caught.value.errors()}


@pytest.mark.parametrize("spelling", ["{%s}", "urn:uuid:%s", " %s", "%s\n"])
def test_an_id_in_a_body_is_read_as_in_an_event(spelling: str) -> None:
    body = {"punch_id": str(UUID(int=7)), "kind": "in"}
    PUNCH.validate_python(body)
    with pytest.raises(ValidationError):
        PUNCH.validate_python({**body, "punch_id": spelling % UUID(int=7)})


def test_no_pattern_takes_the_digits_of_other_scripts() -> None:
    r"""`\d` is Unicode for pydantic, `re` and jsonschema, and ASCII for PostgreSQL, ajv and Java."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in tracked()
        if path.suffix in {".py", ".sql"} and path.relative_to(ROOT).parts[0] in {"shared", "services"}
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\\d(?![a-z])|\[\[:digit:", line)
    ]
    assert found == []
