"""One's plans as an iCalendar feed (RFC 5545)."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from icalendar import Calendar, Event

TITLES = {
    "WFO": "Kerja di kantor (WFO)",
    "WFH": "Kerja dari rumah (WFH)",
    "DUTY_TRAVEL": "Dinas luar",
    "LEAVE": "Cuti/izin",
    "OFF": "Libur",
}

BEFORE = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Stands for the publication of plans from before it was kept."""


def published(row: Any) -> dt.datetime:
    """When a plan of `store.plans.feed` was published."""
    return row["published_at"] or BEFORE


def calendar(rows: Sequence[Any]) -> bytes:
    """The feed: one event for each plan that is, or once was, more than a free day.

    UID is the person and the date, and SEQUENCE grows with the plan's revision, so that calendars replace an
    event instead of adding one. DTSTAMP and LAST-MODIFIED are the plan's publication (RFC 5545 3.8.7.2): the same
    plans give the same bytes. Times are UTC, which needs no VTIMEZONE.
    """
    feed = Calendar()
    feed.add("prodid", "-//Hadir//scheduling//ID")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("x-wr-calname", "Jadwal kerja Hadir")
    for row in rows:
        event = Event()
        event.add("uid", f"{row['employee_id']}-{row['work_date']}@hadir")
        event.add("sequence", max(0, row["revision"] - 1))
        event.add("dtstamp", published(row).astimezone(dt.UTC))
        event.add("last-modified", published(row).astimezone(dt.UTC))
        event.add("summary", TITLES[row["mode"]])
        event.add("categories", [row["mode"]])
        if row["mode"] == "OFF":
            # A day that was more when the calendar was last read must go away there too.
            event.add("status", "CANCELLED")
        if row["starts_at"] is not None:
            event.add("dtstart", row["starts_at"].astimezone(dt.UTC))
            event.add("dtend", row["ends_at"].astimezone(dt.UTC))
        else:
            event.add("dtstart", row["work_date"])
            event.add("dtend", row["work_date"] + dt.timedelta(1))
            event.add("transp", "TRANSPARENT")
        feed.add_component(event)
    return feed.to_ical()
