"""A pilot as it is fixed before it starts, and what its figures may be said to show. Pure.

The protocol is the promise: what is compared with what, how much worse is still acceptable, and by which
lots. Its hash is published before the trial begins, so that nobody can choose the question after the answer.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from services.reporting.domain import Exact
from services.reporting.domain.periods import (
    AVAILABLE_MINUTES,
    MOST_AVAILABLE_MINUTES,
    Metric,
    MetricName,
    Period,
    mistakes,
)
from services.reporting.domain.reports import printable
from services.reporting.domain.trial import Comparison, Design, Verdict
from shared.events import PilotRegistered
from shared.events.base import LAST_DATE, MAX_NAME, MAX_SCOPE, MAX_TEXT, Date, OpdCode, whole
from shared.personal import NamesNobody
from shared.refusals import Conflict, FieldError, Invalid, wrong

Arm = Literal["treated", "control"]
ARMS: tuple[Arm, ...] = ("treated", "control")

FEWEST = 5
"""OPDs of an arm: with fewer no verdict is given, however clear the figures look."""
MOST_OF_ARM = 0.2
"""The largest part of an arm's weight that one OPD may hold: more, and the pilot is about that OPD."""
MOST_SEED = 2**53 - 1
"""The largest whole number that every reader of JSON reads alike (RFC 8785, 3.2.2.3; RFC 7493, 2.2)."""

Because = Literal[
    "lower_above_margin",
    "upper_below_margin",
    "between",
    "lots_disagree",
    "small_arm",
    "one_opd_weighs_too_much",
    "not_over",
    "bounds_disagree",
    "opd_without_figure",
]
"""Why the verdict is what it is: the first two say which limit told; each of the others alone is enough to say
"cannot tell yet"."""
Warn = Literal[
    "small_arm",
    "one_opd_weighs_too_much",
    "better_unusual",
    "baseline_before_first_fact",
    "control_treated_elsewhere",
]


def _said(value: str) -> str:
    if not value.strip():
        raise wrong("pilot.blank")
    return value


PILOT_ID = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
PilotId = Annotated[str, StringConstraints(pattern=PILOT_ID)]
Margin = Annotated[float, Field(gt=0, le=1, strict=True)]
# Not stripped of spaces: what is hashed is what was sent.
_Words = (AfterValidator(printable), AfterValidator(_said), NamesNobody)
Title = Annotated[str, StringConstraints(max_length=MAX_NAME), *_Words]
Question = Annotated[str, StringConstraints(max_length=MAX_TEXT), *_Words]
OfArm = Annotated[list[OpdCode], Field(max_length=MAX_SCOPE)]


class Dates(Exact):
    """Work dates, both ends included."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    first: Date = Field(alias="from")
    last: Date = Field(alias="to")

    @property
    def period(self) -> Period:
        return Period(self.first, self.last)


class Protocol(Exact):
    """What is fixed: the question, the two arms, the dates, and how much worse is still acceptable.

    margin: in the metric's own unit, above 0. count_by: each OPD one vote, or by its mean number of WFO and WFH
    plans per date of the trial. baseline: null compares the trial's figures alone, and not their change.
    available_minutes: of a working day, for `output_rate`. seed: of the lots that the arms are given out by again.
    """

    pilot_id: PilotId
    title: Title
    question: Question
    metric: MetricName
    better: Literal["higher", "lower"]
    margin: Margin
    count_by: Literal["opd", "people"]
    treated: OfArm
    control: OfArm
    baseline: Dates | None = None
    trial: Dates
    available_minutes: Annotated[int, whole(1, MOST_AVAILABLE_MINUTES)] = AVAILABLE_MINUTES
    seed: Annotated[int, whole(0, MOST_SEED)]

    def opds(self, arm: Arm) -> Sequence[str]:
        return self.treated if arm == "treated" else self.control

    @property
    def everyone(self) -> list[str]:
        """The OPDs of both arms, by code."""
        return sorted((*self.treated, *self.control))

    def canonical(self) -> bytes:
        """The one spelling of exactly these fields: RFC 8785."""
        import rfc8785

        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()


@dataclass(frozen=True, slots=True)
class Pilot:
    """One revision of a protocol as it was registered."""

    protocol: Protocol
    revision: int
    amended_after_start: bool
    registered_at: dt.datetime

    def published(self) -> PilotRegistered:
        return PilotRegistered.model_validate(
            {
                **self.protocol.model_dump(mode="json"),
                "revision": self.revision,
                "protocol_sha256": self.protocol.sha256,
                "amended_after_start": self.amended_after_start,
                "registered_at": self.registered_at,
            }
        )


def check(protocol: Protocol, known: Collection[str]) -> None:
    """Raises Invalid that names each field which makes no pilot of it; `known` are the directory's OPDs."""
    errors = [*_wrong_arms(protocol, known), *_wrong_dates(protocol)]
    if errors:
        raise Invalid("pilot.impossible", errors=errors)


