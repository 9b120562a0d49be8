"""How many come to a counter in each half hour, how long one takes, and who was there for them. Pure.

Tickets of a queue machine or calls, as counted: what is said of a half hour that is not over would change.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, Field

from services.reporting.domain import Exact, erlang
from services.reporting.domain.counters import Piece
from shared import refusals
from shared.csvfile import Cells, Rejected, Row, RowError, identifier, once
from shared.dates import WIB, local_date, midnight
from shared.events.base import read_instant
from shared.refusals import FieldError, Invalid

HALF_HOUR = dt.timedelta(minutes=30)
SLOTS = 48
MOST_ARRIVALS = 5_000
LONGEST_S = 7_200.0
"""Seconds that one takes, or waits by the target, at most."""
MOST_LOAD = 500.0
"""Erlangs: so many people busy at one counter at once are a wrong unit of time."""
COLUMNS = ("unit_id", "from", "arrivals", "mean_service_seconds", "target_seconds")
TARGET_SHARE = 0.8
"""The share of those who come that is to wait at most the target, where nobody says another: what call centres
mean by 80/20."""

_MICROSECOND = dt.timedelta(microseconds=1)
_CLOCK = re.compile(r"^([01][0-9]|2[0-3]):[03]0$", re.ASCII)
_LOCAL = re.compile(r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[ T](?P<time>[0-9]{2}:[0-9]{2})(:00)?")


class Demand(NamedTuple):
    """Who came to a counter in the half hour from `from_at` (UTC) on: how many, the seconds that one took on
    average, and how many seconds one is to wait at most."""

    unit_id: str
    from_at: dt.datetime
    arrivals: int
    mean_service_seconds: float
    target_seconds: float

    @property
    def load(self) -> float:
        """Erlangs."""
        return self.arrivals / HALF_HOUR.total_seconds() * self.mean_service_seconds


def _begins(clock: str) -> str:
    if not _CLOCK.match(clock):
        raise refusals.wrong("demand.clock")
    return clock


class SlotIn(Exact):
    """One half hour of a date, from a local time HH:00 or HH:30 on."""

    from_time: Annotated[
        str,
        AfterValidator(_begins),
        Field(alias="from", examples=["08:30"], json_schema_extra={"pattern": _CLOCK.pattern}),
    ]
    arrivals: Annotated[int, Field(ge=0, le=MOST_ARRIVALS)]
    mean_service_seconds: Annotated[float, Field(gt=0, le=LONGEST_S)]
    target_seconds: Annotated[float, Field(ge=0, le=LONGEST_S)]


class DemandIn(Exact):
    """All half hours of a date in which somebody could come; one that is not in the list is not counted."""

    items: Annotated[list[SlotIn], Field(max_length=SLOTS)]


class HalfHour(BaseModel):
    """A half hour of a service point, as far as it is over.

    `required` and `present_*` are averages over the time it was open, null without any. With a demand: `load` in
    erlangs, `needed` the fewest people with whom the share asked for waits at most the target; `within_*` the
    expected share that does, with who was required and who was present, averaged over the time it was open: 0
    where the queue only grows, null where nobody came.
    """

    from_at: dt.datetime = Field(serialization_alias="from")
    until_at: dt.datetime = Field(serialization_alias="to")
    open_seconds: float
    short_seconds: float
    required: float | None
    present_low: float | None
    present_high: float | None
    arrivals: int | None
    mean_service_seconds: float | None
    target_seconds: float | None
    load: float | None
    needed: int | None
    within_required: float | None
    within_low: float | None
    within_high: float | None


class Taker(NamedTuple):
    """For whom a demand is taken: the OPD of every service point, the one OPD that the officer acts in or None for
    all, what is over by `now`, and the first date that is kept or None."""

    opds: Mapping[str, str]
    own: str | None
    now: dt.datetime
    kept_from: dt.date | None


def read(rows: Sequence[Row], taker: Taker) -> list[Demand]:
    """The half hours of a file. Raises Rejected with every error by row and column."""
    errors: list[RowError] = []
    seen: dict[object, int] = {}
    taken = [_demand(Cells(row, errors), taker, seen) for row in rows]
    if errors:
        raise Rejected(errors)
    return taken


def _demand(cells: Cells, taker: Taker, seen: dict[object, int]) -> Demand:
    unit_id = identifier(cells, "unit_id")
    if unit_id and unit_id not in taker.opds:
        cells.wrong("unit_id", "demand.unit_unknown", unit_id=unit_id)
    elif unit_id and taker.own not in (None, taker.opds[unit_id]):
        cells.wrong("unit_id", "demand.other_opd", opd=taker.own or "-")
    from_at = _half_hour(cells.text("from"))
    if from_at is None:
        cells.wrong("from", "demand.half_hour")
        from_at = taker.now
    elif refused := _not_taken(from_at, taker):
        cells.wrong("from", refused.code, **refused.params)
    arrivals = cells.whole("arrivals", 0, MOST_ARRIVALS) or 0
    service = _seconds(cells, "mean_service_seconds")
    target = _seconds(cells, "target_seconds")
    if service == 0 and cells.good:
        cells.wrong("mean_service_seconds", "import.number", low=1, high=LONGEST_S)
    demand = Demand(unit_id, from_at, arrivals, service, target)
    if demand.load > MOST_LOAD:
        cells.wrong("mean_service_seconds", "demand.too_much", busy=round(demand.load), most=round(MOST_LOAD))
    if cells.good:
        once(seen, (unit_id, from_at), cells, "from")
    return demand


def _seconds(cells: Cells, column: str) -> float:
    if not cells.text(column):
        return 0.0
    return cells.number(column, 0, LONGEST_S, 0.0)


def _half_hour(text: str) -> dt.datetime | None:
    """The beginning of a half hour: local time, or with its offset; None if it is none."""
    found = _LOCAL.fullmatch(text)
    try:
        instant = read_instant(f"{found['date']}T{found['time']}:00+07:00" if found else text)
    except ValueError:
        return None
    local = instant.astimezone(WIB)
    return None if local.minute % 30 or local.second or local.microsecond else instant.astimezone(dt.UTC)


def _not_taken(from_at: dt.datetime, taker: Taker) -> FieldError | None:
    if from_at + HALF_HOUR > taker.now:
        return FieldError("from", "demand.not_over")
    if taker.kept_from is not None and local_date(from_at) < taker.kept_from:
        return FieldError("from", "demand.too_old", {"first": taker.kept_from})
    return None


def of_date(unit_id: str, date: dt.date, given: DemandIn, taker: Taker) -> list[Demand]:
    """The half hours of a date as they were given. Raises Invalid that names each wrong one."""
    found: list[Demand] = []
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, slot in enumerate(given.items):
        hours, _, minutes = slot.from_time.partition(":")
        start = midnight(date) + dt.timedelta(hours=int(hours), minutes=int(minutes))
        one = Demand(
            unit_id, start.astimezone(dt.UTC), slot.arrivals, slot.mean_service_seconds, slot.target_seconds
        )
        if slot.from_time in seen:
            errors.append(FieldError(f"items.{index}.from", "demand.twice", {"from": slot.from_time}))
        elif refused := _not_taken(one.from_at, taker):
            errors.append(FieldError(f"items.{index}.from", refused.code, refused.params))
        elif one.load > MOST_LOAD:
            params = {"busy": round(one.load), "most": round(MOST_LOAD)}
            errors.append(FieldError(f"items.{index}.mean_service_seconds", "demand.too_much", params))
        seen.add(slot.from_time)
        found.append(one)
    if errors:
        raise Invalid("validation", errors=errors)
    return found


def half_hours(
    date: dt.date, pieces: Sequence[Piece], demand: Mapping[dt.datetime, Demand], share: float
) -> list[HalfHour]:
    """The 48 half hours of a date of one service point; `demand` by its beginning, in UTC."""
    first = midnight(date).astimezone(dt.UTC)
    starts = [first + number * HALF_HOUR for number in range(SLOTS)]
    return [_slot(start, pieces, demand.get(start), share) for start in starts]


def _slot(start: dt.datetime, pieces: Sequence[Piece], demand: Demand | None, share: float) -> HalfHour:
    parts = [(us, piece) for piece in pieces if piece.status != "closed" and (us := _within(start, piece)) > 0]
    open_us = sum(us for us, _ in parts)
    wanted = {"required": 0, "present_low": 0, "present_high": 0}
    for us, piece in parts:
        for name in wanted:
            wanted[name] += us * getattr(piece, name)
    averages = {name: total / open_us if open_us else None for name, total in wanted.items()}
    waits: dict[str, float | None] = dict.fromkeys(("within_required", "within_low", "within_high"))
    if demand is not None and demand.arrivals and open_us:
        for name, of in zip(waits, wanted, strict=True):
            met = [us * _expected(demand, getattr(piece, of)) for us, piece in parts]
            waits[name] = sum(met) / open_us
    return HalfHour(
        from_at=start,
        until_at=start + HALF_HOUR,
        open_seconds=open_us / 1_000_000,
        short_seconds=sum(us for us, piece in parts if piece.status == "short") / 1_000_000,
        **averages,
        arrivals=demand and demand.arrivals,
        mean_service_seconds=demand and demand.mean_service_seconds,
        target_seconds=demand and demand.target_seconds,
        load=demand and demand.load,
        needed=demand and erlang.needed(demand.load, demand.mean_service_seconds, demand.target_seconds, share),
        **waits,
    )


def _within(start: dt.datetime, piece: Piece) -> int:
    """Microseconds of a piece that lie in the half hour."""
    return (min(piece.until_at, start + HALF_HOUR) - max(piece.from_at, start)) // _MICROSECOND


def _expected(demand: Demand, staff: int) -> float:
    return erlang.within(demand.load, staff, demand.mean_service_seconds, demand.target_seconds)
