"""Random small worlds of events whose instants crowd at the edges of the rules."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID, uuid5

from hypothesis import strategies as st

from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
    Event,
    Holiday,
    OutageDeclared,
    Received,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    Requirement,
    ReviewedItem,
    RulesChanged,
    ScheduleChanged,
    Scope,
    UnitChanged,
)
from tests.reference.verdicts import WIB

NAMESPACE = UUID(int=7)
PEOPLE = [uuid5(NAMESPACE, f"person {n}") for n in range(3)]
BOSS = uuid5(NAMESPACE, "boss")
THURSDAY = dt.date(2025, 11, 6)
DATES = [THURSDAY + dt.timedelta(days=n) for n in range(-1, 3)]
UNITS = ["counter-a", "counter-b"]
OPDS = ["OPD-1", "OPD-2"]
CLOCK = ["00:00", "04:00", "06:00", "06:30", "07:30", "07:35", "08:30", "12:00", "15:25", "15:30", "16:00"]
CLOCK += ["16:30", "17:00", "20:00", "22:00", "23:59"]
NUDGES = [dt.timedelta(), *(dt.timedelta(microseconds=n) for n in (-1_000_000, -1, 1, 1_000_000, 59_000_000))]

World = list[tuple[UUID, Event]]


def at(date: dt.date, clock: str) -> dt.datetime:
    return dt.datetime.combine(date, dt.time.fromisoformat(clock), WIB)


dates = st.sampled_from(DATES)
people = st.sampled_from(PEOPLE)
instants = st.builds(
    lambda date, clock, nudge: at(date, clock) + nudge,
    st.sampled_from([DATES[0] - dt.timedelta(days=1), *DATES, DATES[-1] + dt.timedelta(days=5)]),
    st.sampled_from(CLOCK),
    st.sampled_from(NUDGES),
)
revisions = st.integers(0, 2)
ce_ids = st.uuids()
scopes = st.builds(
    Scope,
    all=st.booleans(),
    opd_codes=st.lists(st.sampled_from(OPDS), max_size=1),
    unit_ids=st.lists(st.sampled_from(UNITS), max_size=1),
)
HOURS = [("07:30", "16:00", 0), ("07:30", "16:30", 0), ("22:00", "06:00", 1), ("12:00", "20:00", 0)]
HOURS += [("00:00", "04:00", 0), ("07:30", "07:30", 0), ("16:00", "06:00", 2)]


@st.composite
def plans(draw: st.DrawFn) -> ScheduleChanged:
    mode = draw(st.sampled_from(["WFO", "WFO", "WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF"]))
    date = draw(dates)
    starts_at = ends_at = None
    if mode in ("WFO", "WFH"):
        opens, closes, days = draw(st.sampled_from(HOURS))
        starts_at = at(date, opens)
        ends_at = at(date + dt.timedelta(days=days), closes)
    return ScheduleChanged(
        employee_id=draw(people),
        opd_code=draw(st.sampled_from(OPDS)),
        unit_id=draw(st.sampled_from([*UNITS, "back-office"])),
        work_date=date,
        revision=draw(revisions),
        mode=mode,
        starts_at=starts_at,
        ends_at=ends_at,
    )


@st.composite
def punches(draw: st.DrawFn) -> AttendanceRecorded:
    instant = draw(instants)
    near = [instant.astimezone(WIB).date() + dt.timedelta(days=n) for n in (0, 0, -1, 1)]
    return AttendanceRecorded(
        punch_id=UUID(int=draw(st.integers(1, 30))),
        employee_id=draw(people),
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=draw(st.sampled_from([*near, *DATES])),
        kind=draw(st.sampled_from(["in", "in", "out"])),
        at=instant,
        received_at=instant,
        zone=draw(st.sampled_from(["office", "office", "remote", "elsewhere", "uncertain", "unknown"])),
        source="app",
    )


voids = st.builds(
    AttendanceVoided,
    punch_id=st.integers(1, 30).map(lambda n: UUID(int=n)),
    employee_id=people,
    work_date=dates,
    voided_at=instants,
    voided_by=st.just("x"),
    reason=st.just("x"),
)
outages = st.builds(
    lambda a, b, **given: OutageDeclared(starts_at=min(a, b), ends_at=max(a, b), **given),
    instants,
    instants,
    outage_id=st.integers(1, 3).map(lambda n: UUID(int=n)),
    revision=revisions,
    scope=scopes,
    reason=st.just("x"),
    declared_by=st.just("OPD-1"),
    revoked=st.sampled_from([False, False, True]),
)
rules = st.builds(
    RulesChanged,
    rules_version=st.sampled_from(["a", "b", "B", "é"]),
    effective_from=st.sampled_from([DATES[0], THURSDAY, DATES[-1]]),
    tolerance_minutes=st.sampled_from([0, 5, 600]),
    report_modes=st.lists(st.sampled_from(["WFO", "WFH", "DUTY_TRAVEL", "LEAVE"]), max_size=4),
    report_cutoff=st.sampled_from(["17:00", "16:30:00", "24:00", "00:00", "23:59:59"]),
    review_sla_working_days=st.integers(0, 3),
)
calendars = st.builds(
    CalendarChanged,
    year=st.sampled_from([2025, 2026]),
    revision=revisions,
    holidays=st.lists(
        st.builds(
            Holiday,
            date=st.sampled_from([*DATES, DATES[-1] + dt.timedelta(days=2)]),
            kind=st.sampled_from(["national", "collective_leave"]),
            name=st.just("x"),
        ),
        max_size=2,
    ),
)


@st.composite
def reports(draw: st.DrawFn) -> ReportSubmitted:
    employee_id, date = draw(people), draw(dates)
    return ReportSubmitted(
        report_id=uuid5(employee_id, str(date)),
        employee_id=employee_id,
        opd_code="OPD-1",
        work_date=date,
        revision=draw(st.integers(1, 3)),
        submitted_at=draw(instants),
        items=[ReportItem(item_id="1", task="t", quantity=2, unit="u")],
    )


@st.composite
def reviews(draw: st.DrawFn) -> ReportReviewed:
    employee_id, date = draw(people), draw(dates)
    return ReportReviewed(
        report_id=uuid5(employee_id, str(date)),
        employee_id=employee_id,
        work_date=date,
        report_revision=draw(st.integers(1, 3)),
        revision=draw(st.integers(1, 3)),
        reviewed_at=draw(instants),
        reviewer_id=BOSS,
        decision=draw(st.sampled_from(["accepted", "accepted", "returned"])),
        items=[
            ReviewedItem(item_id=str(n), accepted_quantity=quantity)
            for n, quantity in enumerate(draw(st.lists(st.sampled_from([0.0, 0.5, 2.0, -0.5]), max_size=2)))
        ],
    )


requirements = st.builds(
    Requirement,
    effective_from=st.sampled_from([dt.date(2025, 1, 1), THURSDAY, DATES[-1]]),
    weekdays=st.lists(st.integers(0, 6), min_size=4, max_size=7),
    opens=st.sampled_from(["00:00", "07:30", "08:30:00", "12:00"]),
    closes=st.sampled_from(["12:00", "16:00", "20:00:00", "24:00"]),
    min_staff=st.integers(0, 3),
    on_holidays=st.booleans(),
)
units = st.builds(
    UnitChanged,
    unit_id=st.sampled_from(UNITS),
    revision=revisions,
    opd_code=st.sampled_from(OPDS),
    opd_name=st.just("x"),
    name=st.just("x"),
    is_service_point=st.sampled_from([True, True, True, False]),
    requirements=st.lists(requirements, max_size=3),
    slo=st.sampled_from([0.99, 0.9]),
)

days_work = st.one_of(
    plans(), punches(), punches(), punches(), voids, outages, rules, calendars, reports(), reports(), reviews()
)
counters_work = st.one_of(plans(), plans(), punches(), punches(), punches(), voids, outages, units, calendars)


def worlds(event: st.SearchStrategy[Event], *, max_size: int = 40) -> st.SearchStrategy[World]:
    return st.lists(st.tuples(ce_ids, event), max_size=max_size)


def received(world: Sequence[tuple[UUID, Event]]) -> list[Received]:
    time = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
    return [
        Received(event, ce_id, event.topic, "/hadir/test", time, event.key, None) for ce_id, event in world
    ]
