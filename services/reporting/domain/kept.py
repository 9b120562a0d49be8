"""How long facts about people's days, and what people wrote about them, are kept."""

import datetime as dt

from shared.refusals import Missing


def shown_from(today: dt.date, months: int | None) -> dt.date | None:
    """The first date that is still shown: that of the month `months` before today's. None: every date is."""
    if months is None:
        return None
    number = today.year * 12 + today.month - 1 - months
    return dt.date(number // 12, number % 12 + 1, 1)


def kept_from(today: dt.date, months: int | None) -> dt.date | None:
    """The first work date whose facts are still kept, a month before that.

    A night shift reaches into the dates after its own: the first dates that are shown want the work dates before.
    """
    return None if months is None else shown_from(today, months + 1)


def check_kept(date: dt.date, today: dt.date, months: int | None) -> dt.date | None:
    """As `shown_from`. Raises Missing, with that first date, for one before it."""
    first = shown_from(today, months)
    if first is not None and date < first:
        raise Missing("date.no_longer_kept", params={"first": first})
    return first
