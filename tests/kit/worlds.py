"""Random small worlds of events whose instants crowd at the edges of the rules."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID, uuid5

from hypothesis import strategies as st

from demo.expect import WIB
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
from shared.events.base import Mode, PunchKind

NAMESPACE = UUID(int=7)
PEOPLE = [uuid5(NAMESPACE, f"person {n}") for n in range(3)]
BOSS = uuid5(NAMESPACE, "boss")
THURSDAY = dt.date(2025, 11, 6)
DATES = [THURSDAY + dt.timedelta(days=n) for n in range(-1, 3)]
UNITS = ["counter-a", "counter-b"]
OPDS = ["OPD-1", "OPD-2"]
NUDGES = [dt.timedelta(microseconds=n) for n in (0, 0, 0, -1, 1, -1_000_000, 1_000_000, 150_000_000)]

TimeTrust = Literal["server", "verified", "unverified"]
World = list[tuple[UUID, Event]]


def hours(opens: str, closes: str, staff: int, **given: Any) -> Requirement:
    """So many people wanted from `opens` to `closes`, on working days unless given otherwise."""
    base: dict[str, Any] = {"effective_from": dt.date(2025, 1, 1), "weekdays": [0, 1, 2, 3, 4], **given}
    return Requirement(opens=opens, closes=closes, min_staff=staff, **base)


def counter(*requirements: Requirement) -> UnitChanged:
    """A service point of that name, with a slo of 0.9."""
    return UnitChanged(
        unit_id="counter",
        revision=1,
        opd_code="OPD-1",
        opd_name="x",
        name="x",
        is_service_point=True,
        requirements=list(requirements),
        slo=0.9,
    )


def at(date: dt.date, clock: str) -> dt.datetime:
    return dt.datetime.combine(date, dt.time.fromisoformat(clock), WIB)


MINUTE = dt.timedelta(minutes=1)
# Hours of a plan, and how many midnights they hold.
HOURS = [
    ("07:30", "16:00", 0),
    ("07:30", "16:00", 0),
    ("22:00", "06:00", 1),
    ("12:00", "20:00", 0),
    ("00:00", "04:00", 0),
    ("07:30", "07:30", 0),
    ("16:00", "06:00", 2),
]
TOLERANCES = [0, 5, 600]
CUTOFFS = ["17:00", "16:00:00", "00:00", "23:59:59"]


def edges(date: dt.date, opens: str, closes: str, days: int) -> list[dt.datetime]:
    """The instants at which a rule about such a plan may turn."""
    starts, ends = at(date, opens), at(date + dt.timedelta(days=days), closes)
    local = [at(date + dt.timedelta(days=n), "00:00") for n in range(-1, 6)]
    last = date + dt.timedelta(days=days)
    cutoffs = [at(last, clock) for clock in ("16:00", "17:00", "23:59:59")]
    by_rule = [starts + tolerance * MINUTE for tolerance in TOLERANCES]
    worked = [ends - tolerance * MINUTE for tolerance in TOLERANCES]
    hour_before = [instant - 60 * MINUTE for instant in (starts, *cutoffs)]
    return [starts, starts, ends, ends, ends + 240 * MINUTE, *by_rule, *worked, *cutoffs, *hour_before, *local]


def near(instants: Sequence[dt.datetime]) -> st.SearchStrategy[dt.datetime]:
    return st.builds(dt.datetime.__add__, st.sampled_from(instants), st.sampled_from(NUDGES))


revisions = st.integers(0, 2)
scopes = st.builds(
    Scope,
    all=st.sampled_from([True, False, False]),
    opd_codes=st.lists(st.sampled_from(OPDS), max_size=1),
    unit_ids=st.lists(st.sampled_from(UNITS), max_size=1),
)
rules = st.builds(
    RulesChanged,
    rules_version=st.sampled_from(["a", "b", "B", "é"]),
    effective_from=st.sampled_from([DATES[0], DATES[0], THURSDAY, DATES[-1]]),
    tolerance_minutes=st.sampled_from(TOLERANCES),
    report_modes=st.lists(st.sampled_from(["WFO", "WFO", "WFH", "DUTY_TRAVEL", "LEAVE"]), max_size=5),
    report_cutoff=st.sampled_from(CUTOFFS),
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
requirements = st.builds(
    Requirement,
    effective_from=st.sampled_from([dt.date(2025, 1, 1), dt.date(2025, 1, 1), THURSDAY, DATES[-1]]),
    weekdays=st.lists(st.integers(0, 6), min_size=5, max_size=9),
    opens=st.sampled_from(["00:00", "07:30", "07:30", "08:30:00", "12:00"]),
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
    requirements=st.lists(requirements, min_size=1, max_size=3),
    slo=st.sampled_from([0.99, 0.9]),
)


@st.composite
def days(
    draw: st.DrawFn, modes: Sequence[Mode], dates: Sequence[dt.date]
) -> tuple[list[Event], list[dt.datetime]]:
    """One person-day: its plan, punches, reports and reviews, and the instants at which its rules turn."""
    employee_id, date = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(dates))
    mode = draw(st.sampled_from(modes))
    hours = draw(st.sampled_from(HOURS))
    turns = edges(date, *hours)
    attends = mode in ("WFO", "WFH")
    events: list[Event] = [
        ScheduleChanged(
            employee_id=employee_id,
            opd_code=draw(st.sampled_from(OPDS)),
            unit_id=draw(st.sampled_from([*UNITS, UNITS[0], "back-office"])),
            work_date=date,
            revision=draw(revisions),
            mode=mode,
            starts_at=turns[0] if attends else None,
            ends_at=turns[2] if attends else None,
        )
    ]
    kinds: list[PunchKind] = ["in", "in", "out"]
    trusts: list[TimeTrust] = ["server", "server", "verified", "unverified", "unverified"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=5)):
        instant = draw(near(turns))
        trust = draw(st.sampled_from(trusts))
        # Handed over later, often so that it matters: around one of the instants at which a rule turns.
        received_at = instant if trust == "server" else max(instant, draw(near(turns)))
        punch = AttendanceRecorded(
            punch_id=UUID(int=draw(st.integers(1, 60))),
            employee_id=employee_id,
            opd_code="OPD-1",
            unit_id="counter-a",
            work_date=date,
            kind=kind,
            at=instant,
            received_at=received_at,
            zone=draw(
                st.sampled_from(["office", "office", "office", "remote", "elsewhere", "uncertain", "unknown"])
            ),
            source="app" if trust == "server" else "offline",
            time_trust=trust,
        )
        events.append(punch)
        if draw(st.integers(0, 7)) == 0:
            events.append(
                AttendanceVoided(
                    punch_id=punch.punch_id,
                    employee_id=employee_id,
                    work_date=date,
                    voided_at=draw(near(turns)),
                    voided_by="x",
                    reason="x",
                )
            )
    report_id = uuid5(employee_id, str(date))
    for revision in draw(st.lists(st.integers(1, 3), max_size=3)):
        events.append(
            ReportSubmitted(
                report_id=report_id,
                employee_id=employee_id,
                opd_code="OPD-1",
                work_date=date,
                revision=revision,
                submitted_at=draw(near(turns)),
                items=[ReportItem(item_id="1", task="t", quantity=2, unit="u")],
            )
        )
        if draw(st.booleans()):
            quantities = draw(st.lists(st.sampled_from([0.0, 0.5, 2.0, -0.5]), max_size=2))
            events.append(
                ReportReviewed(
                    report_id=report_id,
                    employee_id=employee_id,
                    work_date=date,
                    report_revision=revision,
                    revision=draw(st.integers(1, 3)),
                    reviewed_at=draw(near(turns)),
                    reviewer_id=BOSS,
                    decision=draw(st.sampled_from(["accepted", "accepted", "returned"])),
                    items=[
                        ReviewedItem(item_id=str(n), accepted_quantity=quantity)
                        for n, quantity in enumerate(quantities)
                    ],
                )
            )
    return events, turns


@st.composite
def outages(draw: st.DrawFn, turns: Sequence[dt.datetime]) -> OutageDeclared:
    a, b = sorted((draw(near(turns)), draw(near(turns))))
    return OutageDeclared(
        outage_id=UUID(int=draw(st.integers(1, 5))),
        revision=draw(revisions),
        scope=draw(scopes),
        starts_at=a,
        ends_at=b,
        reason="x",
        declared_by="OPD-1",
        revoked=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def worlds(
    draw: st.DrawFn, *, counters: bool = False, dates: Sequence[dt.date] = DATES
) -> tuple[World, list[dt.datetime]]:
    """Events with their ids, and instants to judge them at.

    Of `counters`, the events are those that coverage depends on: the plans are of service points.
    """
    usual: list[Mode] = ["WFO", "WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF"]
    at_counters: list[Mode] = ["WFO", "WFO", "WFO", "WFO", "WFO", "WFO", "WFH"]
    modes = at_counters if counters else usual
    events: list[Event] = []
    turns: list[dt.datetime] = []
    for more, instants in draw(st.lists(days(modes, dates), min_size=1, max_size=6 if counters else 3)):
        events += more
        turns += instants
    events += draw(st.lists(rules, max_size=3))
    events += draw(st.lists(calendars, max_size=1))
    events += draw(st.lists(outages(turns), max_size=2))
    if counters:
        events += draw(st.lists(units, min_size=1, max_size=3))
    moments = [
        getattr(e, name) for e in events for name in ("at", "received_at", "submitted_at") if hasattr(e, name)
    ]
    as_of = draw(st.lists(near([*turns, *moments]), min_size=4, max_size=4))
    return [(draw(st.uuids()), event) for event in events], as_of


def received(world: Sequence[tuple[UUID, Event]]) -> list[Received]:
    """The events as a consumer gets them."""
    time = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
    return [Received(event, ce_id, event.topic, "/hadir/test", time, event.key, None) for ce_id, event in world]