def _wrong_arms(protocol: Protocol, known: Collection[str]) -> Iterable[FieldError]:
    for arm in ARMS:
        codes = protocol.opds(arm)
        if not codes:
            yield FieldError(arm, f"pilot.no_{arm}")
        twice = sorted(code for code, n in Counter(codes).items() if n > 1)
        if twice:
            yield FieldError(arm, "pilot.opd_twice", {"opd_codes": ", ".join(twice)})
        for place, code in enumerate(codes):
            if code not in known:
                yield FieldError(f"{arm}.{place}", "pilot.opd_unknown", {"opd_code": code})
    both = sorted({*protocol.treated} & {*protocol.control})
    if both:
        yield FieldError("control", "pilot.arms_overlap", {"opd_codes": ", ".join(both)})


def _wrong_dates(protocol: Protocol) -> Iterable[FieldError]:
    spans = {"baseline": protocol.baseline, "trial": protocol.trial}
    for name, dates in spans.items():
        if dates is not None:
            of_span = mistakes(dates.period, LAST_DATE, None)
            yield from (FieldError(f"{name}.{one.field}", one.code, one.params) for one in of_span)
    if protocol.baseline is not None and protocol.baseline.last >= protocol.trial.first:
        yield FieldError("baseline.to", "pilot.baseline_overlaps", {"first": protocol.trial.first})


def register(held: Pilot | None, given: Protocol, now: dt.datetime, today: dt.date) -> Pilot:
    """The revision that registering makes of what is held.

    Raises Invalid for a trial that has begun: only what was fixed before may be changed after, and then it is
    marked for good.
    """
    begun = held is not None and (held.amended_after_start or held.protocol.trial.first <= today)
    if not begun and given.trial.first <= today:
        raise Invalid("pilot.impossible", errors=[FieldError("trial.from", "pilot.begun", {"today": today})])
    return Pilot(given, held.revision + 1 if held else 1, begun, now)


def check_revision(held: Pilot | None, amended: int | None) -> None:
    """Raises Conflict where an officer amends another revision than the newest. None: they named none."""
    newest = held.revision if held else 0
    if amended is not None and amended != newest:
        raise Conflict(
            "pilot.other_revision",
            params={"revision": newest},
            errors=[FieldError("revision", "pilot.other_revision", {"revision": newest})],
        )


Bound = Literal["value", "low", "high"]


class Measured(NamedTuple):
    """One OPD of a pilot: its weight, and its figures of both periods; None without a baseline."""

    opd_code: str
    arm: Arm
    weight: float
    baseline: Metric | None
    trial: Metric

    def change(self, which: Bound, better: str, *, from_baseline: bool) -> float | None:
        """Trial less baseline where there is one, where higher is better; None where there is no figure."""
        after: float | None = getattr(self.trial, which)
        before: float | None = 0.0
        if from_baseline:
            before = None if self.baseline is None else getattr(self.baseline, which)
        if after is None or before is None:
            return None
        return after - before if better == "higher" else before - after


