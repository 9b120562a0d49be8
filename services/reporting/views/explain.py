"""What a figure is made of: its formula in words, its parts, and the person-days or counters' dates behind it."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain import explain as domain
from services.reporting.domain.disclosure import city_for_all, few, opds_for_all
from services.reporting.domain.explain import UNITS, Counted, Part, Told
from services.reporting.domain.periods import AT_WORK, DUTY_OF, Metric, MetricName, OpdTotals, Period
from services.reporting.store import counters, figures, output
from services.reporting.views import periods
from services.reporting.views.output import PeriodTold
from services.reporting.views.vintage import Vintage, of_period
from shared.cursors import Page
from shared.database import Tx
from shared.events import Mode
from shared.messages import text

_CHUNK = 1_000
_EVERYBODY = 1_000_000


class Formula(BaseModel):
    """How a figure is worked out, in words."""

    id: str
    en: str


class ExplainedItem(BaseModel):
    """One person-day, or one counter's date, with its part in the figure. `link` leads on: to every reason and the
    ids of the events, or to what the counter had at which time."""

    work_date: dt.date
    employee_id: UUID | None = None
    unit_id: str | None = None
    mode: Mode | None = None
    state: Told | None = None
    numerator: float
    denominator: float
    unknown: float
    link: str


class Explanation(Page[ExplainedItem]):
    """A figure and what it is made of: value = numerator / denominator, counted in `unit`.

    The items' parts add up to those of the figure; `state` chooses among them. Nobody is listed for those who are
    shown no person, nor without an OPD; `withheld`: it is of too few people for its reader, and null. `vintage`
    comes with the first page.
    """

    figure: MetricName
    formula: Formula
    opd_code: str | None
    period: PeriodTold
    as_of: dt.datetime
    available_minutes: float
    state: Told | None
    unit: Counted
    value: float | None
    low: float | None
    high: float | None
    numerator: float | None
    denominator: float | None
    unknown: float | None
    withheld: bool
    vintage: Vintage | None


class After(NamedTuple):
    """The last item of the page before: its date, and its employee_id or unit_id."""

    date: dt.date
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    """Which figure, of one OPD or of the city. `people`: whether its reader may see persons; `merging`: whether
    figures of few people are withheld from them."""

    figure: MetricName
    period: Period
    as_of: dt.datetime
    opd_code: str | None
    available_minutes: float
    state: Told | None = None
    people: bool = False
    merging: bool = False


async def explained(tx: Tx, asked: Question, after: After | None, limit: int) -> Explanation:
    """The figure, and at most `limit` items after one. Best in the snapshot of `Database.read()`."""
    # Whether an OPD's figures can be shown to those who see none of few people hangs on the others.
    looked = await periods.look_at(tx, asked.period, asked.as_of, None if asked.merging else asked.opd_code)
    part, metric = await _shown(tx, asked, looked)
    items: list[ExplainedItem] = []
    async for item in _items(tx, asked, after):
        items.append(item)
        if len(items) == limit:
            break
    code = f"explain.{asked.figure}"
    return Explanation(
        items=items,
        figure=asked.figure,
        formula=Formula(id=text(code, "id"), en=text(code, "en")),
        opd_code=asked.opd_code,
        period=PeriodTold(first=asked.period.first, last=asked.period.last),
        as_of=asked.as_of,
        available_minutes=asked.available_minutes,
        state=asked.state,
        unit=UNITS[asked.figure],
        **metric._asdict(),
        **part._asdict(),
        withheld=part.numerator is None or part.denominator is None or part.unknown is None,
        vintage=None if after else await of_period(tx, asked.period, asked.as_of),
    )


async def _shown(tx: Tx, asked: Question, looked: periods.PeriodFigures) -> tuple[Part, Metric]:
    """The figure's parts and the figure, null where its reader may not be told."""
    whole = looked.city() if asked.opd_code is None else looked.opds.get(asked.opd_code, OpdTotals())
    part = domain.of_totals(asked.figure, whole, asked.available_minutes)
    metric = whole.metrics(asked.available_minutes)[asked.figure]
    if not asked.merging or asked.figure == "coverage_attainment":
        return part, metric
    people = {opd: n for (opd, _), n in (await output.people(tx, asked.period, "opd")).items()}
    if asked.opd_code in few(people):
        part = Part(None, None, None)
    elif asked.figure in DUTY_OF:
        # As on every single date, counted in person-days: a period may be one.
        if asked.opd_code is None:
            shown = city_for_all(whole.people.compliance)
        else:
            codes = sorted(looked.opds)
            of_all = opds_for_all([looked.opds[code].people.compliance for code in codes])
            shown = dict(zip(codes, of_all, strict=True)).get(asked.opd_code, OpdTotals().people.compliance)
        part = domain.of_duty(shown.duties[DUTY_OF[asked.figure]])
    return part, Metric(None, None, None) if None in part else metric


