"""The day of a service point: what is counted of it, and how it stands at any instant. Pure.

Durations are whole microseconds until they are shown, so that sums are exact.

Judged as of the midnight to come, a day's pieces say what will be if nothing more is recorded. Cut off at an
instant they are the day as of that instant, so that between two facts nothing has to be asked of the database.
"""

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from services.reporting.domain.figures import ratio

Status = Literal["met", "short", "unknown", "closed"]

_US_PER_S = 1_000_000
_US_PER_MINUTE = 60 * _US_PER_S
_MICROSECOND = dt.timedelta(microseconds=1)


class Point(NamedTuple):
    """A service point. `slo`: the share of its open time in which it is to be staffed."""

    unit_id: str
    name: str
    opd_code: str
    slo: float


class Piece(NamedTuple):
    """A part of a service point's local date within which nothing changes: from `from_at`, before `until_at`."""

    unit_id: str
    from_at: dt.datetime
    until_at: dt.datetime
    required: int
    present_low: int
    present_high: int
    status: Status


class Times(NamedTuple):
    """Microseconds of a date: by status, and person-microseconds wanted, filled and missing."""

    open_us: int = 0
    met_us: int = 0
    unknown_us: int = 0
    short_us: int = 0
    required_us: int = 0
    filled_us: int = 0
    missing_us: int = 0


class Standing(NamedTuple):
    """How a service point stands as of an instant, and its date so far.

    `short_since` is when the present shortage began, however deep it was since; None while there is none.
    """

    point: Point
    status: Status
    required: int
    present_low: int
    present_high: int
    short_since: dt.datetime | None
    times: Times


class CoverageFigures(BaseModel):
    """Service points by status, and attainment: their met time by their open time, null if none was open."""

    open: int
    met: int
    short: int
    unknown: int
    closed: int
    attainment: float | None


class Service(BaseModel):
    """How service was kept. `low` and `high` bound the attainment; a share of no time is null."""

    open_seconds: float
    met_seconds: float
    unknown_seconds: float
    short_seconds: float
    attainment: float | None
    low: float | None
    high: float | None
    fill: float | None
    short_person_minutes: float
    budget_minutes: float
    spent_minutes: float


class _OfUnit(BaseModel):
    unit_id: str
    name: str
    opd_code: str
    status: Status
    required: int
    present_low: int
    present_high: int


class UnitFigures(Service, _OfUnit):
    """One service point's date so far. `low` and `high` bound the attainment; a share of no time is null."""


class Segment(BaseModel):
    """Part of a service point's date in which one thing held: from `from`, before `to`."""

    from_at: dt.datetime = Field(serialization_alias="from")
    until_at: dt.datetime = Field(serialization_alias="to")
    required: int
    present_low: int
    present_high: int
    status: Status


def coverage(standings: Iterable[Standing]) -> CoverageFigures:
    """Service points counted, and their exact times summed."""
    counts: Counter[Status] = Counter()
    met_us = open_us = 0
    for standing in standings:
        counts[standing.status] += 1
        met_us += standing.times.met_us
        open_us += standing.times.open_us
    return CoverageFigures(
        open=counts.total() - counts["closed"],
        met=counts["met"],
        short=counts["short"],
        unknown=counts["unknown"],
        closed=counts["closed"],
        attainment=ratio(met_us, open_us),
    )


def unit_figures(standing: Standing) -> UnitFigures:
    """One service point's day as people read it."""
    point = standing.point
    return UnitFigures(
        unit_id=point.unit_id,
        name=point.name,
        opd_code=point.opd_code,
        status=standing.status,
        required=standing.required,
        present_low=standing.present_low,
        present_high=standing.present_high,
        **service(standing.times, (1 - point.slo) * (standing.times.open_us / _US_PER_MINUTE)),
    )


def service(times: Times, budget_minutes: float) -> dict[str, Any]:
    """The members of a `Service`: what times come to, as people read it."""
    attainment = ratio(times.met_us, times.open_us)
    return {
        "open_seconds": times.open_us / _US_PER_S,
        "met_seconds": times.met_us / _US_PER_S,
        "unknown_seconds": times.unknown_us / _US_PER_S,
        "short_seconds": times.short_us / _US_PER_S,
        "attainment": attainment,
        "low": attainment,
        "high": ratio(times.met_us + times.unknown_us, times.open_us),
        "fill": ratio(times.filled_us, times.required_us),
        "short_person_minutes": times.missing_us / _US_PER_MINUTE,
        "budget_minutes": budget_minutes,
        "spent_minutes": times.short_us / _US_PER_MINUTE,
    }


def added(times: Iterable[Times]) -> Times:
    """The sum of these; of none of them, nothing."""
    return Times(*map(sum, zip(*times, strict=True)))


def worst_first(standings: Iterable[Standing]) -> list[Standing]:
    """The service points that are short now, those that lack most people first."""
    short = (standing for standing in standings if standing.status == "short")
    return sorted(short, key=lambda standing: (standing.present_low - standing.required, standing.point.unit_id))


def segments(pieces: Iterable[Piece]) -> list[Segment]:
    """Consecutive pieces of one service point's day, equal neighbours joined, empty ones left out."""
    joined: list[Segment] = []
    for piece in pieces:
        if piece.from_at == piece.until_at:
            continue
        segment = Segment(
            from_at=piece.from_at,
            until_at=piece.until_at,
            required=piece.required,
            present_low=piece.present_low,
            present_high=piece.present_high,
            status=piece.status,
        )
        if joined and segment == joined[-1].model_copy(
            update={"from_at": segment.from_at, "until_at": segment.until_at}
        ):
            joined[-1].until_at = segment.until_at
        else:
            joined.append(segment)
    return joined


class CounterDay:
    """One service point's local date, in pieces that follow each other."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._starts = [piece.from_at for piece in pieces]
        self._before: list[Times] = []
        self._short_since: list[dt.datetime | None] = []
        so_far, since = Times(), None
        for piece in pieces:
            since = (since or piece.from_at) if piece.status == "short" else None
            self._before.append(so_far)
            self._short_since.append(since)
            so_far = _with(so_far, piece, piece.until_at)

    def at(self, point: Point, now: dt.datetime) -> Standing:
        """The figures of the date as of `now`, an instant on it."""
        index = bisect_right(self._starts, now) - 1
        piece = self._pieces[index]
        return Standing(
            point,
            piece.status,
            piece.required,
            piece.present_low,
            piece.present_high,
            self._short_since[index],
            _with(self._before[index], piece, now),
        )


def _with(so_far: Times, piece: Piece, until: dt.datetime) -> Times:
    """`so_far` and one piece, as far as it lasted before `until`."""
    us = (until - piece.from_at) // _MICROSECOND
    filled = min(piece.present_low, piece.required)
    return Times(
        open_us=so_far.open_us + us * (piece.status != "closed"),
        met_us=so_far.met_us + us * (piece.status == "met"),
        unknown_us=so_far.unknown_us + us * (piece.status == "unknown"),
        short_us=so_far.short_us + us * (piece.status == "short"),
        required_us=so_far.required_us + us * piece.required,
        filled_us=so_far.filled_us + us * filled,
        missing_us=so_far.missing_us + us * (piece.required - filled),
    )
