"""Everything that a pack says, read in one snapshot and shaped for those who may see no person."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from services.reporting.domain.budget import budget_us
from services.reporting.domain.counters import Point, Times, added
from services.reporting.domain.disclosure import FEW, city_for_all, opds_for_all
from services.reporting.domain.figures import Compliance
from services.reporting.domain.packs import TOGETHER, Group, Sums, fewest_shown
from services.reporting.domain.periods import OpdTotals, Period
from services.reporting.domain.sampling import Share, share_of_counts
from services.reporting.store import counters, figures
from services.reporting.store import packs as store
from services.reporting.store import pilots as pilot_store
from services.reporting.views import periods, pilots, vintage
from services.reporting.views.pilots import PilotVerdict
from services.reporting.views.vintage import Vintage
from shared.database import Tx
from shared.dates import midnight

MOST_PILOTS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """What is shown of a group: its duties without what tells of few people, and its reports.

    `output` is None where so few are counted that their reports would tell of them.
    """

    code: str
    name: str
    busiest: int | None
    figures: Compliance
    output: OpdTotals | None


@dataclass(frozen=True, slots=True)
class Counter:
    """A service point over the period: its times in microseconds, exact."""

    point: Point
    opd_name: str
    times: Times

    @property
    def budget_us(self) -> Fraction:
        """How long it may be short."""
        return budget_us(self.times.open_us, self.point.slo)

    @property
    def spent(self) -> float | None:
        """The share of its budget that is spent; more than 1 where it was short for longer."""
        return float(self.times.short_us / self.budget_us) if self.budget_us else None


@dataclass(frozen=True, slots=True)
class PackFigures:
    """One period as of one instant, as a pack tells it to everyone."""

    period: Period
    vintage: Vintage
    city: Line
    opds: Sequence[Line]
    together: Line | None
    together_names: Sequence[str]
    """OPDs of which some people are counted in `together`, on some dates or all."""
    weeks: Sequence[tuple[dt.date, Line]]
    counters: Sequence[Counter]
    """Those that were open, those that spent their budget most first."""
    examined: Share
    outages: Sequence[store.Down]
    rules: Sequence[store.Rules]
    pilots: Sequence["Tried"]
    checkpoints: Sequence[store.Bound]


@dataclass(frozen=True, slots=True)
class Tried:
    """A pilot whose trial reaches into the period, and what may be said of it."""

    title: str
    trial: Period
    verdict: PilotVerdict


Progress = Callable[[int, int], None]


async def read(
    tx: Tx, period: Period, as_of: dt.datetime, progress: Progress = lambda _done, _all: None
) -> PackFigures:
    """The period's figures; `progress` hears how many of its dates are read. Best in `Database.read()`."""
    sums = Sums(fewest_shown(period))
    times: dict[str, Times] = {}
    points: dict[str, Point] = {}
    for done, date in enumerate(period, 1):
        standings = await counters.standings(tx, date, as_of, None)
        sums.add(date, await periods.with_counters(tx, date, as_of, standings))
        for standing in standings:
            unit = standing.point.unit_id
            points[unit] = standing.point
            times[unit] = added((times.get(unit, Times()), standing.times))
        progress(done, period.days)
    names = await figures.opd_names(tx)
    wrong = await store.examined(tx, period.first, period.last, as_of)
    return shaped(
        period,
        await vintage.of_period(tx, period, as_of),
        sums,
        [Counter(point, names.get(point.opd_code, point.opd_code), times[unit]) for unit, point in points.items()],
        names,
        share_of_counts(wrong.examined, wrong.in_error),
        await store.outages(tx, midnight(period.first), midnight(period.last + dt.timedelta(days=1)), as_of),
        await store.rules(tx, period.first, period.last),
        await _pilots(tx, period, as_of),
        await store.bound(tx, as_of),
    )


async def _pilots(tx: Tx, period: Period, as_of: dt.datetime) -> list[Tried]:
    """The verdicts of trials that reach into the period, by the revisions that had been registered by `as_of`."""
    found: list[Tried] = []
    for newest in await pilot_store.newest(tx, "", MOST_PILOTS):
        known = [
            one for one in await pilot_store.revisions(tx, newest.protocol.pilot_id) if one.registered_at <= as_of
        ]
        trial = known[-1].protocol.trial if known else None
        if trial is not None and trial.first <= period.last and trial.last >= period.first:
            verdict = await pilots.verdict(tx, known[-1], as_of, merged=True)
            found.append(Tried(known[-1].protocol.title, Period(trial.first, trial.last), verdict))
    return found


def shaped(  # noqa: PLR0917 - what was read, in the order in which a pack tells it
    period: Period,
    vintage: Vintage,
    sums: Sums,
    counters: Sequence[Counter],
    names: Mapping[str, str],
    examined: Share,
    outages: Sequence[store.Down],
    rules: Sequence[store.Rules],
    tried: Sequence[Tried],
    checkpoints: Sequence[store.Bound],
) -> PackFigures:
    """What was read as it is shown to those who may see no person. Pure."""
    groups = sums.opds()
    lines = _opds(groups, names)
    return PackFigures(
        period=period,
        vintage=vintage,
        city=_alone(sums.city(groups)),
        opds=[line for line in lines if line.code != TOGETHER],
        together=next((line for line in lines if line.code == TOGETHER), None),
        together_names=sorted(names.get(code, code) for code in sums.together),
        weeks=[(monday, _alone(group)) for monday, group in sums.weeks().items()],
        counters=sorted((one for one in counters if one.times.open_us), key=_worst_first),
        examined=examined,
        outages=outages,
        rules=rules,
        pilots=tried,
        checkpoints=checkpoints,
    )


def _opds(groups: Mapping[str, Group], names: Mapping[str, str]) -> list[Line]:
    """The groups' lines, by code, without what they tell of few people, or the city's line would with them."""
    shown = opds_for_all([_counted(group) for group in groups.values()])
    return [
        _line(code, names.get(code, code), group, figures)
        for (code, group), figures in zip(groups.items(), shown, strict=True)
    ]


def _alone(group: Group) -> Line:
    return _line("", "", group, city_for_all(_counted(group)))


def _counted(group: Group) -> Compliance:
    """Its person-days by their states, of as many people as it had on its busiest date."""
    return group.totals.people.compliance.model_copy(update={"employees": group.busiest})


def _line(code: str, name: str, group: Group, shown: Compliance) -> Line:
    return Line(code, name, shown.employees, shown, group.totals if group.busiest >= FEW else None)


def _worst_first(counter: Counter) -> tuple[float, str]:
    return -(counter.spent or 0.0), counter.point.unit_id
