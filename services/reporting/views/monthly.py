"""Months of people as doors and files give them: all of the same figures, made in one place."""

import datetime as dt
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain import allowance as rules
from services.reporting.domain.allowance import Rates
from services.reporting.domain.figures import MODES, STATES
from services.reporting.domain.monthly import (
    MINUTES_OF_A_DAY,
    Group,
    Mark,
    Month,
    PersonMonth,
    SanctionLevel,
    Standing,
    longest_run,
)
from services.reporting.store import allowance as rates_store
from services.reporting.store import monthly as store
from services.reporting.views.allowance import Allowance, allowance
from shared.cursors import Page
from shared.database import Tx
from shared.dates import midnight
from shared.events import DUTIES, Duty, Mode, State
from shared.messages import Language, text

MONTH_CHUNK, YEAR_CHUNK = 8, 31
"""So many dates are read at a time: of the month every person-day, of the year those that count."""


class MonthItem(BaseModel):
    """One employee's month, in whichever OPDs they worked in it.

    `opd_code` is that of the month's last plan, null without any. `hours`: from the first check-in to the last
    check-out, of days that owe hours. `late_minutes` and `early_minutes` are whole minutes from the start of the
    plan and to its end, of days whose duty was not met. `absent_days`: neither on time nor hours met, and no
    check-in. The counters of PP 94/2021 count from `year_from` to the month's end: `counted_days_year` is
    `absent_days_year` and one for each 450 of `minutes_year`. `standing` is final once the month is over and
    nothing of it is pending.
    """

    employee_id: UUID
    opd_code: str | None
    month: str
    standing: Standing
    person_days: dict[Mode, int]
    duties: dict[Duty, dict[State, int]]
    late_minutes: int
    early_minutes: int
    hours: float
    absent_days: int
    year_from: dt.date
    absent_days_year: int
    minutes_year: int
    counted_days_year: int
    longest_absence: int
    sanction_level: SanctionLevel | None
    accepted_quantity_reports: int
    allowance: Allowance | None


class Because(BaseModel):
    """Why a date counts: the code that the person's day gives, and in words."""

    code: str
    text: str


class CountingDate(BaseModel):
    """A date of the year that counts."""

    work_date: dt.date
    late_minutes: int
    early_minutes: int
    absent: bool
    because: list[Because]


class MonthOfPerson(MonthItem):
    """One's month, with the dates of the year that count and what they come to. It decides nothing: see `note`."""

    as_of: dt.datetime
    dates: list[CountingDate]
    explained: str
    note: str


class MonthsOfOpd(Page[MonthItem]):
    """The months of those whose plans name the OPD. They decide nothing: see `note`."""

    as_of: dt.datetime
    note: str


@dataclass(frozen=True, slots=True)
class Look:
    """Which month is looked at as of which instant; its year counts from `year_from` on."""

    month: Month
    as_of: dt.datetime
    year_from: dt.date

    def standing(self, month: PersonMonth) -> Standing:
        over = self.as_of >= midnight(self.month.last + dt.timedelta(1))
        return "final" if over and not month.pending else "preview"


async def of_person(tx: Tx, look: Look, employee_id: UUID, language: Language = "id") -> MonthOfPerson:
    """One person's month, with the dates that count in words of `language`."""
    groups = await store.groups(tx, look.month.first, look.month.last, look.as_of, [employee_id])
    marks = await store.marks(tx, look.year_from, look.month.last, look.as_of, [employee_id])
    month = PersonMonth(employee_id)
    _add(look, {employee_id: month}, groups, marks)
    await _tell_runs(tx, [month])
    item = _item(look, month, await _rates(tx, look))
    return MonthOfPerson(
        **dict(item),
        as_of=look.as_of,
        dates=[_counting(mark, language) for mark in sorted(marks, key=_by_date) if mark.counts],
        explained=text(
            "month.explained",
            language,
            first=look.year_from,
            last=look.month.last,
            absent=item.absent_days_year,
            minutes=item.minutes_year,
            of_minutes=item.minutes_year // MINUTES_OF_A_DAY,
            counted=item.counted_days_year,
            longest=item.longest_absence,
        ),
        note=note(language),
    )


async def of_opd(tx: Tx, look: Look, opd_code: str, after: UUID | None, limit: int) -> list[MonthItem]:
    """The months of those with a plan that names the OPD, by employee_id, at most `limit` after `after`."""
    ids = await store.people_of_opd(tx, opd_code, look.month.first, look.month.last, after, limit)
    months = {employee_id: PersonMonth(employee_id) for employee_id in ids}
    if ids:
        groups = await store.groups(tx, look.month.first, look.month.last, look.as_of, ids)
        _add(look, months, groups, await store.marks(tx, look.year_from, look.month.last, look.as_of, ids))
        await _tell_runs(tx, list(months.values()))
    rates = await _rates(tx, look)
    return [_item(look, month, rates) for month in months.values()]


