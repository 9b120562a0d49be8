"""The file of the holidays, taken year by year."""

import datetime as dt
from collections.abc import Mapping, Sequence

from services.scheduling.commands.imports.kind import File, ImportKind, Taken
from services.scheduling.domain.records import CalendarYear, Holiday
from services.scheduling.domain.stretches import Stretch
from services.scheduling.store.records import Records
from services.scheduling.views.answer import Json
from shared.csvfile import once

_DAY = dt.timedelta(1)


class Holidays(ImportKind[CalendarYear]):
    name = "holidays"
    required = ("date", "kind", "name")
    named = ("year",)
    records = Records(CalendarYear, "calendar", key=("year",))

    def read(self, file: File[CalendarYear]) -> list[Taken[CalendarYear]]:
        years: dict[int, dict[Holiday, int]] = {}
        seen: dict[dt.date, int] = {}
        for cells in file.lines():
            day = cells.date("date")
            kind = cells.choice("kind", ("national", "collective_leave")) or ""
            name = cells.text("name", free=True)
            if day is not None:
                once(seen, day, cells, "date")
                years.setdefault(day.year, {})[Holiday(day, kind, name)] = cells.row.number
        return [
            Taken(CalendarYear(year, tuple(sorted(holidays))), tuple(holidays.values()))
            for year, holidays in years.items()
        ]

    def with_stored(self, before: CalendarYear | None, given: CalendarYear) -> tuple[CalendarYear, list[Json]]:
        """The stored year with the dates of the file; those that the file does not name stay."""
        if before is None:
            return given, []
        days = {holiday.date: holiday for holiday in [*before.holidays, *given.holidays]}
        return CalendarYear(given.year, tuple(sorted(days.values()))), self.dropped(before, given)

    def dropped(self, before: CalendarYear | None, after: CalendarYear) -> list[Json]:
        gone = before.holidays if before else ()
        return [
            {"date": str(holiday.date), "kind": holiday.kind, "name": holiday.name}
            for holiday in gone
            if holiday.date not in after.dates
        ]

    def stretches(self, stored: Mapping[object, CalendarYear], after: Sequence[CalendarYear]) -> list[Stretch]:
        """A holiday that only gets another kind or name touches nothing: both kinds count alike."""
        stretches: list[Stretch] = []
        for year in after:
            before = stored.get(year.year)
            old = before.dates if before else frozenset[dt.date]()
            for day in sorted(old ^ year.dates):
                altered = {"holiday": {"old": day in old, "new": day in year.dates}}
                stretches.append(Stretch(None, day, day + _DAY, frees=day in old, altered=altered))
        return stretches
