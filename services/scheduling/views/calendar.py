"""One's plans as an iCalendar feed (RFC 5545)."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from icalendar import Calendar, Component, Event

from services.scheduling.store import calendar as store
from services.scheduling.store.calendar import FeedPlan
from services.scheduling.views.answer import Answer
from shared.database import Tx
from shared.dates import midnight
from shared.messages import heading

BEFORE = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Stands for the publication of plans from before it was kept."""
PAST, AHEAD = dt.timedelta(31), dt.timedelta(92)
"""What a feed holds, around today."""


class FeedAddress(Answer):
    """Where calendar programs find one's plans; whoever has it can read them."""

    url: str


@dataclass(frozen=True, slots=True)
class Feed:
    """`content` is the calendar, which last changed at `modified`."""

    content: bytes
    modified: dt.datetime


def token_hash(token: str) -> bytes:
    """What is kept of a feed's token."""
    return hashlib.sha256(token.encode()).digest()


async def owner(tx: Tx, token: str) -> UUID | None:
    """Whose feed a token opens; None for an unknown or revoked one."""
    return await store.feed_owner(tx, token_hash(token))


async def feed(tx: Tx, employee_id: UUID, day: dt.date) -> Feed:
    """A person's plans around `day`. It changes with a plan, and with the date."""
    plans = await store.feed(tx, employee_id, day - PAST, day + AHEAD)
    modified = (
        max([midnight(day), *(_published(plan) for plan in plans)]).astimezone(dt.UTC).replace(microsecond=0)
    )
    return Feed(_calendar(plans), modified)


def _published(plan: FeedPlan) -> dt.datetime:
    return plan.published_at or BEFORE


def _add(component: Component, properties: Mapping[str, object]) -> None:
    for name, value in properties.items():
        component.add(name, value)  # pyright: ignore[reportUnknownMemberType] - any value, says icalendar by no type


def _calendar(plans: Sequence[FeedPlan]) -> bytes:
    """The feed: one event for each plan that is, or once was, more than a free day.

    UID is the person and the date, and SEQUENCE grows with the plan's revision, so that calendars replace an
    event instead of adding one. DTSTAMP and LAST-MODIFIED are the plan's publication (RFC 5545 3.8.7.2): the same
    plans give the same bytes. Times are UTC, which needs no VTIMEZONE.
    """
    calendar = Calendar()
    _add(
        calendar,
        {
            "prodid": "-//Hadir//scheduling//ID",
            "version": "2.0",
            "method": "PUBLISH",
            "x-wr-calname": "Jadwal kerja Hadir",
        },
    )
    for plan in plans:
        event = Event()
        instant = _published(plan).astimezone(dt.UTC)
        _add(
            event,
            {
                "uid": f"{plan.employee_id}-{plan.work_date}@hadir",
                "sequence": max(0, plan.revision - 1),
                "dtstamp": instant,
                "last-modified": instant,
                "summary": heading(f"mode.{plan.mode}"),
                "categories": [plan.mode],
            },
        )
        if plan.mode == "OFF":
            # A day that was more when the calendar was last read must go away there too.
            _add(event, {"status": "CANCELLED"})
        if plan.starts_at is not None and plan.ends_at is not None:
            _add(event, {"dtstart": plan.starts_at.astimezone(dt.UTC), "dtend": plan.ends_at.astimezone(dt.UTC)})
        else:
            until = plan.work_date + dt.timedelta(1)
            _add(event, {"dtstart": plan.work_date, "dtend": until, "transp": "TRANSPARENT"})
        calendar.add_component(event)
    return calendar.to_ical()
