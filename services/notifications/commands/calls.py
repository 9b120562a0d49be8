"""Asking somebody to help at a counter, and their answer. No plan is changed by either."""

import datetime as dt
from uuid import UUID

from services.notifications.commands import inbox, telling
from services.notifications.domain import alerts
from services.notifications.domain.kinds import Answer
from services.notifications.domain.telling import Telling
from services.notifications.store import calls as store
from services.notifications.store import substitutes
from services.notifications.store.calls import Alert, Call
from shared import audit
from shared.access import Principal, employee_of
from shared.database import Tx
from shared.refusals import Conflict, FieldError, Invalid, or_missing


async def call(
    tx: Tx, who: Principal, notification_id: UUID, now: dt.datetime, *, call_id: UUID, employee_id: UUID
) -> Call:
    """Ask one of those who could help. The same call again changes nothing.

    Raises Missing for a message that is not theirs, Conflict where it is over, they were asked already or too many
    have not answered yet, Invalid for somebody who could not help.
    """
    me = employee_of(who)
    alert = or_missing(await store.alert(tx, me, notification_id))
    await store.taking_turns(tx, alert.cause)
    made = await store.of_alert(tx, alert.cause)
    if same := next((one for one in made if one.call_id == call_id and one.employee_id == employee_id), None):
        return same
    if alert.state == "over":
        raise Conflict("alert.over")
    if await store.get(tx, call_id) is not None:
        raise Conflict("call.other")
    if any(one.employee_id == employee_id for one in made):
        raise Conflict("call.asked_already")
    if sum(one.answer is None for one in made) >= alerts.OPEN_CALLS:
        raise Conflict("call.too_many", params={"most": alerts.OPEN_CALLS})
    at = moment_of(alert, now)
    able = await substitutes.ranked(tx, alert.unit_id, at, called_since=now - alerts.RECENT, limit=alerts.SHOWN)
    if employee_id not in {one.employee_id for one in able}:
        raise Invalid("validation", errors=[FieldError("employee_id", "call.not_free")])
    until = alert.params.get("until")
    new = Call(
        call_id=call_id,
        cause_event_id=alert.cause,
        unit_id=alert.unit_id,
        employee_id=employee_id,
        called_by=me,
        called_at=now,
        until=dt.datetime.fromisoformat(until) if until else None,
        answer=None,
        answered_at=None,
    )
    await store.add(tx, new)
    await audit.add(
        tx, now, who, "call.asked", subject=call_id, reason=None,
        detail={"unit_id": alert.unit_id, "employee_id": employee_id},
    )  # fmt: skip
    params = {"call_id": str(call_id), "at": at.isoformat(), "until": until}
    await telling.tell(tx, [Telling("counter.call", call_id, params, alert.unit_id, people=(employee_id,))], now)
    return new


async def answer(tx: Tx, who: Principal, notification_id: UUID, said: Answer, now: dt.datetime) -> Call:
    """Say whether one can help; the message is read by that. The same again changes nothing, another answer takes
    the place of the first while there is something to help with.

    Raises Missing for a message that is not theirs, Conflict for one that asks nothing or whose time is over.
    """
    me = employee_of(who)
    await inbox.read(tx, me, notification_id, now)
    asked = await store.asked(tx, me, notification_id)
    if asked is None:
        raise Conflict("call.none")
    if asked.answer == said:
        return asked
    if asked.until is not None and now >= asked.until:
        raise Conflict("call.over")
    await store.set_answer(tx, asked.call_id, said, now)
    await audit.add(tx, now, who, "call.answered", subject=asked.call_id, reason=None, detail={"answer": said})
    return asked._replace(answer=said, answered_at=now)


def moment_of(alert: Alert, now: dt.datetime) -> dt.datetime:
    """From when on help is wanted: the beginning of a shortage that is to come, else now."""
    foreseen = alert.params.get("at")
    return max(now, dt.datetime.fromisoformat(foreseen)) if foreseen else now
