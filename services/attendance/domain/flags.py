"""What speaks against the place of a punch: evidence, which changes no verdict (docs/rules.md#flags)."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel, model_validator

from services.attendance.domain import Exact
from services.attendance.domain.punches import Position, TimeTrust, metres_between
from shared.events import PunchKind, Zone
from shared.personal import Reason
from shared.refusals import wrong

Kind = Literal[
    "mock",
    "same_position_people",
    "same_position_days",
    "impossible_speed",
    "constant_accuracy",
    "default_accuracy",
    "shared_device",
    "network",
]
"""What it is that speaks against a place."""
KINDS: tuple[Kind, ...] = get_args(Kind)

HABITS: tuple[Kind, ...] = ("same_position_people", "same_position_days", "constant_accuracy", "shared_device")
"""What shows by repetition: asked once, not each day again while the question waits."""

Network = Literal["own", "other"]
"""Whose network a request came from: that of the office where the person was posted, or another office's."""

Decision = Literal["vouched", "dismissed", "unproven"]
"""The superior knows where the person was; there is nothing in it; it stands, and proves nothing."""

DecidedZone = Literal["office", "remote", "elsewhere"]

SPACE = UUID("b8f1a7c4-7f0e-5b67-9a54-6a1f6f1a0d39")
"""The name space of flags' ids (RFC 9562, version 5)."""

FINE_DIGITS = 4
"""Decimals of a degree, eleven metres: who rounds to these is the same place as others by rounding."""

COARSE_M = 200.0
"""A fix that is no better is a cell's, the same for all in it; and Android's approximate place is a grid's."""

MOST_BESIDE = 10
"""Other punches that a flag names."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is worth a superior's look (HADIR_FLAG_... in shared/settings.py)."""

    days: int
    same_people: int
    same_days: int
    speed_kmh: int
    speed_km: int
    accuracy_repeats: int
    accuracies: frozenset[float]
    usual_accuracies: frozenset[float]
    device_people: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Of a punch that an app made, what is looked at."""

    punch_id: UUID
    employee_id: UUID
    work_date: dt.date
    kind: PunchKind
    at: dt.datetime
    time_trust: TimeTrust
    zone: Zone
    position: Position | None = None
    device_id: str | None = None
    mock: bool | None = None
    network: Network | None = None

    @property
    def fine(self) -> bool:
        """Whether its coordinates are such that nobody gets the same again by chance."""
        where = self.position
        return (
            where is not None
            and where.accuracy_m < COARSE_M
            and (round(where.lat, FINE_DIGITS), round(where.lon, FINE_DIGITS)) != (where.lat, where.lon)
        )


class Beside(BaseModel):
    """Another punch that a flag rests on."""

    punch_id: UUID
    employee_id: UUID
    work_date: dt.date


class Evidence(BaseModel):
    """What a flag rests on; what does not belong to its kind is null. No coordinates: of a place the zone is told.

    people, days, punches: how many share it, the person's own included; where there are more than fifty, fifty.
    """

    network: Network | None = None
    people: int | None = None
    days: int | None = None
    punches: int | None = None
    accuracy_m: float | None = None
    km: int | None = None
    minutes: int | None = None
    kmh: int | None = None
    beside: Sequence[Beside] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A flag as it is found: of whose punch, with what evidence, and who else is in it."""

    kind: Kind
    punch: Seen
    evidence: Evidence
    others: frozenset[UUID] = frozenset()

    @property
    def flag_id(self) -> UUID:
        """One flag for a person, a work date and a kind: whatever more is found of the same adds to it."""
        return uuid5(SPACE, f"{self.punch.employee_id} {self.punch.work_date} {self.kind}")


class DecisionIn(Exact):
    """What a superior makes of a flag; `zone` says where the person was, with `vouched` only."""

    decision: Decision
    zone: DecidedZone | None = None
    reason: Reason

    @model_validator(mode="after")
    def _vouched_for_a_zone(self) -> Self:
        if (self.decision == "vouched") != (self.zone is not None):
            raise wrong("flag.zone_with_vouched")
        return self


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose flags an officer asks for: `everybody` for the city, an OPD admin's `opd_code`, else their people."""

    me: UUID
    opd_code: str | None
    everybody: bool
    now: dt.datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which flags: `state` is `open` or a decision; the others narrow where they are given."""

    state: str
    kind: Kind | None
    employee_id: UUID | None


def _finding(kind: Kind, punch: Seen, beside: Iterable[Seen], evidence: Evidence) -> Finding:
    listed = sorted({one.punch_id: one for one in beside}.values(), key=lambda one: (one.at, one.punch_id))
    found = evidence.model_copy(
        update={
            "network": punch.network,
            "beside": [
                Beside(punch_id=one.punch_id, employee_id=one.employee_id, work_date=one.work_date)
                for one in listed[-MOST_BESIDE:]
            ],
        }
    )
    return Finding(kind, punch, found, frozenset(one.employee_id for one in listed) - {punch.employee_id})


def _of_each(kind: Kind, group: Sequence[Seen], evidence: Evidence) -> list[Finding]:
    """A finding for each person of a group, at their last punch in it, with the others of it beside."""
    last: dict[UUID, Seen] = {}
    for one in sorted(group, key=lambda one: (one.at, one.punch_id)):
        last[one.employee_id] = one
    return [
        _finding(kind, punch, [one for one in group if one.punch_id != punch.punch_id], evidence)
        for punch in last.values()
    ]


def _counted(group: Sequence[Seen]) -> Evidence:
    return Evidence(
        people=len({one.employee_id for one in group}),
        days=len({one.work_date for one in group}),
        punches=len(group),
    )


def mocked(punch: Seen) -> list[Finding]:
    """The phone's platform says that an app made the position up."""
    return [_finding("mock", punch, (), Evidence())] if punch.mock else []


