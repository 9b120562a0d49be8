"""The city's own dates and times, and how people read them.

Machines get RFC 3339 with an offset, or `HH:MM`; what is written here is for people only. Between hours, minutes
and seconds Bahasa Indonesia has a point, 07.30.15 (EYD V, on the full stop), English a colon.
"""

import datetime as dt
from collections.abc import Collection
from zoneinfo import ZoneInfo

from shared.messages import Language, text

WIB = ZoneInfo("Asia/Jakarta")


def local_date(instant: dt.datetime) -> dt.date:
    """The city's calendar date at an instant."""
    return instant.astimezone(WIB).date()


def midnight(date: dt.date) -> dt.datetime:
    """The instant at which a date of the city begins."""
    return dt.datetime.combine(date, dt.time(), WIB)


def working_day_after(date: dt.date, days: int, holidays: Collection[dt.date]) -> dt.date:
    """The date so many working days after a date: Monday to Friday without the calendar's dates, of both kinds."""
    while days > 0:
        date += dt.timedelta(1)
        days -= date.weekday() < 5 and date not in holidays
    return date


def review_until(since: dt.datetime, working_days: int, holidays: Collection[dt.date]) -> dt.datetime:
    """Until when what waits since an instant is a direct superior's alone: the midnight that ends so many working
    days after its date."""
    last = working_day_after(local_date(since), working_days, holidays)
    return midnight(last + dt.timedelta(1))


def weekdays(language: Language) -> list[str]:
    """The names of the weekdays, Monday first."""
    return text("weekdays", language).split()


def months(language: Language) -> list[str]:
    """The names of the months, January first."""
    return text("months", language).split()


def date_text(date: dt.date, language: Language) -> str:
    """`Kamis, 6 November 2025`."""
    return f"{weekdays(language)[date.weekday()]}, {date.day} {months(language)[date.month - 1]} {date.year}"


def time_text(instant: dt.datetime, language: Language, *, seconds: bool = False) -> str:
    """The wall time in WIB: `07.30` or `07.30.15` in Bahasa Indonesia, `07:30` or `07:30:15` in English."""
    local = instant.astimezone(WIB)
    parts = [local.hour, local.minute, local.second] if seconds else [local.hour, local.minute]
    return ("." if language == "id" else ":").join(f"{part:02}" for part in parts)


def moment_text(instant: dt.datetime, language: Language, *, seconds: bool = False) -> str:
    """`Kamis, 6 November 2025 07.30`."""
    return f"{date_text(local_date(instant), language)} {time_text(instant, language, seconds=seconds)}"


def span_text(start: dt.datetime, end: dt.datetime, language: Language) -> str:
    """`Kamis, 6 November 2025 07.30–15.30 WIB`; both dates where they differ."""
    if local_date(start) == local_date(end):
        return f"{moment_text(start, language)}–{time_text(end, language)} WIB"
    return f"{moment_text(start, language)} – {moment_text(end, language)} WIB"
