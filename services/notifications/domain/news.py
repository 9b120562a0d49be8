"""Who is told what, and when silence is better. Pure: facts and a time in, notices out.

An event is *news* if it ranks above what is held for its fact key when it arrives (shared.facts). So a
duplicate or a late, older revision says nothing new, and how records happen to be cut into batches makes no
difference. Only fresh news is told: a rebuild, or a new deployment that reads the log from its beginning, must not
send mail about last year. And only what differs from what was last heard: news that says the same again is silent.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID, uuid5

from services.notifications.domain.kinds import Kind
from services.notifications.domain.params import Asked
from shared.dates import local_date
from shared.events import (
    AbsenceDecided,
    ComplianceChanged,
    CorrectionDecided,
    CoverageChanged,
    OutageDeclared,
    ReportReviewed,
    ScheduleChanged,
    Scope,
)

FRESH = dt.timedelta(days=3)
SOON = dt.timedelta(days=1)
"""So far ahead a first plan is told whatever its mode."""
_NAMESPACE = UUID("6f6d1c39-2f0e-5a0e-9f53-2b6f0c7d5a11")

Held = Mapping[str, Any] | None
"""The row that is held for the fact key of an event, before the event is taken in."""
Said = tuple[Kind, dict[str, Any]] | None
"""What there is to tell, as a kind of message and its parameters; None for nothing."""


class LiveOutage(NamedTuple):
    """An outage as last heard of, by the event `ce_id`."""

    outage_id: UUID
    scope: Scope
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str
    ce_id: UUID


class StandingAlert(NamedTuple):
    """A counter that people were told is short, by the event `alert`, and its figures as last heard."""

    unit_id: str
    opd_code: str
    required: int
    present_low: int
    as_of: dt.datetime
    alert: UUID


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person. `subject` is the unit or the outage it is about, where there is one."""

    employee_id: UUID
    """Of a message to a subscription, its subscription_id."""
    kind: Kind
    cause: UUID
    params: dict[str, Any]
    subject: str | None = None
    subscribed: bool = False
    """Whether it goes to a subscription: nobody's inbox."""
    id: UUID = field(init=False)
    """The same for the same person, cause and kind, however often it is worked out."""

    def __post_init__(self) -> None:
        id_ = uuid5(_NAMESPACE, f"{self.employee_id}/{self.cause}/{self.kind}")
        object.__setattr__(self, "id", id_)


def is_fresh(happened: dt.datetime, now: dt.datetime) -> bool:
    """Whether something that happened then is still worth a message: not after three days."""
    return now - happened <= FRESH


def on_plan(event: ScheduleChanged, held: Held, now: dt.datetime) -> Kind | None:
    """A changed plan is told if it differs in mode, hours or place and its day is not over.

    A first plan to work from home is told for whatever day, for it says to stay away from the office. Any other
    first plan is told for today and tomorrow in Jakarta, when it is late to find out by oneself; further ahead it
    is silent, or 24,000 people would get a message for each working day of a month. A first day off is silent.
    """
    if event.work_date < local_date(now) and (event.ends_at is None or event.ends_at <= now):
        return None
    if held is None:
        if event.mode == "WFH":
            return "schedule.wfh"
        soon = event.work_date <= local_date(now) + SOON
        return "schedule.new" if soon and event.mode != "OFF" else None
    was = (held["mode"], held["starts_at"], held["ends_at"], held["unit_id"])
    return "schedule.changed" if was != (event.mode, event.starts_at, event.ends_at, event.unit_id) else None


def day_of(event: ScheduleChanged) -> dict[str, Any]:
    """A plan as a message's parameters."""
    return {
        "work_date": event.work_date.isoformat(),
        "mode": event.mode,
        "starts_at": event.starts_at.isoformat() if event.starts_at else None,
        "ends_at": event.ends_at.isoformat() if event.ends_at else None,
    }


def plan_params(kind: Kind, event: ScheduleChanged, held: Held) -> dict[str, Any]:
    """The parameters of what `on_plan` has to say."""
    if kind == "schedule.wfh":
        return {"days": [day_of(event)]}
    return day_of(event) if held is None else {**day_of(event), "previous": held["mode"]}


def review_content(event: ReportReviewed) -> str:
    """A digest of what was decided, whoever decided it and when: the same for the same decision and quantities."""
    accepted = sorted((item.item_id, float(item.accepted_quantity)) for item in event.items)
    return hashlib.sha256(json.dumps([event.decision, accepted]).encode()).hexdigest()


