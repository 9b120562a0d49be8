"""Pilots as they were registered, and what may be said of them."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.reporting.domain import pilots as domain
from services.reporting.domain import power as powers
from services.reporting.domain.disclosure import FEW
from services.reporting.domain.periods import Metric, MetricName, OpdTotals, Period
from services.reporting.domain.pilots import ARMS, Arm, Because, Dates, Judged, Measured, Pilot, Protocol, Warn
from services.reporting.domain.power import Never, Past, Power
from services.reporting.domain.trial import LEVEL, Verdict
from services.reporting.store import catalogue
from services.reporting.store import pilots as store
from services.reporting.views import periods, vintage
from shared.database import Tx
from shared.dates import local_date
from shared.refusals import or_missing

PAST_DAYS = 56
"""Dates that a preview looks back over where the protocol names no baseline that is known."""

_NOTHING = OpdTotals()
_NO_FIGURE = Metric(None, None, None)


class PilotSummary(BaseModel):
    """One revision: when it was registered, and whether the trial had begun by then."""

    model_config = ConfigDict(from_attributes=True)

    pilot_id: str
    revision: int
    title: str
    metric: MetricName
    trial: Dates
    protocol_sha256: str
    amended_after_start: bool
    registered_at: dt.datetime


class PilotWarning(BaseModel):
    """Something that an officer should know before the trial starts: a code, and what it is about."""

    code: Warn
    params: dict[str, Any]


class PilotView(BaseModel):
    """A protocol with its hash: SHA-256 of the RFC 8785 form of the fields from pilot_id to seed, and of no other.

    `revisions`: all there are, the first one first. `warnings` hold back nothing.
    """

    pilot_id: str
    title: str
    question: str
    metric: MetricName
    better: Literal["higher", "lower"]
    margin: float
    count_by: Literal["opd", "people"]
    treated: Sequence[str]
    control: Sequence[str]
    baseline: Dates | None
    trial: Dates
    available_minutes: int
    seed: int
    revision: int
    protocol_sha256: str
    amended_after_start: bool
    registered_at: dt.datetime
    revisions: Sequence[PilotSummary]
    warnings: Sequence[PilotWarning]


class PilotOpd(BaseModel):
    """One OPD of a verdict. `weight`, and the metric of both periods with its bounds; `d` is its change, where
    higher is better. Null where there is no figure, or where it would tell of few people."""

    opd_code: str
    opd_name: str
    arm: Arm
    weight: float | None
    baseline: float | None
    baseline_low: float | None
    baseline_high: float | None
    trial: float | None
    trial_low: float | None
    trial_high: float | None
    d: float | None


class PilotVerdict(BaseModel):
    """What may be said of a pilot as of an instant, and why.

    estimate: the mean change of the treated less that of the control, where higher is better; se, lower, upper:
    its jackknife error over OPDs, and limits at `level`. p_within: how rarely lots give as much, with the margin
    added to the treated; p_worse: as little, with it taken away (docs/proof.md#pilots).
    """

    pilot_id: str
    revision: int
    protocol_sha256: str
    amended_after_start: bool
    as_of: dt.datetime
    metric: MetricName
    estimate: float | None
    se: float | None
    lower: float | None
    upper: float | None
    level: float
    p_within: float | None
    p_worse: float | None
    margin: float
    verdict: Verdict
    because: Sequence[Because]
    opds: Sequence[PilotOpd]
    facts_digest: str


class Chance(BaseModel):
    """How often a pilot without any difference would say "within the margin", were this its margin."""

    margin: float
    chance: float


class PilotPower(BaseModel):
    """What a protocol could tell, by simulation from the dates `from` to `to` (docs/proof.md#pilots).

    `chance`: of saying "within the margin" of the protocol where there is no difference. `margin_80`, `margin_50`:
    the least margins told in 80 % and 50 %. `drift`: standard deviation of what OPDs change by beyond what their
    blocks of `block_days` dates explain. `never`: why no verdict would be told as the protocol stands.
    """

    pilot_id: str
    protocol_sha256: str
    as_of: dt.datetime
    metric: MetricName
    margin: float
    first: dt.date | None = Field(serialization_alias="from")
    last: dt.date | None = Field(serialization_alias="to")
    block_days: int
    blocks: int
    pilots: int
    chance: float | None
    margin_80: float | None
    margin_50: float | None
    drift: float | None
    curve: Sequence[Chance]
    never: Sequence[Never]
    facts_digest: str | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """A pilot's OPDs as they were measured, and whether one of them has too few people for everyone to see.

    Then no OPD's figures are for everyone: from the others, the difference and its error those of the few could be
    worked out.
    """

    measured: Sequence[Measured]
    names: Mapping[str, str]
    few: bool


async def find(tx: Tx, pilot_id: str, revision: int | None = None) -> Pilot:
    """A revision, the newest where none is named. Raises Missing."""
    return or_missing(await store.find(tx, pilot_id, revision), "pilot.unknown")


async def show(tx: Tx, pilot: Pilot) -> PilotView:
    """One revision with its hash, the others beside it, and what to know of it."""
    protocol = pilot.protocol
    found = domain.warnings(
        protocol,
        first_fact=await periods.first_date(tx),
        treated_elsewhere=await store.treated_elsewhere(tx, protocol),
    )
    return PilotView(
        **protocol.model_dump(),
        revision=pilot.revision,
        protocol_sha256=protocol.sha256,
        amended_after_start=pilot.amended_after_start,
        registered_at=pilot.registered_at,
        revisions=[summary(one) for one in await store.revisions(tx, protocol.pilot_id)],
        warnings=[PilotWarning(code=code, params=params) for code, params in found.items()],
    )


def summary(pilot: Pilot) -> PilotSummary:
    """A revision in a line."""
    protocol = pilot.protocol
    return PilotSummary(
        pilot_id=protocol.pilot_id,
        revision=pilot.revision,
        title=protocol.title,
        metric=protocol.metric,
        trial=protocol.trial,
        protocol_sha256=protocol.sha256,
        amended_after_start=pilot.amended_after_start,
        registered_at=pilot.registered_at,
    )


async def newest(tx: Tx, after: str, limit: int) -> list[PilotSummary]:
    """The newest revision of each pilot, by pilot_id."""
    return [summary(pilot) for pilot in await store.newest(tx, after, limit)]


async def verdict(tx: Tx, pilot: Pilot, as_of: dt.datetime, *, merged: bool) -> PilotVerdict:
    """The verdict as of an instant; `merged` for those who are shown no figures of few people."""
    protocol, today = pilot.protocol, local_date(as_of)
    weighed = await _weigh(tx, protocol, as_of)
    over = today > protocol.trial.last
    # Off the event loop: other requests do not wait for ten thousand lots.
    judged = await asyncio.to_thread(partial(domain.judge, protocol, weighed.measured, over=over))
    span = Period((protocol.baseline or protocol.trial).first, protocol.trial.last)
    facts = await vintage.of_period(tx, span, as_of)
    return PilotVerdict(
        pilot_id=protocol.pilot_id,
        revision=pilot.revision,
        protocol_sha256=protocol.sha256,
        amended_after_start=pilot.amended_after_start,
        as_of=as_of,
        metric=protocol.metric,
        **judged.figures._asdict(),
        level=LEVEL,
        margin=protocol.margin,
        verdict=judged.verdict,
        because=judged.because,
        opds=_opds(weighed, judged, merged=merged),
        facts_digest=facts.facts_digest,
    )


async def _weigh(tx: Tx, protocol: Protocol, as_of: dt.datetime) -> Weighed:
    """The metric and the weight of every OPD of a protocol, as far as its dates have come."""
    trial = _until(protocol.trial, local_date(as_of))
    baseline = _until(protocol.baseline, local_date(as_of))
    after = await periods.look_at(tx, trial, as_of) if trial else None
    before = await periods.look_at(tx, baseline, as_of) if baseline else None

    def totals(of: periods.PeriodFigures | None, code: str) -> OpdTotals:
        return of.opds.get(code, _NOTHING) if of else _NOTHING

    def people(of: periods.PeriodFigures | None, code: str) -> float:
        return totals(of, code).plans_per_day(of.period.days) if of else 0.0

    def measured(code: str, arm: Arm) -> Measured:
        def metric(of: periods.PeriodFigures | None) -> Metric:
            return totals(of, code).metrics(protocol.available_minutes)[protocol.metric] if of else _NO_FIGURE

        weight = people(after, code) if protocol.count_by == "people" else 1.0
        return Measured(code, arm, weight, metric(before) if protocol.baseline else None, metric(after))

    return Weighed(
        [measured(code, arm) for arm in ARMS for code in sorted(protocol.opds(arm))],
        after.names if after else {},
        any(0 < max(people(before, code), people(after, code)) <= FEW - 1 for code in protocol.everyone),
    )


def _until(dates: Dates | None, today: dt.date) -> Period | None:
    """What has begun of some dates; None where nothing has."""
    if dates is None or dates.first > today:
        return None
    return Period(dates.first, min(dates.last, today))


def _opds(weighed: Weighed, judged: Judged, *, merged: bool) -> list[PilotOpd]:
    rows: list[PilotOpd] = []
    for one in weighed.measured:
        row = PilotOpd(
            opd_code=one.opd_code,
            opd_name=weighed.names.get(one.opd_code, one.opd_code),
            arm=one.arm,
            weight=one.weight,
            baseline=one.baseline and one.baseline.value,
            baseline_low=one.baseline and one.baseline.low,
            baseline_high=one.baseline and one.baseline.high,
            trial=one.trial.value,
            trial_low=one.trial.low,
            trial_high=one.trial.high,
            d=judged.changes[one.opd_code],
        )
        if merged and weighed.few:
            names = ("weight", "baseline", "trial", "d")
            row = row.model_copy(update=dict.fromkeys(n for n in PilotOpd.model_fields if n.startswith(names)))
        rows.append(row)
    return rows


async def power(tx: Tx, protocol: Protocol, as_of: dt.datetime) -> PilotPower:
    """What a protocol could tell, from what is known of its baseline or of the newest weeks before its trial."""
    span = await _past(tx, protocol, local_date(as_of))
    past, blocks, days = ([], 0, powers.WEEK) if span is None else await _blocks(tx, protocol, span, as_of)
    told: Power = await asyncio.to_thread(partial(powers.power, protocol, past, days=days))
    facts = await vintage.of_period(tx, span, as_of) if span else None
    return PilotPower(
        pilot_id=protocol.pilot_id,
        protocol_sha256=protocol.sha256,
        as_of=as_of,
        metric=protocol.metric,
        margin=protocol.margin,
        first=span and span.first,
        last=span and span.last,
        block_days=days,
        blocks=blocks,
        pilots=powers.PILOTS,
        chance=told.chance,
        margin_80=told.margin_80,
        margin_50=told.margin_50,
        drift=told.drift,
        curve=[Chance(margin=margin, chance=chance) for margin, chance in told.curve],
        never=told.never,
        facts_digest=facts and facts.facts_digest,
    )


async def draft_power(tx: Tx, protocol: Protocol, as_of: dt.datetime) -> PilotPower:
    """What a protocol could tell that is not registered. Raises Invalid for one that makes no pilot."""
    domain.check(protocol, await catalogue.opds(tx))
    return await power(tx, protocol, as_of)


async def _past(tx: Tx, protocol: Protocol, today: dt.date) -> Period | None:
    """The dates that a preview may look at: over, known, and before the trial."""
    known = await periods.first_date(tx)
    over = min(today, protocol.trial.first) - dt.timedelta(days=1)
    if known is None or known > over:
        return None
    if protocol.baseline is not None and protocol.baseline.first <= over and protocol.baseline.last >= known:
        return Period(max(known, protocol.baseline.first), min(over, protocol.baseline.last))
    return Period(max(known, over - dt.timedelta(days=PAST_DAYS - 1)), over)


async def _blocks(tx: Tx, protocol: Protocol, span: Period, as_of: dt.datetime) -> tuple[list[Past], int, int]:
    """Each OPD's parts of the metric in whole blocks up to the span's end; how many, and of how many dates."""
    days = powers.block_days(span.days)
    blocks = span.days // days
    first = span.last - dt.timedelta(days=blocks * days - 1)
    parts = {code: ([0.0] * blocks, [0.0] * blocks) for code in protocol.everyone}
    plans = dict.fromkeys(protocol.everyone, 0)
    async for date, opds in periods.days(tx, Period(first, span.last), as_of):
        block = (date - first).days // days
        for code in protocol.everyone:
            totals = opds.get(code, _NOTHING)
            part = totals.parts(protocol.metric, protocol.available_minutes)
            above, below = parts[code]
            above[block] += float(part.above)
            below[block] += float(part.below)
            plans[code] += totals.plans("WFO", "WFH")
    past: list[Past] = []
    for arm in ARMS:
        for code in protocol.opds(arm):
            above, below = parts[code]
            weight = plans[code] / (blocks * days) if protocol.count_by == "people" else 1.0
            past.append(Past(code, arm, weight, above, below))
    return past, blocks, days
