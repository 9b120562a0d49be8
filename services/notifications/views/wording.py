"""A message in words: what happened, why it came, what to do and by when, and where its link leads.

Messages are kept without words; they are put into the reader's language when they are read or sent, so that a
better text mends old messages too.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

from services.notifications.domain import params as known
from services.notifications.domain.kinds import Kind
from services.notifications.domain.rules import Rule
from services.notifications.domain.telling import Waits, next_due
from shared.dates import date_text, local_date, moment_text, span_text, time_text
from shared.messages import Language, catalogue, text

SHOWN_DAYS = 7
"""Days of one message that are named; how many more there are is said."""
_APP = "/reporting/app/"
_DESK = "/reporting/desk/"


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


class Told(Protocol):
    """A message as it is kept. `unit_name` is its subject's, if that is a unit that is known."""

    @property
    def notification_id(self) -> UUID: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def unit_name(self) -> str | None: ...
    @property
    def at(self) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class _Said:
    """What one kind has to say: the places of its texts, which of them serve, where it leads."""

    places: Mapping[str, Any]
    link: str | None
    variant: str = ""
    """What stands between the kind and `text`, or `do`, in their codes."""
    titled: str = "title"
    more: Sequence[str] = ()
    """Sentences after what happened."""


AT_FIRST = Waits(0, None, None, None)
"""As a message stands when it is told first."""


def worded(
    message: Told, language: Language, rule: Rule, *, subscribed: bool = False, waits: Waits | None = AT_FIRST
) -> Worded:
    """A message as its reader reads it; `subscribed`: another system or an office that asked for the kind.

    `waits`: how it stands with what it asks somebody to see to.
    """
    if waits is AT_FIRST:
        due_at = next_due(rule, message.at, 0)
        waits = None if due_at is None else Waits(0, due_at, None, None)
    if subscribed:
        waits = None
    params = known.read(message.kind, message.params)
    said = None if params is None else _say(params, _Of(message, language, subscribed=subscribed))
    if said is None:
        title, body = text(f"notification.kind.{message.kind}", language), text("notification.of_before", language)
    else:
        title = text(f"notification.{message.kind}.{said.titled}", language, **said.places)
        sentences = [
            text(f"notification.{message.kind}{said.variant}.text", language, **said.places),
            *said.more,
            _do(f"notification.{message.kind}{said.variant}", language, said.places),
        ]
        body = " ".join(sentences)
    if waits and (onward := _onward(message, language, rule, waits)):
        body = f"{body} {onward}"
    link = said.link if said else None
    return Worded(
        notification_id=message.notification_id,
        kind=message.kind,
        language=language,
        title=title,
        text=body,
        why=_why(message.kind, language, subscribed=subscribed),
        link=f"{link}?lang=en" if link and language == "en" else link,
        at=message.at,
        params=message.params,
        subject=message.subject,
        acknowledge=waits is not None and waits.open,
    )


def _do(code: str, language: Language, places: Mapping[str, Any]) -> str:
    """What is to be done, and by when."""
    named = f"{code}.do"
    return text(named if named in catalogue() else "notification.nothing_to_do", language, **places)


def _why(kind: Kind, language: Language, *, subscribed: bool) -> str:
    if subscribed:
        title = text(f"notification.kind.{kind}", language)
        return text("notification.why.subscriber", language, kind=title)
    return text(f"notification.{kind}.why", language)


def _onward(message: Told, language: Language, rule: Rule, waits: Waits) -> str | None:
    """By when somebody has to say that they see to it, and who is told else; or that somebody has. None where it
    is over by itself."""
    if waits.acknowledged_at is not None:
        return text("notification.acknowledged", language, at=_by(waits.acknowledged_at, message.at, language))
    if not waits.open:
        return None
    if waits.due_at is None or waits.step >= len(rule.escalate):
        return text("notification.acknowledge.last", language)
    following = ", ".join(text(f"notification.to.{whom}", language) for whom in rule.escalate[waits.step].to)
    by = _by(waits.due_at, message.at, language)
    return text("notification.acknowledge", language, by=by, next=following)


