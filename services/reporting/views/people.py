"""People: those of one OPD with their states, and one person's date with the reason for each."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.reporting.domain.catalogue import words
from services.reporting.store import figures, output
from services.reporting.store import people as store
from services.reporting.store.people import Evidence, Verdict
from shared.access import AGGREGATES_ONLY, READ_ALL_PEOPLE, Principal, may, only_opd
from shared.database import Tx
from shared.dates import local_date, moment_text, time_text
from shared.events import DUTIES, Duty, Mode, State
from shared.messages import Language, text

Compared = dt.datetime | str | float | int | None
"""A value that a rule looked at."""


class PersonStates(BaseModel):
    """The state of each duty of one person's date."""

    employee_id: UUID
    mode: Mode
    duties: dict[Duty, State]


class Found(BaseModel):
    """Somebody by name, and where they belong; null where the directory does not tell it."""

    model_config = ConfigDict(from_attributes=True)

    employee_id: UUID
    name: str | None
    opd_code: str | None
    unit_id: str | None
    unit_name: str | None


class Because(BaseModel):
    """Why a duty is in its state: a code `<duty>.<rule branch>`, what the branch compared, and both in words."""

    code: str
    params: dict[str, Compared]
    text: str


class Reason(BaseModel):
    """A duty's state and why. `event_ids`: the ce_ids of the facts that decided, the plan first."""

    state: State
    because: Because
    event_ids: list[UUID]


class Produced(BaseModel):
    """What the report of a person-day came to (docs/rules.md#what-was-produced), and by which events."""

    earned_minutes: float
    waiting_minutes: float
    submitted: bool
    returned: int
    event_ids: list[UUID]


class PersonDay(BaseModel):
    """One person's date. Without a plan nothing is due, and the other members are null."""

    employee_id: UUID
    work_date: dt.date
    mode: Mode | None = None
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    duties: dict[Duty, Reason]
    rules_version: str | None = None
    policy_version: str | None = None
    produced: Produced | None = None


# What the branches of each duty compare, beside the plan: columns of the verdict, and facts it looked at.
_LOOKED_AT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "on_time": (("first_in_at", "deadline"), ("first_in", "rules")),
    "place": (("first_in_at", "first_in_zone"), ("first_in",)),
    "hours": (("first_in_at", "last_out_at", "close_at"), ("first_in", "last_out", "rules")),
    "report": (("first_submitted_at", "cutoff_at"), ("first_report", "rules")),
    "output": (("submitted_at", "decision", "review_due"), ("report", "review")),
    # What was certain decided, which need not be the first check-in nor the last check-out.
    "on_time.in_by_deadline": (("first_in_at", "certain_in_at", "deadline"), ("certain_in", "rules")),
    "on_time.in_unverified": (("first_in_at", "certain_in_at", "deadline"), ("first_in", "rules")),
    "hours.hours_worked": (
        ("first_in_at", "last_out_at", "close_at", "certain_in_at", "certain_out_at"),
        ("certain_in", "certain_out", "rules"),
    ),
}
_FOLLOWS: dict[str, Duty] = {"no_in_as_on_time": "on_time", "no_report_as_report": "report"}
"""Without a check-in `place` and `hours` follow on_time, without a report `output` follows report."""
_SAID_ALIKE = frozenset({"leave", "off", "duty_travel", "mode_without_report"})
"""Rule branches that have one text for all duties."""
_BY_TIME: frozenset[Duty] = frozenset({"on_time", "hours"})
"""Duties that are judged by when a punch was."""
_HOUR = dt.timedelta(minutes=60)
_MINUTE = dt.timedelta(minutes=1)


async def of_opd(  # noqa: PLR0917 - a page of a list
    tx: Tx, opd_code: str, date: dt.date, as_of: dt.datetime, after: UUID | None, limit: int
) -> list[PersonStates]:
    """Those whose plan for the date names the OPD, by employee_id, at most `limit` after `after`."""
    return [
        PersonStates(
            employee_id=person.employee_id,
            mode=person.states.mode,
            duties=person.states.by_duty(),
        )
        for person in await figures.of_opd(tx, opd_code, date, as_of, after, limit)
    ]


async def found(
    tx: Tx, who: Principal, looked_for: str | None, employee_ids: Sequence[UUID], limit: int
) -> list[Found]:
    """People by a part of their name or by id, by name; an OPD admin finds those of their own OPD."""
    parts = words(looked_for) if looked_for else []
    if looked_for is not None and not parts:
        return []
    rows = await store.found(tx, only_opd(who), parts, employee_ids, limit)
    return [Found.model_validate(row) for row in rows]


async def named(tx: Tx, employee_id: UUID) -> Found | None:
    """One person's name and place; None for somebody whom the directory does not know."""
    rows = await store.found(tx, None, [], [employee_id], 1)
    return Found.model_validate(rows[0]) if rows else None


