"""A plan: what a person has to do on a date."""

import datetime as dt
from typing import NamedTuple
from uuid import UUID


class PersonDay(NamedTuple):
    """What a plan is about."""

    employee_id: UUID
    work_date: dt.date


class Planned(NamedTuple):
    """A plan to be written. The order of its fields is the order in which they go to PostgreSQL.

    `starts_at` and `ends_at` are None where the mode has no hours.
    """

    employee_id: UUID
    work_date: dt.date
    opd_code: str
    unit_id: str
    mode: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None
    reason: str | None

    @property
    def person_day(self) -> PersonDay:
        return PersonDay(self.employee_id, self.work_date)

    def without_hours(self, mode: str, reason: str) -> "Planned":
        """The same person-day without work at set hours: off, on leave or on a trip."""
        return self._replace(mode=mode, starts_at=None, ends_at=None, policy_version=None, reason=reason)


class OldPlan(NamedTuple):
    """What stands of a plan that another one is to replace."""

    mode: str
    revision: int
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    opd_code: str
    unit_id: str


class PlanChange(NamedTuple):
    """A plan that differs from the one that stands; `old` is None for a first plan."""

    new: Planned
    old: OldPlan | None
