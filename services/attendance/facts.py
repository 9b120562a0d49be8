"""What attendance keeps of other services' facts: a punch is judged by it, and how long a superior has."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import JSONB

from services.attendance.store.tables import Base
from shared.events import CalendarChanged, EmployeeChanged, RulesChanged, ScheduleChanged, UnitChanged
from shared.facts import Fact
from shared.projections import Projection
from shared.tables import column


class EmployeeFact(Base, Fact, table=True):
    """Of the directory's entry for a person, what attendance needs: neither name nor NIP. An erased person
    has only the id left."""

    of = EmployeeChanged
    forgotten = {"heads": [], "remote_places": [], "active": False}

    employee_id: UUID = column(key=True)
    opd_code: str | None = column(Text)
    unit_id: str | None = column(Text)
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: list[str] = column(JSONB)
    remote_places: list[dict[str, float]] = column(JSONB)
    active: bool


class UnitFact(Base, Fact, table=True):
    """Where a unit is."""

    of = UnitChanged

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    places: list[dict[str, float]] = column(JSONB)


class PlanFact(Base, Fact, table=True):
    """What a person is to do on a work date."""

    of = ScheduleChanged

    employee_id: UUID = column(key=True)
    work_date: dt.date = column(key=True)
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None


class RulesFact(Base, Fact, table=True):
    """Of a version of the rules, how long superiors have to decide."""

    of = RulesChanged

    rules_version: str = column(Text, key=True)
    effective_from: dt.date
    review_sla_working_days: int


class CalendarFact(Base, Fact, table=True):
    """All holidays of one year."""

    of = CalendarChanged

    year: int = column(key=True)
    holidays: list[dict[str, Any]] = column(JSONB)


PROJECTION = Projection(EmployeeFact, UnitFact, PlanFact, RulesFact, CalendarFact)