async def may_see(tx: Tx, who: Principal, employee_id: UUID, date: dt.date, last: dt.date | None = None) -> bool:
    """Whether `who` may read the person's date, or those up to `last`: the person, who answers for them, who reads
    all people, and the admin of an OPD that they are of or were planned in then."""
    if may(who, READ_ALL_PEOPLE) or who.subject == employee_id:
        return True
    if may(who, AGGREGATES_ONLY):
        return False
    opds = await store.opds_of(tx, employee_id, date, last or date)
    return only_opd(who) in opds or await answers_for(tx, who, employee_id)


async def answers_for(tx: Tx, who: Principal, employee_id: UUID) -> bool:
    """Whether `who` is one of the person's superiors, in a role that is shown persons."""
    if who.subject is None or may(who, AGGREGATES_ONLY):
        return False
    return who.subject in await store.superiors_of(tx, employee_id)


async def person_day(
    tx: Tx, employee_id: UUID, date: dt.date, as_of: dt.datetime, language: Language = "id"
) -> PersonDay:
    """One person's date with the reason for each state, in words of `language`."""
    verdict = await store.verdict(tx, employee_id, date, as_of)
    day = await explained(tx, employee_id, date, verdict, as_of, language)
    found = await output.of_day(tx, employee_id, date, as_of)
    if found is None:
        return day
    produced = Produced(
        earned_minutes=float(found.earned),
        waiting_minutes=float(found.waiting),
        submitted=found.reported > 0,
        returned=found.returned,
        event_ids=found.event_ids,
    )
    return day.model_copy(update={"produced": produced})


async def explained(  # noqa: PLR0917 - a date, as it was judged
    tx: Tx, employee_id: UUID, date: dt.date, verdict: Verdict | None, as_of: dt.datetime, language: Language
) -> PersonDay:
    """The date that `verdict` judges, None without a plan, with the reason for each state."""
    if verdict is None:
        because = Because(code="plan.none", params={}, text=text("because.plan.none", language))
        nothing = Reason(state="not_due", because=because, event_ids=[])
        return PersonDay(employee_id=employee_id, work_date=date, duties=dict.fromkeys(DUTIES, nothing))
    events = await store.evidence(tx, verdict, as_of)
    return PersonDay(
        employee_id=employee_id,
        work_date=date,
        mode=verdict.mode,
        starts_at=verdict.starts_at,
        ends_at=verdict.ends_at,
        duties={duty: await _reason(tx, duty, verdict, events, language) for duty in DUTIES},
        rules_version=verdict.rules_version,
        policy_version=verdict.policy_version,
    )


async def _reason(tx: Tx, duty: Duty, verdict: Verdict, events: dict[str, Evidence], language: Language) -> Reason:
    branch, state = verdict.because[duty], verdict.states[duty]
    params: dict[str, Compared] = {}
    verified = False
    if state == "not_due":
        kinds = ("plan", "rules") if branch == "mode_without_report" else ("plan",)
        event_ids = [events[kind].ce_id for kind in kinds if kind in events]
    else:
        source = _FOLLOWS.get(branch, duty)
        rule = verdict.because[source]
        columns, kinds = _LOOKED_AT.get(f"{source}.{rule}", _LOOKED_AT[source])
        event_ids = [events[kind].ce_id for kind in ("plan", *kinds) if kind in events]
        verified = source in _BY_TIME and any(events[kind].verified for kind in kinds if kind in events)
        if rule == "outage":
            event_ids += await store.outages(tx, verdict, *_evidence_span(verdict, source))
        params = {name: getattr(verdict, name) for name in columns}
        if duty == "hours" and verdict.starts_at is not None and verdict.ends_at is not None:
            params["required_minutes"] = (verdict.ends_at - verdict.starts_at - verdict.tolerance) / _MINUTE
    code = f"{duty}.{branch}"
    said = f"because.{branch}" if branch in _SAID_ALIKE else f"because.{code}"
    spoken = {name: _spoken(value, verdict.work_date, language) for name, value in params.items()}
    in_words = text(said, language, **spoken)
    if verified:
        params["time_trust"] = "verified"
        in_words += " " + text("because.verified_time", language)
    because = Because(code=code, params=params, text=in_words)
    return Reason(state=state, because=because, event_ids=event_ids)


def _evidence_span(verdict: Verdict, duty: Duty) -> tuple[dt.datetime, dt.datetime]:
    """The span in which an outage may have hindered the duty."""
    if duty == "on_time":
        assert verdict.starts_at is not None  # noqa: S101 - a date that owes a check-in has hours
        assert verdict.deadline is not None  # noqa: S101
        return verdict.starts_at - _HOUR, verdict.deadline
    return verdict.cutoff_at - _HOUR, verdict.cutoff_at


def _spoken(value: Compared, work_date: dt.date, language: Language) -> str:
    """A compared value as people say it: local time, with the date where it is not the work date."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, dt.datetime):
        return str(value)
    on_the_day = local_date(value) == work_date
    return (time_text if on_the_day else moment_text)(value, language, seconds=True)
