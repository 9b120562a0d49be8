"""The figures of the city, its OPDs and service points, assembled once for every door, stream and page."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from services.reporting.domain.counters import (
    CoverageFigures,
    Standing,
    UnitFigures,
    coverage,
    unit_figures,
    worst_first,
)
from services.reporting.domain.disclosure import city_for_all, opds_for_all
from services.reporting.domain.figures import Compliance, Counted
from services.reporting.store import counters, figures
from shared.access import READ_CITY, SMALL_CELLS_MERGED, Principal, may, only_opd
from shared.database import Tx

View = Literal["city", "opds", "units"]

MOST_SHORT_SHOWN = 24
"""So many of the service points that are short are listed beside their number."""


class _Moment(BaseModel):
    date: dt.date
    as_of: dt.datetime


class _OfOpd(BaseModel):
    opd_code: str
    opd_name: str


class CityFigures(Compliance, _Moment):
    """The city on one local work date as of one instant."""

    coverage: CoverageFigures


class OpdFigures(CityFigures, _OfOpd):
    """The same of one OPD. One that no unit names yet has its code for a name."""


class ShortCounter(BaseModel):
    """A service point with too few people present, and since when, however few they were in between."""

    unit_id: str
    name: str
    opd_code: str
    opd_name: str
    required: int
    present_low: int
    since: dt.datetime


_NOBODY = Counted()


@dataclass(frozen=True, slots=True)
class Reader:
    """How much of the figures somebody is shown: which views, of which OPD alone, without those of few people."""

    views: tuple[View, ...]
    opd: str | None = None
    merged: bool = False


def reader_of(who: Principal) -> Reader:
    """What `who` may see. Service points are for everyone who is signed in."""
    if may(who, READ_CITY):
        return Reader(("city", "opds", "units"), merged=may(who, SMALL_CELLS_MERGED))
    own_opd = only_opd(who)
    return Reader(("opds", "units"), own_opd) if own_opd else Reader(("units",))


@dataclass(frozen=True, slots=True)
class Board:
    """What was counted of one date as of one instant, of the whole city or of one OPD, and the figures of it."""

    date: dt.date
    as_of: dt.datetime
    people: Mapping[str, Counted]
    """Those with a plan for the date, by OPD."""
    counters: Sequence[Standing]
    """Service points, by unit_id."""
    opd_names: Mapping[str, str]
    counted: int = 0
    """Another number where its service points were counted anew: their past may be another, and nothing else."""

    def city(self, reader: Reader) -> CityFigures:
        everyone = Counted()
        for of_opd in self.people.values():
            everyone.update(of_opd)
        city = CityFigures(date=self.date, as_of=self.as_of, coverage=self.coverage(), **dict(everyone.compliance))
        return city_for_all(city) if reader.merged else city

    def opds(self, reader: Reader) -> list[OpdFigures]:
        """Each OPD that has a unit or a plan for the date, by opd_code."""
        counters_of: dict[str, list[Standing]] = {}
        for standing in self.counters:
            counters_of.setdefault(standing.point.opd_code, []).append(standing)
        opds = [
            OpdFigures(
                opd_code=code,
                opd_name=self.opd_name(code),
                date=self.date,
                as_of=self.as_of,
                coverage=coverage(counters_of.get(code, ())),
                **dict(self.people.get(code, _NOBODY).compliance),
            )
            for code in sorted({*self.opd_names, *self.people})
            if reader.opd in (None, code)
        ]
        return opds_for_all(opds) if reader.merged else opds

    def units(self) -> list[UnitFigures]:
        return [unit_figures(standing) for standing in self.counters]

    def coverage(self) -> CoverageFigures:
        return coverage(self.counters)

    def short(self) -> list[ShortCounter]:
        """The service points that are short, those that lack most people first; at most MOST_SHORT_SHOWN."""
        return [
            ShortCounter(
                unit_id=standing.point.unit_id,
                name=standing.point.name,
                opd_code=standing.point.opd_code,
                opd_name=self.opd_name(standing.point.opd_code),
                required=standing.required,
                present_low=standing.present_low,
                since=since,
            )
            for standing in worst_first(self.counters)[:MOST_SHORT_SHOWN]
            if (since := standing.short_since)
        ]

    def opd_name(self, opd_code: str) -> str:
        return self.opd_names.get(opd_code, opd_code)


async def look_at(tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> Board:
    """One date as of one instant. Best in the snapshot of `Database.read()`."""
    return Board(
        date,
        as_of,
        await figures.counts(tx, date, as_of, opd_code),
        await counters.standings(tx, date, as_of, opd_code),
        await figures.opd_names(tx, opd_code),
    )


async def opds(tx: Tx) -> list[tuple[str, str]]:
    """Every OPD that has a unit, by name: its code and its name."""
    named = sorted((name, code) for code, name in (await figures.opd_names(tx)).items())
    return [(code, name) for name, code in named]
