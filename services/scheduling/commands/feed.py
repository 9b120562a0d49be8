"""One's plans as an iCalendar feed (RFC 5545), behind a token that can be revoked."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from icalendar import Calendar, Event

from services.scheduling.store import audit, plans
from shared.clock import Clock
from shared.database import Database

TITLES = {
    "WFO": "Kerja di kantor (WFO)",
    "WFH": "Kerja dari rumah (WFH)",
    "DUTY_TRAVEL": "Dinas luar",
    "LEAVE": "Cuti/izin",
    "OFF": "Libur",
}


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def new_token(db: Database, clock: Clock, employee_id: UUID) -> str:
    """A new token for a person's feed; the ones before it no longer open it."""
    token = secrets.token_urlsafe(32)
    async with db.transaction() as tx:
        await plans.replace_feed(tx.connection, employee_id, token_hash(token), clock.now())
        await audit.add(tx.connection, clock.now(), str(employee_id), "calendar.opened", subject=str(employee_id))
    return token


async def revoke(db: Database, clock: Clock, employee_id: UUID) -> None:
    async with db.transaction() as tx:
        await plans.replace_feed(tx.connection, employee_id, None, clock.now())
        await audit.add(tx.connection, clock.now(), str(employee_id), "calendar.closed", subject=str(employee_id))


def calendar(rows: Sequence[Any], now: dt.datetime) -> bytes:
    """The feed: one event for each plan that is not a free day.

    UID is the person and the date, and SEQUENCE grows with the plan's revision, so that calendars replace an
    event instead of adding one.
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
        event.add("dtstamp", now)
        event.add("summary", TITLES[row["mode"]])
        event.add("categories", [row["mode"]])
        if row["mode"] == "OFF":
            # A day that was work when the calendar was last read must go away there too.
            event.add("status", "CANCELLED")
        if row["starts_at"] is not None:
            event.add("dtstart", row["starts_at"])
            event.add("dtend", row["ends_at"])
        else:
            event.add("dtstart", row["work_date"])
            event.add("dtend", row["work_date"] + dt.timedelta(1))
            event.add("transp", "TRANSPARENT")
        feed.add_component(event)
    return feed.to_ical()
