"""A message in words: what happened, why it came, what to do and by when, and where its link leads.

Messages are kept without words; they are put into the reader's language when they are read or sent, so that a
better text mends old messages too.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifications.domain.kinds import Kind
from shared.dates import date_text, moment_text, span_text, time_text
from shared.messages import Language, text


@dataclass(frozen=True, slots=True)
class Worded:
    """One message in one language. `link` is a path on this installation, None where there is nothing to open."""

    notification_id: UUID
    kind: Kind
    language: Language
    title: str
    text: str
    """What happened, what to do, and by when."""
    why: str
    """Why the reader gets it."""
    link: str | None
    at: dt.datetime
    params: Mapping[str, Any]
    """What the text is made of, for machines; no name in it."""
    subject: str | None
    acknowledge: bool = False
    """Whether somebody else is told unless the reader says that they see to it."""


def _hours(starts_at: str | None, ends_at: str | None, language: Language) -> str:
    if starts_at is None or ends_at is None:
        return text("notification.no_hours", language)
    start, end = dt.datetime.fromisoformat(starts_at), dt.datetime.fromisoformat(ends_at)
    return f"{time_text(start, language)}–{time_text(end, language)} WIB"


def render(
    kind: Kind,
    params: Mapping[str, Any],
    language: Language,
    *,
    subject: str | None = None,
    unit_name: str | None = None,
) -> tuple[str, str]:
    """(title, text) of a message, in `language`."""
    code = f"notification.{kind}"
    places: dict[str, Any] = {}
    if "work_date" in params:
        places["date"] = date_text(dt.date.fromisoformat(params["work_date"]), language)
    if kind == "schedule.wfh":
        dates = sorted(dt.date.fromisoformat(day["work_date"]) for day in params["days"])
        places["dates"] = "; ".join(date_text(date, language) for date in dates)
    elif kind in ("schedule.new", "schedule.changed"):
        places["mode"] = text(f"mode.{params['mode']}", language)
        places["hours"] = _hours(params["starts_at"], params["ends_at"], language)
        if kind == "schedule.changed":
            places["previous"] = text(f"mode.{params['previous']}", language)
    elif kind in ("duty.not_met", "duty.unknown", "duty.corrected"):
        places["duty"] = text(f"duty.{params['duty']}", language)
        if kind != "duty.corrected":
            code = f"{code}.{params['duty']}"
    elif kind in ("counter.short", "counter.met"):
        as_of = dt.datetime.fromisoformat(params["as_of"])
        places["unit"] = unit_name or subject
        places["time"] = f"{moment_text(as_of, language)} WIB"
        places["present"], places["required"] = params["present"], params["required"]
    elif kind in ("outage.declared", "outage.revoked"):
        start, end = (dt.datetime.fromisoformat(params[name]) for name in ("starts_at", "ends_at"))
        places["interval"] = span_text(start, end, language)
        places["reason"] = params["reason"]
    title = text(f"notification.{kind}.title", language, **places)
    return title, text(f"{code}.text", language, **places)