def same_position(punch: Seen, at_same: Sequence[Seen], limits: Thresholds) -> list[Finding]:
    """The same coordinates to the last digit: of several people, whenever, or of one on several days.

    `at_same`: other punches there. A measured position differs by metres each time; one that is copied does not.
    """
    if not punch.fine:
        return []
    group = [punch, *at_same]
    found: list[Finding] = []
    if len({one.employee_id for one in group}) >= limits.same_people:
        found += _of_each("same_position_people", group, _counted(group))
    own = [one for one in group if one.employee_id == punch.employee_id]
    if len({one.work_date for one in own}) >= limits.same_days:
        found.append(_finding("same_position_days", punch, own[1:], _counted(own)))
    return found


def impossible_speed(punch: Seen, neighbours: Iterable[Seen], limits: Thresholds) -> list[Finding]:
    """From one punch of a person to the next nobody travels so fast; the later one is flagged.

    Both accuracies are taken off the distance, as the crow flies. A time that is not believed proves no speed.
    """
    found: list[Finding] = []
    for other in neighbours:
        first, last = sorted((punch, other), key=lambda one: (one.at, one.punch_id))
        if first.position is None or last.position is None or "unverified" in (first.time_trust, last.time_trust):
            continue
        metres = metres_between(first.position, last.position)
        km = (metres - first.position.accuracy_m - last.position.accuracy_m) / 1000
        seconds = max((last.at - first.at).total_seconds(), 1.0)
        kmh = km / seconds * 3600
        if km >= limits.speed_km and kmh > limits.speed_kmh:
            evidence = Evidence(km=round(km), minutes=round(seconds / 60), kmh=round(kmh))
            found.append(_finding("impossible_speed", last, [first], evidence))
    return found


def constant_accuracy(punch: Seen, before: Sequence[Seen], limits: Thresholds) -> list[Finding]:
    """So many positions in a row, this one included, are accurate to the same metre, to the last digit.

    `before`: the person's positions before this one, the latest first. Coarse ones and the steps that platforms
    round to are left out.
    """
    row = [punch, *before][: limits.accuracy_repeats]
    accuracies = {one.position.accuracy_m for one in row if one.position is not None}
    if len(row) < limits.accuracy_repeats or len(accuracies) != 1:
        return []
    (accuracy_m,) = accuracies
    if accuracy_m >= COARSE_M or accuracy_m in limits.usual_accuracies:
        return []
    evidence = _counted(row).model_copy(update={"accuracy_m": accuracy_m})
    return [_finding("constant_accuracy", punch, row[1:], evidence)]


def default_accuracy(punch: Seen, limits: Thresholds) -> list[Finding]:
    """The accuracy is one that a made-up position has by itself."""
    if punch.position is None or punch.position.accuracy_m not in limits.accuracies:
        return []
    return [_finding("default_accuracy", punch, (), Evidence(accuracy_m=punch.position.accuracy_m))]


def shared_device(punch: Seen, with_same: Sequence[Seen], limits: Thresholds) -> list[Finding]:
    """One device checks several people in. `with_same`: other punches that name it."""
    group = [punch, *with_same]
    if punch.device_id is None or len({one.employee_id for one in group}) < limits.device_people:
        return []
    return _of_each("shared_device", group, _counted(group))


def network(punch: Seen) -> list[Finding]:
    """Position and network contradict each other: elsewhere by the one and in the office by the other, or in the
    office, and in another office's network. No network is no contradiction: phones have their own."""
    away = punch.zone in ("elsewhere", "remote") and punch.network == "own"
    there = punch.zone == "office" and punch.network == "other"
    return [_finding("network", punch, (), Evidence())] if away or there else []
