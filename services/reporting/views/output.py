"""What was produced in a period, by OPD, unit, task, mode or day; and at home beside the office."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, Field

from services.reporting.domain import output as domain
from services.reporting.domain.disclosure import few, few_of_table
from services.reporting.domain.output import ByOrDay, Worked
from services.reporting.domain.periods import AVAILABLE_MINUTES, OpdTotals, Period, output_rate, share, total
from services.reporting.store import output as store
from services.reporting.views.periods import of_output
from services.reporting.views.vintage import Vintage, of_period
from shared.cursors import Page
from shared.database import Tx
from shared.events import Mode

OTHER = "other"
"""The key of groups of few people, and of what would give them away, for those who may see no person."""

_Cell = tuple[str, str]
"""An OPD, and the key of what is asked for."""
_Place = tuple[str | None, str]
"""Where a group is shown: under an OPD or none, and a key."""


class PeriodTold(BaseModel):
    """A closed range of local work dates."""

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")


class OutputItem(BaseModel):
    """What one group came to.

    `person_days`: those with a plan for office, home or a duty trip; by task those of them whose report holds it.
    `output_rate`: earned by available minutes; `output_rate_high` adds what waits for a review. `opd_code` and
    `name` are null where the group is of no single OPD, or has no name.
    """

    key: str
    name: str | None
    opd_code: str | None
    person_days: int
    earned_minutes: float
    waiting_minutes: float
    output_rate: float | None
    output_rate_high: float | None
    submitted: int
    returned: int
    rework_rate: float | None
    reports_without_review: int

    @property
    def place(self) -> tuple[bool, str, str]:
        """By which the groups are ordered, what was merged last."""
        return self.key == OTHER, self.key, self.opd_code or ""


class ModeRatio(BaseModel):
    """Output by day at home over that in the office, within the same person and task, averaged over `people`; its
    95 % interval by resampling them. Null for fewer than five."""

    value: float | None
    low: float | None
    high: float | None
    people: int
    seed: int
    resamples: int


class OutputFigures(Page[OutputItem]):
    """A period's output, group by group.

    `merged`: so many groups of few people, and others that would have given them away, are added up as `other`;
    null for whom nothing is merged.
    """

    by: ByOrDay
    opd_code: str | None
    period: PeriodTold
    as_of: dt.datetime
    available_minutes: float
    merged: int | None
    mode_ratio: ModeRatio | None = None
    vintage: Vintage


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a period's output; `merging` for those who are shown no figures of few people."""

    period: Period
    as_of: dt.datetime
    by: ByOrDay = "opd"
    opd_code: str | None = None
    available_minutes: float = AVAILABLE_MINUTES
    merging: bool = False


NOTHING = OpdTotals()


@dataclass(frozen=True, slots=True)
class _Group:
    """Person-days at work, and what the reports come to."""

    person_days: int = 0
    output: OpdTotals = NOTHING


async def look_at(tx: Tx, asked: Question) -> OutputFigures:
    """All groups, by key. Best in the snapshot of `Database.read()`."""
    cells = await _cells(tx, asked)
    places = await _places(tx, asked, cells)
    shown: dict[_Place, list[_Group]] = {}
    for cell, place in places.items():
        shown.setdefault(place, []).append(cells[cell])
    named = await store.names(tx, asked.by, [key for _, key in shown])
    items = [
        _item(asked, opd, key, None if key == OTHER else named.get(key), _sum(groups))
        for (opd, key), groups in shown.items()
    ]
    return OutputFigures(
        items=sorted(items, key=lambda item: item.place),
        by=asked.by,
        opd_code=asked.opd_code,
        period=PeriodTold(first=asked.period.first, last=asked.period.last),
        as_of=asked.as_of,
        available_minutes=asked.available_minutes,
        merged=sum(key == OTHER for _, key in places.values()) if asked.merging else None,
        mode_ratio=await mode_ratio(tx, asked) if asked.by == "mode" else None,
        vintage=await of_period(tx, asked.period, asked.as_of),
    )