async def _items(tx: Tx, asked: Question, after: After | None) -> AsyncIterator[ExplainedItem]:
    if asked.opd_code is None:
        return
    if asked.figure != "coverage_attainment" and not asked.people:
        return
    for date in asked.period:
        if after is not None and date < after.date:
            continue
        since = after.key if after is not None and date == after.date else None
        of_date = _counters if asked.figure == "coverage_attainment" else _person_days
        async for item in of_date(tx, asked, asked.opd_code, date, since):
            yield item


async def _counters(
    tx: Tx, asked: Question, opd_code: str, date: dt.date, after: str | None
) -> AsyncIterator[ExplainedItem]:
    for standing in await counters.standings(tx, date, asked.as_of, opd_code):
        unit_id, times = standing.point.unit_id, standing.times
        if times.open_us and (after is None or unit_id > after):
            part = domain.of_time(times.met_us, times.open_us, times.unknown_us)
            path = f"/reporting/v1/units/{quote(unit_id, safe='')}/timeline?date={date}&as_of={_instant(asked)}"
            yield _item(date, part, path, unit_id=unit_id)


async def _person_days(
    tx: Tx, asked: Question, opd_code: str, date: dt.date, after: str | None
) -> AsyncIterator[ExplainedItem]:
    last = UUID(after) if after else None
    duty = DUTY_OF.get(asked.figure)
    reports: dict[UUID, output.Reported] = {}
    if duty is None:
        listed = await output.reports(tx, date, asked.as_of, opd_code, last, _EVERYBODY)
        reports = {one.employee_id: one for one in listed}
    while chunk := await figures.of_opd(tx, opd_code, date, asked.as_of, last, _CHUNK):
        for person in chunk:
            state = None if duty is None else person.states.by_duty()[duty]
            if state is not None:
                part = domain.of_state(state)
            else:
                part = _part_of_report(asked, person.states.mode, reports.get(person.employee_id))
            if any(part) and asked.state in (None, state):
                yield _item(
                    date,
                    part,
                    f"/reporting/v1/people/{person.employee_id}/days/{date}?as_of={_instant(asked)}",
                    employee_id=person.employee_id,
                    mode=person.states.mode,
                    state=state if state in ("met", "not_met", "unknown") else None,
                )
        last = chunk[-1].employee_id


def _part_of_report(asked: Question, mode: Mode, report: output.Reported | None) -> Part:
    if asked.figure == "rework_rate":
        return Part(report.returned, int(report.reported > 0), 0) if report else Part(0, 0, 0)
    earned, waiting = (Fraction(report.earned), Fraction(report.waiting)) if report else (Fraction(), Fraction())
    return domain.of_output(earned, waiting, int(mode in AT_WORK), asked.available_minutes)


def _item(
    date: dt.date,
    part: Part,
    link: str,
    *,
    employee_id: UUID | None = None,
    unit_id: str | None = None,
    mode: Mode | None = None,
    state: Told | None = None,
) -> ExplainedItem:
    return ExplainedItem(
        work_date=date,
        employee_id=employee_id,
        unit_id=unit_id,
        mode=mode,
        state=state,
        numerator=part.numerator or 0,
        denominator=part.denominator or 0,
        unknown=part.unknown or 0,
        link=link,
    )


def _instant(asked: Question) -> str:
    """As an address says it, where a plus would be a space."""
    return asked.as_of.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