def on_review(event: ReportReviewed, held: Held) -> Said:
    """Every decision is told to whose work it judges; who decided is for the report's own page.

    A decision that is published again (another revision, another event id) and decides the same is silent.
    """
    if held is not None and held["content"] == review_content(event):
        return None
    kind: Kind = "report.accepted" if event.decision == "accepted" else "report.returned"
    return kind, {"work_date": event.work_date.isoformat(), "report_revision": event.report_revision}


def on_compliance(event: ComplianceChanged, held: Held = None) -> Said:
    """`not_met` is told, `unknown` is explained, and a better verdict takes a bad one back.

    `met` straight from `pending` is what everyone expects: nothing is said. What was before is what was heard
    before; the event's own word for it serves where nothing was.
    """
    params = {"work_date": event.work_date.isoformat(), "duty": event.duty}
    previous = event.previous if held is None else held["state"]
    if event.state == previous:
        return None
    if event.state == "not_met":
        return "duty.not_met", params
    if event.state == "unknown":
        return "duty.unknown", params
    if previous in ("not_met", "unknown") and event.state in ("met", "not_due"):
        return "duty.corrected", params
    return None


def is_late(event: ComplianceChanged) -> bool:
    """Whether it says that somebody was not there on time."""
    return event.duty == "on_time" and event.state == "not_met"


def on_decision(event: CorrectionDecided | AbsenceDecided, held: Held) -> Said:
    """A decision is told to who asked. One that is published again is silent, and so is one about a
    kind of request for which there are no words."""
    if (held is not None and held["state"] == event.state) or event.kind not in get_args(Asked):
        return None
    params: dict[str, Any] = {"request_id": str(event.request_id), "kind": event.kind, "state": event.state}
    if event.work_date is not None:
        params["work_date"] = event.work_date.isoformat()
    if isinstance(event, AbsenceDecided) and event.last_date and event.last_date != event.work_date:
        params["last_date"] = event.last_date.isoformat()
    return "request.decided", params


CounterStep = Literal["alert", "all_clear"]


def on_coverage(
    event: CoverageChanged, ce_id: UUID, alert: UUID | None, *, fresh: bool
) -> tuple[CounterStep | None, UUID | None]:
    """(what to tell, the alert that stands after it), where `alert` stood before.

    One alert for one shortage: it stands while the counter is short or unknown, and is taken back when the
    counter is met again. Closing ends it in silence: the day is over.
    """
    if event.status == "short":
        if alert is not None or not fresh:
            return None, alert
        return "alert", ce_id
    if event.status == "unknown":
        return None, alert
    if event.status == "met" and alert is not None:
        return "all_clear", None
    return None, None


def counter_params(counter: CoverageChanged | StandingAlert) -> dict[str, Any]:
    """A counter's figures as a message's parameters."""
    return {"required": counter.required, "present": counter.present_low, "as_of": counter.as_of.isoformat()}


def outage_differs(event: OutageDeclared, held: Held) -> bool:
    """Whether a revision of a declared outage changes anything for the people in its scope."""
    return held is None or outage_moves(event, held) or _reach(_scope(held["scope"])) != _reach(event.scope)


def outage_moves(event: OutageDeclared, held: Held) -> bool:
    """Whether it changes something for those who are in its scope before and after."""
    if held is None:
        return True
    was = (held["revoked"], held["starts_at"], held["ends_at"])
    return was != (event.revoked, event.starts_at, event.ends_at)


def _reach(scope: Scope) -> tuple[bool, frozenset[str], frozenset[str]]:
    """A scope without the order of its lists; all is all, whatever else is named."""
    if scope.all:
        return True, frozenset(), frozenset()
    return False, frozenset(scope.opd_codes), frozenset(scope.unit_ids)


def _scope(stored: Any) -> Scope:
    """A scope as the database gives it back, or as it was given to the database."""
    return Scope.model_validate_json(stored) if isinstance(stored, str) else Scope.model_validate(stored)


def outage_params(outage: OutageDeclared | LiveOutage) -> dict[str, Any]:
    """An outage as a message's parameters."""
    return {
        "starts_at": outage.starts_at.isoformat(),
        "ends_at": outage.ends_at.isoformat(),
        "reason": outage.reason,
    }