async def everyone(tx: Tx, look: Look, opd_code: str | None = None) -> AsyncGenerator[MonthItem, None]:
    """The months of all with a plan in the city, or in an OPD, by employee_id; some dates are read at a time."""
    first, last = look.month.first, look.month.last
    if opd_code is None:
        ids, whom = await store.people(tx, first, last), None
    else:
        ids = whom = await store.people_of_opd(tx, opd_code, first, last, None, None)
    months = {employee_id: PersonMonth(employee_id) for employee_id in ids}
    for since, until in _chunks(first, last, MONTH_CHUNK):
        _add(look, months, await store.groups(tx, since, until, look.as_of, whom), [])
    for since, until in _chunks(look.year_from, last, YEAR_CHUNK):
        _add(look, months, [], await store.marks(tx, since, until, look.as_of, whom))
    await _tell_runs(tx, list(months.values()))
    rates = await _rates(tx, look)
    for month in months.values():
        yield _item(look, month, rates)


def note(language: Language) -> str:
    """What a month's figures are, and are not."""
    return text("month.note", language)


COLUMNS: Mapping[str, type] = {
    "employee_id": str,
    "opd_code": str,
    "month": str,
    "as_of": str,
    "standing": str,
    **{f"days_{mode.lower()}": int for mode in MODES},
    **{f"{duty}_{state}": int for duty in DUTIES for state in STATES},
    "late_minutes": int,
    "early_minutes": int,
    "hours": float,
    "absent_days": int,
    "year_from": str,
    "absent_days_year": int,
    "minutes_year": int,
    "counted_days_year": int,
    "longest_absence": int,
    "sanction_level": str,
    "accepted_quantity_reports": int,
    "rates_version": str,
    "allowance_share": float,
}
"""The columns of a file of months, and what stands in each; a text or the share may be empty."""


def row_of(item: MonthItem, as_of: dt.datetime) -> Sequence[str | int | float | None]:
    """A month as a row of `COLUMNS`."""
    return [
        str(item.employee_id),
        item.opd_code,
        item.month,
        as_of.isoformat(),
        item.standing,
        *(item.person_days[mode] for mode in MODES),
        *(item.duties[duty][state] for duty in DUTIES for state in STATES),
        item.late_minutes,
        item.early_minutes,
        item.hours,
        item.absent_days,
        item.year_from.isoformat(),
        item.absent_days_year,
        item.minutes_year,
        item.counted_days_year,
        item.longest_absence,
        item.sanction_level,
        item.accepted_quantity_reports,
        item.allowance and item.allowance.rates_version,
        item.allowance and item.allowance.share,
    ]


def _add(look: Look, months: Mapping[UUID, PersonMonth], groups: Sequence[Group], marks: Sequence[Mark]) -> None:
    for group in groups:
        months[group.employee_id].add(group)
    for mark in sorted(marks, key=_by_date):
        # Of the year somebody may have had days who has none in the month.
        if mark.employee_id in months:
            months[mark.employee_id].mark(mark, look.month)


async def _tell_runs(tx: Tx, months: Sequence[PersonMonth]) -> None:
    unbroken = await store.unbroken(tx, [gap for month in months for gap in month.gaps()])
    for month in months:
        joined = {gap.until for gap in month.gaps() if gap in unbroken}
        month.longest_absence = longest_run(month.absent_dates, joined)


async def _rates(tx: Tx, look: Look) -> Rates | None:
    return rules.in_force(await rates_store.versions(tx), look.month.first)


def _item(look: Look, month: PersonMonth, rates: Rates | None) -> MonthItem:
    return MonthItem(
        employee_id=month.employee_id,
        opd_code=month.opd_code or None,
        month=look.month.name,
        standing=look.standing(month),
        person_days=month.person_days,
        duties=month.duties,
        late_minutes=month.late_minutes,
        early_minutes=month.early_minutes,
        hours=month.hours,
        absent_days=month.absent_days,
        year_from=look.year_from,
        absent_days_year=month.absent_days_year,
        minutes_year=month.minutes_year,
        counted_days_year=month.counted_days_year,
        longest_absence=month.longest_absence,
        sanction_level=month.sanction_level,
        accepted_quantity_reports=month.accepted_quantity_reports,
        allowance=allowance(rates, month),
    )


def _by_date(mark: Mark) -> dt.date:
    return mark.work_date


def _counting(mark: Mark, language: Language) -> CountingDate:
    said = {"late": mark.late_minutes, "early": mark.early_minutes}
    return CountingDate(
        work_date=mark.work_date,
        late_minutes=mark.late_minutes or 0,
        early_minutes=mark.early_minutes or 0,
        absent=mark.absent,
        because=[Because(code=code, text=text(f"month.{code}", language, **said)) for code in mark.because],
    )


def _chunks(first: dt.date, last: dt.date, dates: int) -> list[tuple[dt.date, dt.date]]:
    spans: list[tuple[dt.date, dt.date]] = []
    while first <= last:
        until = min(last, first + dt.timedelta(dates - 1))
        spans.append((first, until))
        first = until + dt.timedelta(1)
    return spans
