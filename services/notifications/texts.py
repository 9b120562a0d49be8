"""A message as a person reads it: stored parameters put into the catalogue's words when it is opened."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from services.notifications.domain import Kind
from shared.dates import date_text, moment_text, span_text, time_text
from shared.messages import Language, text


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
    given: dict[str, Any] = {}
    if "work_date" in params:
        given["date"] = date_text(dt.date.fromisoformat(params["work_date"]), language)
    if kind == "schedule.wfh":
        dates = sorted(dt.date.fromisoformat(day["work_date"]) for day in params["days"])
        given["dates"] = "; ".join(date_text(date, language) for date in dates)
    elif kind in ("schedule.new", "schedule.changed"):
        given["mode"] = text(f"mode.{params['mode']}", language)
        given["hours"] = _hours(params["starts_at"], params["ends_at"], language)
        if kind == "schedule.changed":
            given["previous"] = text(f"mode.{params['previous']}", language)
    elif kind in ("duty.not_met", "duty.unknown", "duty.corrected"):
        given["duty"] = text(f"duty.{params['duty']}", language)
        if kind != "duty.corrected":
            code = f"{code}.{params['duty']}"
    elif kind in ("counter.short", "counter.met"):
        as_of = dt.datetime.fromisoformat(params["as_of"])
        given["unit"] = unit_name or subject
        given["time"] = f"{moment_text(as_of, language)} WIB"
        given["present"], given["required"] = params["present"], params["required"]
    elif kind in ("outage.declared", "outage.revoked"):
        start, end = (dt.datetime.fromisoformat(params[name]) for name in ("starts_at", "ends_at"))
        given["interval"] = span_text(start, end, language)
        given["reason"] = params["reason"]
    title = text(f"notification.{kind}.title", language, **given)
    return title, text(f"{code}.text", language, **given)