class Judged(NamedTuple):
    """The verdict, why, and the figures that it rests on; `changes` are the OPDs' by code."""

    verdict: Verdict
    because: Sequence[Because]
    figures: Comparison
    changes: Mapping[str, float | None]


def judge(protocol: Protocol, measured: Sequence[Measured], *, over: bool) -> Judged:
    """What may be said of a pilot's figures: `over` once the last date of its trial is.

    An OPD without a figure is left out of the comparison and named: what it would have shown is not known, so
    nothing is told as long as the protocol counts it.
    """
    rows = sorted(measured, key=lambda one: one.opd_code)

    def changes(which: Bound) -> dict[str, float | None]:
        from_baseline = protocol.baseline is not None
        return {one.opd_code: one.change(which, protocol.better, from_baseline=from_baseline) for one in rows}

    value, low, high = changes("value"), changes("low"), changes("high")
    counted = [
        one for one in rows if one.weight > 0 and None not in (each[one.opd_code] for each in (value, low, high))
    ]
    because: list[Because] = []
    if any(sum(one.arm == arm for one in rows) < FEWEST for arm in ARMS):
        because.append("small_arm")
    if weighs_too_much(counted):
        because.append("one_opd_weighs_too_much")
    if not over:
        because.append("not_over")
    if len(counted) < len(rows) and (over or counted):
        because.append("opd_without_figure")
    if {one.arm for one in counted} != set(ARMS):
        return Judged("cannot_tell_yet", because, Comparison(), value)

    design = Design(
        tuple(one.arm == "treated" for one in counted), tuple(one.weight for one in counted), protocol.seed
    )

    def compared(of_treated: Mapping[str, float | None], of_control: Mapping[str, float | None]) -> Comparison:
        of = {"treated": of_treated, "control": of_control}
        return design.compare([of[one.arm][one.opd_code] or 0.0 for one in counted], protocol.margin)

    figures = compared(value, value)
    told = figures.told(protocol.margin)
    if any(bounds.told(protocol.margin) != told for bounds in (compared(low, high), compared(high, low))):
        because.append("bounds_disagree")
    if figures.between(protocol.margin):
        because.append("between")
    elif told == "cannot_tell_yet" and figures.se is not None:
        because.append("lots_disagree")
    if because:
        return Judged("cannot_tell_yet", because, figures, value)
    return Judged(
        told, ["lower_above_margin" if told == "within_margin" else "upper_below_margin"], figures, value
    )


def weighs_too_much(rows: Iterable[Measured]) -> list[str]:
    """The OPDs that hold more of their arm's weight than one may."""
    of_arm: dict[Arm, float] = dict.fromkeys(ARMS, 0.0)
    rows = list(rows)
    for one in rows:
        of_arm[one.arm] += one.weight
    # Multiplied and not divided: of five alike none holds more than a fifth.
    return [one.opd_code for one in rows if one.weight > MOST_OF_ARM * of_arm[one.arm] * (1 + 1e-12)]


def warnings(
    protocol: Protocol, *, first_fact: dt.date | None, treated_elsewhere: Collection[str]
) -> dict[Warn, dict[str, Any]]:
    """What an officer should know of a protocol before the trial starts, with what each warning is about."""
    found: dict[Warn, dict[str, Any]] = {}
    if any(len(protocol.opds(arm)) < FEWEST for arm in ARMS):
        found["small_arm"] = {"fewest": FEWEST}
    if (protocol.metric == "rework_rate") != (protocol.better == "lower"):
        found["better_unusual"] = {"metric": protocol.metric}
    if protocol.baseline is not None and first_fact is not None and protocol.baseline.first < first_fact:
        found["baseline_before_first_fact"] = {"first": first_fact}
    if treated_elsewhere:
        found["control_treated_elsewhere"] = {"opd_codes": ", ".join(sorted(treated_elsewhere))}
    return found