async def mode_ratio(tx: Tx, asked: Question) -> ModeRatio:
    """What is produced at home beside the office, of the city's people or of one OPD's."""
    silent = await store.planned(tx, asked.period, asked.opd_code)
    worked: dict[tuple[UUID, str, Mode], tuple[int, float]] = {}
    for one in await store.by_person(tx, asked.period, asked.as_of, asked.opd_code, tasks=False):
        silent[one.employee_id, one.mode] -= one.submitted
    for one in await store.by_person(tx, asked.period, asked.as_of, asked.opd_code, tasks=True):
        days, earned = worked.get((one.employee_id, one.task, one.mode), (0, 0.0))
        # A report that waits for its review says nothing yet of what its day came to.
        days, earned = days + one.submitted - one.without_review, earned + float(one.earned)
        worked[one.employee_id, one.task, one.mode] = days, earned
    of_people = domain.ratios((Worked(*who, *what) for who, what in worked.items()), silent)
    return ModeRatio(**domain.mode_ratio(list(of_people.values()))._asdict())


async def _cells(tx: Tx, asked: Question) -> dict[_Cell, _Group]:
    """Every group of the period that has a person-day at work, or a report."""
    days = {} if asked.by == "task" else await store.days_at_work(tx, asked.period, asked.by, asked.opd_code)
    groups = {cell: [_Group(n)] for cell, n in days.items()}
    for date in asked.period:
        by = "opd" if asked.by == "day" else asked.by
        for one in await store.sums(tx, date, asked.as_of, asked.opd_code, by):
            key = str(date) if asked.by == "day" else one.key
            group = _Group(one.at_work if asked.by == "task" else 0, of_output(one))
            groups.setdefault((one.opd_code, key), []).append(group)
    return {cell: _sum(parts) for cell, parts in groups.items()}


async def _places(tx: Tx, asked: Question, cells: Collection[_Cell]) -> dict[_Cell, _Place]:
    """Under which OPD and key each group is shown: groups of few people as OTHER of what they are a part of."""
    of_opd = asked.by in ("opd", "unit") or asked.opd_code is not None
    if not asked.merging:
        return {(opd, key): (opd if of_opd else None, key) for opd, key in cells}
    whole = few({opd: n for (opd, _), n in (await store.people(tx, asked.period, "opd")).items()})
    if asked.opd_code in whole:
        return {}  # what it is a part of is the city
    counted = await store.people(tx, asked.period, asked.by)
    # Whoever handed in something on a day of rest has no plan that would count them.
    people = {**dict.fromkeys(cells, 1), **counted}
    hidden = set[_Cell]()
    if asked.by == "unit":
        opds = {opd for opd, _ in people}
        hidden = {cell for code in opds for cell in few({one: n for one, n in people.items() if one[0] == code})}
    elif asked.by != "opd" and asked.opd_code is not None:
        hidden = few_of_table(people, whole)
    elif asked.by != "opd":
        totals: dict[str, int] = {}
        for (_, key), n in people.items():
            totals[key] = totals.get(key, 0) + n
        of_few = few(totals)
        return {(opd, key): (None, OTHER if key in of_few else key) for opd, key in cells}
    return {
        (opd, key): (None, OTHER) if opd in whole else (opd, OTHER if (opd, key) in hidden else key)
        for opd, key in cells
    }


def _sum(parts: Collection[_Group]) -> _Group:
    return _Group(sum(part.person_days for part in parts), total(part.output for part in parts))


def _item(asked: Question, opd_code: str | None, key: str, name: str | None, group: _Group) -> OutputItem:
    output = group.output
    rate = output_rate(output.earned_minutes, output.waiting_minutes, group.person_days, asked.available_minutes)
    return OutputItem(
        key=key,
        name=name,
        opd_code=opd_code,
        person_days=group.person_days,
        earned_minutes=float(output.earned_minutes),
        waiting_minutes=float(output.waiting_minutes),
        output_rate=rate.value,
        output_rate_high=rate.high,
        submitted=output.submitted,
        returned=output.returned,
        rework_rate=share(output.returned, output.submitted),
        reports_without_review=output.reports_without_review,
    )
