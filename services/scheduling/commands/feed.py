"""One's plans as an iCalendar feed (RFC 5545), behind a token that can be revoked."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from icalendar import Calendar, Event

from services.scheduling.commands.plans import note
from services.scheduling.store import plans, standing
from shared.auth import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.messages import heading
from shared.refusals import Missing

BEFORE = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Stands for the publication of plans from before it was kept."""


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def new_token(db: Database, clock: Clock, who: Principal) -> str:
    """A new token for a person's feed; the ones before it open nothing any more. 404 for a stranger."""
    token, employee_id = secrets.token_urlsafe(32), employee_of(who)
    async with db.transaction() as tx:
        if await standing.person(tx.connection, employee_id) is None:
            raise Missing("directory.unknown")
        await plans.replace_feed(tx.connection, employee_id, token_hash(token), clock.now())
        await note(tx, clock.now(), who, "calendar.opened", subject=employee_id, reason=None)
    return token


async def revoke(db: Database, clock: Clock, who: Principal) -> None:
    """No token opens the caller's feed any more."""
    employee_id = employee_of(who)
    async with db.transaction() as tx:
        await plans.replace_feed(tx.connection, employee_id, None, clock.now())
        await note(tx, clock.now(), who, "calendar.closed", subject=employee_id, reason=None)


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
        event.add("summary", heading(f"mode.{row['mode']}"))
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