def _by(instant: dt.datetime, at: dt.datetime, language: Language) -> str:
    """An instant as seen from another: its date only where it is another one."""
    same = local_date(instant) == local_date(at)
    return f"{time_text(instant, language) if same else moment_text(instant, language)} WIB"


@dataclass(frozen=True, slots=True)
class _Of:
    """A message that is put into words, with what the words of several kinds need."""

    message: Told
    language: Language
    subscribed: bool

    @property
    def unit(self) -> str | None:
        return self.message.unit_name or self.message.subject

    @property
    def unit_page(self) -> str | None:
        subject = self.message.subject
        return None if subject is None else f"/reporting/board/units/{quote(subject, safe='')}"

    @property
    def alert_page(self) -> str | None:
        """Who could help is for those who were told in person."""
        return self.unit_page if self.subscribed else f"{_DESK}alerts/{self.message.notification_id}"

    def word(self, code: str, **places: Any) -> str:
        return text(f"notification.{code}", self.language, **places)

    def date(self, date: dt.date) -> str:
        return date_text(date, self.language)

    def instant(self, instant: dt.datetime) -> str:
        return f"{moment_text(instant, self.language)} WIB"

    def by(self, instant: dt.datetime) -> str:
        return _by(instant, self.message.at, self.language)

    def span(self, start: dt.datetime, end: dt.datetime | None) -> str:
        if end is None:
            return self.word("counter.from", start=self.by(start))
        return self.word("counter.between", start=self.by(start), end=self.by(end))


def _hours(day: known.Day, language: Language) -> str:
    if day.starts_at is None or day.ends_at is None:
        return text("notification.no_hours", language)
    return f"{time_text(day.starts_at, language)}–{time_text(day.ends_at, language)} WIB"


def _day(of: _Of, day: known.Day) -> str:
    mode, hours, date = text(f"mode.{day.mode}", of.language), _hours(day, of.language), of.date(day.work_date)
    if day.previous is None or day.previous == day.mode:
        return of.word("day", date=date, mode=mode, hours=hours)
    previous = text(f"mode.{day.previous}", of.language)
    return of.word("day_changed", date=date, previous=previous, mode=mode, hours=hours)


@singledispatch
def _say(params: known.Params, of: _Of) -> _Said:
    """What there is to say of parameters, by their class."""
    raise NotImplementedError(f"{of.message.kind}: no words for {type(params).__name__}")


@_say.register
def _days(params: known.Days, of: _Of) -> _Said:
    days = sorted(params.days, key=lambda day: day.work_date)
    first = days[0].work_date
    one = len({day.work_date for day in days}) == 1
    shown = days[:SHOWN_DAYS]
    rest = [of.word("more_days", count=len(days) - SHOWN_DAYS)] if len(days) > SHOWN_DAYS else []
    places = {
        "date": of.date(first),
        "count": len(days),
        "days": "; ".join([*(_day(of, day) for day in shown), *rest]),
        "dates": "; ".join([*(of.date(day.work_date) for day in shown), *rest]),
    }
    titled = "title" if one or of.message.kind == "schedule.wfh" else "titles"
    return _Said(places, f"{_APP}days/{first}" if one else f"{_APP}days/", titled=titled)


@_say.register
def _report(params: known.OfReport, of: _Of) -> _Said:
    page = "report" if of.message.kind == "report.returned" else "days"
    return _Said({"date": of.date(params.work_date)}, f"{_APP}{page}/{params.work_date}")


@_say.register
def _request(params: known.OfRequest, of: _Of) -> _Said:
    request = of.word(f"request.{params.kind}")
    if params.work_date is not None:
        date = of.date(params.work_date)
        if params.last_date is not None:
            joined = "request.both" if params.kind == "swap" else "until"
            date = of.word(joined, start=date, end=of.date(params.last_date))
        request = of.word("request.dated", request=request, date=date)
    link = f"{_APP}swaps/" if params.kind == "swap" else f"{_APP}requests/"
    return _Said({"request": request, "state": of.word(f"request.state.{params.state}")}, link, f".{params.state}")


