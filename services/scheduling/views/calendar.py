"""One's plans as an iCalendar feed (RFC 5545)."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from icalendar import Calendar, Component, Event

from shared.messages import heading

BEFORE = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Stands for the publication of plans from before it was kept."""


def published(row: Any) -> dt.datetime:
    """When a plan of `store.plans.feed` was published."""
    return row["published_at"] or BEFORE


def _add(component: Component, properties: Mapping[str, object]) -> None:
    for name, value in properties.items():
        component.add(name, value)  # pyright: ignore[reportUnknownMemberType] - any value, says icalendar by no type


def calendar(rows: Sequence[Any]) -> bytes:
    """The feed: one event for each plan that is, or once was, more than a free day.

    UID is the person and the date, and SEQUENCE grows with the plan's revision, so that calendars replace an
    event instead of adding one. DTSTAMP and LAST-MODIFIED are the plan's publication (RFC 5545 3.8.7.2): the same
    plans give the same bytes. Times are UTC, which needs no VTIMEZONE.
    """
    feed = Calendar()
    _add(
        feed,
        {
            "prodid": "-//Hadir//scheduling//ID",
            "version": "2.0",
            "method": "PUBLISH",
            "x-wr-calname": "Jadwal kerja Hadir",
        },
    )
    for row in rows:
        event = Event()
        instant = published(row).astimezone(dt.UTC)
        _add(
            event,
            {
                "uid": f"{row['employee_id']}-{row['work_date']}@hadir",
                "sequence": max(0, row["revision"] - 1),
                "dtstamp": instant,
                "last-modified": instant,
                "summary": heading(f"mode.{row['mode']}"),
                "categories": [row["mode"]],
            },
        )
        if row["mode"] == "OFF":
            # A day that was more when the calendar was last read must go away there too.
            _add(event, {"status": "CANCELLED"})
        if row["starts_at"] is not None:
            _add(
                event, {"dtstart": row["starts_at"].astimezone(dt.UTC), "dtend": row["ends_at"].astimezone(dt.UTC)}
            )
        else:
            until = row["work_date"] + dt.timedelta(1)
            _add(event, {"dtstart": row["work_date"], "dtend": until, "transp": "TRANSPARENT"})
        feed.add_component(event)
    return feed.to_ical()
