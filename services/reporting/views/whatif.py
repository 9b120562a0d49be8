"""What past dates would have come to by other rules or another policy, beside what they came to."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from services.reporting.domain.periods import MetricName, OpdTotals, Period, total
from services.reporting.domain.whatif import Assumed, Question, SupposedPolicy, SupposedRules, assumed
from services.reporting.store import figures
from services.reporting.store import whatif as store
from services.reporting.views import periods
from shared.database import Database, Tx
from shared.events import Duty, Mode, State
from shared.messages import Language, text
from shared.refusals import Conflict, FieldError, Invalid

ONE_BY_ONE = 8
"""Up to so many OPDs are looked at by themselves; of more the whole city is."""

_US_PER_S, _US_PER_MINUTE = 1_000_000, 60_000_000


class MetricView(BaseModel):
    """A share, and its bounds by what is not known; null where it is a share of nothing."""

    value: float | None
    low: float | None
    high: float | None


class Side(BaseModel):
    """What the dates come to: person-days by mode, duties by state, the counters' time, output, metrics."""

    modes: dict[Mode, int]
    duties: dict[Duty, dict[State, int]]
    open_seconds: float
    met_seconds: float
    unknown_seconds: float
    short_seconds: float
    short_person_minutes: float
    earned_minutes: float
    submitted: int
    returned: int
    reports_without_review: int
    metrics: dict[MetricName, MetricView]


class Effect(BaseModel):
    """`change` is the value after less the value before; null where either is. `moved`: person-days sent home."""

    before: Side
    after: Side
    change: dict[MetricName, float | None]
    moved_person_days: int
    moved_people: int


class EffectOnOpd(Effect):
    opd_code: str
    opd_name: str


class Assumption(BaseModel):
    """What the answer takes for granted, and that in words."""

    code: Assumed
    text: str


class WhatIf(BaseModel):
    """The answer to a question; nothing of it is stored, and nothing is decided by it."""

    first: dt.date = Field(serialization_alias="from")
    last: dt.date = Field(serialization_alias="to")
    as_of: dt.datetime
    rules: SupposedRules | None
    policy: SupposedPolicy | None
    assumptions: list[Assumption]
    city: Effect
    """All OPDs that were asked about, together."""
    opds: list[EffectOnOpd]


async def answer(
    db: Database, question: Question, period: Period, as_of: dt.datetime, language: Language
) -> WhatIf:
    """Judge the period as it is and as it would be, both from one snapshot. One question at a time.

    Raises Conflict while another is worked out, and Invalid for an OPD that nobody knows.
    """
    async with db.read() as tx:
        if not await store.alone(tx):
            raise Conflict("whatif.busy", retry_after_s=10)
        names = await figures.opd_names(tx)
        _known(question, names)
        async with db.supposing(tx) as supposed:
            if question.rules is not None:
                await store.suppose_rules(supposed, period.first, period.last, question.rules)
            moved: Mapping[str, tuple[int, int]] = {}
            if question.policy is not None:
                asked = period.first, period.last, question.policy, question.opd_codes
                moved = await store.suppose_policy(supposed, *asked)
            await store.judge_anew(supposed, period.first, period.last)
            before, after = await asyncio.gather(
                *(_look_at(one, period, as_of, question.opd_codes) for one in (tx, supposed))
            )
    minutes = question.available_minutes
    opds = [
        EffectOnOpd(
            opd_code=code,
            opd_name=names.get(code, code),
            **dict(_effect([before.get(code)], [after.get(code)], [moved.get(code)], minutes)),
        )
        for code in sorted({*before, *after})
    ]
    return WhatIf(
        first=period.first,
        last=period.last,
        as_of=as_of,
        rules=question.rules,
        policy=question.policy,
        assumptions=[Assumption(code=code, text=text(f"whatif.{code}", language)) for code in assumed(question)],
        city=_effect([*before.values()], [*after.values()], [*moved.values()], minutes),
        opds=opds,
    )


def _known(question: Question, names: Mapping[str, str]) -> None:
    errors = [
        FieldError(f"opd_codes.{place}", "whatif.unknown_opd", {"opd_code": code})
        for place, code in enumerate(question.opd_codes or ())
        if code not in names
    ]
    if errors:
        raise Invalid("validation", errors=errors)


async def _look_at(
    tx: Tx, period: Period, as_of: dt.datetime, opd_codes: Sequence[str] | None
) -> dict[str, OpdTotals]:
    """The totals of the OPDs that are asked about, by code."""
    chosen = sorted(set(opd_codes or ()))
    asked: Sequence[str | None] = chosen if 0 < len(chosen) <= ONE_BY_ONE else [None]
    found: dict[str, OpdTotals] = {}
    for code in asked:
        found |= (await periods.look_at(tx, period, as_of, code)).opds
    return {code: totals for code, totals in found.items() if not chosen or code in chosen}


def _effect(
    before: Sequence[OpdTotals | None],
    after: Sequence[OpdTotals | None],
    moved: Sequence[tuple[int, int] | None],
    available_minutes: float,
) -> Effect:
    was, would_be = (
        _side(total(one for one in some if one is not None), available_minutes) for some in (before, after)
    )
    going = [one for one in moved if one is not None]
    return Effect(
        before=was,
        after=would_be,
        change={name: _less(would_be.metrics[name].value, was.metrics[name].value) for name in was.metrics},
        moved_person_days=sum(days for days, _ in going),
        moved_people=sum(people for _, people in going),
    )


def _side(totals: OpdTotals, available_minutes: float) -> Side:
    compliance = totals.people.compliance
    return Side(
        modes={mode: n or 0 for mode, n in compliance.modes.items()},
        duties={
            duty: {
                "met": one.met or 0,
                "not_met": one.not_met or 0,
                "unknown": one.unknown or 0,
                "pending": one.pending or 0,
                "not_due": one.not_due or 0,
            }
            for duty, one in compliance.duties.items()
        },
        open_seconds=totals.open_us / _US_PER_S,
        met_seconds=totals.met_us / _US_PER_S,
        unknown_seconds=totals.unknown_us / _US_PER_S,
        short_seconds=totals.short_us / _US_PER_S,
        short_person_minutes=totals.missing_us / _US_PER_MINUTE,
        earned_minutes=float(totals.earned_minutes),
        submitted=totals.submitted,
        returned=totals.returned,
        reports_without_review=totals.reports_without_review,
        metrics={
            name: MetricView(**metric._asdict()) for name, metric in totals.metrics(available_minutes).items()
        },
    )


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