@_say.register
def _duty(params: known.OfDuty, of: _Of) -> _Said:
    places = {"date": of.date(params.work_date), "duty": text(f"duty.{params.duty}", of.language)}
    of_duty = "" if of.message.kind == "duty.corrected" else f".{params.duty}"
    to_report = params.duty in ("report", "output") and of.message.kind == "duty.not_met"
    return _Said(places, f"{_APP}{'report' if to_report else 'days'}/{params.work_date}", of_duty)


@_say.register
def _counter(params: known.OfCounter, of: _Of) -> _Said:
    places = {
        "unit": of.unit,
        "present": params.present,
        "required": params.required,
        "time": of.instant(params.as_of),
    }
    return _Said(places, of.alert_page if of.message.kind == "counter.short" else of.unit_page)


@_say.register
def _shortage(params: known.OfShortage, of: _Of) -> _Said:
    places = {
        "unit": of.unit,
        "expected": params.expected,
        "required": params.required,
        "span": of.span(params.at, params.until),
        "by": of.by(params.at),
    }
    return _Said(places, of.alert_page)


@_say.register
def _call(params: known.OfCall, of: _Of) -> _Said:
    places = {"unit": of.unit, "span": of.span(params.at, params.until), "by": of.by(params.at)}
    return _Said(places, f"{_APP}inbox/", ".now" if params.at <= of.message.at else "")


@_say.register
def _outage(params: known.OfOutage, of: _Of) -> _Said:
    interval = span_text(params.starts_at, params.ends_at, of.language)
    return _Said({"interval": interval, "reason": params.reason}, _APP)


@_say.register
def _budget(params: known.OfBudget, of: _Of) -> _Said:
    places = {
        "unit": of.unit,
        "window": of.word(f"window.{params.window}"),
        "spent": round(params.spent_minutes),
        "budget": round(params.budget_minutes),
        "time": of.instant(params.as_of),
    }
    return _Said(places, of.unit_page)


@_say.register
def _checkin(params: known.OfCheckin, of: _Of) -> _Said:
    start = f"{time_text(params.starts_at, of.language)} WIB"
    return _Said({"date": of.date(params.work_date), "start": start}, _APP)


@_say.register
def _cutoff(params: known.OfCutoff, of: _Of) -> _Said:
    places = {"date": of.date(params.work_date), "by": of.by(params.cutoff)}
    return _Said(places, f"{_APP}report/{params.work_date}")


@_say.register
def _reviews(params: known.OfReviews, of: _Of) -> _Said:
    return _Said({"waiting": params.waiting, "date": of.date(params.oldest)}, f"{_DESK}team")


def _share(tally: known.Tally, language: Language) -> str | None:
    """The share that was met of what was judged, with one decimal; None of nothing."""
    judged = tally.met + tally.not_met
    if not judged:
        return None
    percent = f"{100 * tally.met / judged:.1f}"
    return f"{percent.replace('.', ',')} %" if language == "id" else f"{percent}%"


def _tally(of: _Of, duty: str, tally: known.Tally, before: known.Tally | None) -> str | None:
    share = _share(tally, of.language)
    if share is None:
        return None
    places = {
        "duty": text(f"duty.{duty}", of.language),
        "share": share,
        "met": tally.met,
        "judged": tally.met + tally.not_met,
    }
    earlier = None if before is None else _share(before, of.language)
    if earlier is None:
        return of.word("digest.duty", **places)
    return of.word("digest.duty_before", **places, before=earlier)


@_say.register
def _week(params: known.OfWeek, of: _Of) -> _Said:
    before = params.before or {}
    lines = [_tally(of, duty, tally, before.get(duty)) for duty, tally in params.duties.items()]
    more: list[str] = []
    if params.reports_waiting is not None:
        more.append(of.word("digest.waiting", count=params.reports_waiting))
    if params.short_minutes is not None:
        more.append(of.word("digest.short", count=params.short_minutes))
    interval = of.word("until", start=of.date(params.first), end=of.date(params.last))
    said = "; ".join(line for line in lines if line) or of.word("digest.none")
    link = f"{_DESK}packs"
    if of.message.kind == "digest.head":
        link = f"/reporting/board/opds/{quote(params.opd_code, safe='')}" if params.opd_code else "/reporting/"
    return _Said({"opd": params.opd_code, "interval": interval, "duties": said}, link, more=more)
