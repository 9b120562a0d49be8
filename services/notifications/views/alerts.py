"""An alert as whoever got it sees it: how it stands, who could help, who was asked."""

import datetime as dt
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain import alerts
from services.notifications.domain.alerts import AlertState
from services.notifications.domain.kinds import Answer
from services.notifications.store import calls as store
from services.notifications.store import substitutes
from shared.database import Tx
from shared.refusals import or_missing


class CallOut(BaseModel):
    """Somebody was asked to help; `answer` null while they have not said anything."""

    call_id: UUID
    employee_id: UUID
    called_at: dt.datetime
    answer: Answer | None
    answered_at: dt.datetime | None


class SubstituteOut(BaseModel):
    """Somebody who could help, with the reasons for their rank.

    `skills`: those that people of the counter have too. `metres`: between the places of both units, null where
    one has none. `calls`: how often they were asked in 30 days. `here`: whether they came to work today, null
    where that is not known.
    """

    employee_id: UUID
    unit_id: str
    unit_name: str | None
    same_opd: bool
    mode: Literal["WFO", "WFH"]
    skills: list[str]
    metres: int | None
    calls: int
    here: bool | None


class AlertOut(BaseModel):
    """A counter that is short, or will be, or was: `state` is as of now, the figures are those of the message.

    `staff`: who was there, or was expected. `at`: since when, or from when on; `until`: null where nobody knows.
    `substitutes`: the best first, without those who were asked; none once it is over.
    """

    notification_id: UUID
    kind: Literal["counter.soon", "counter.short"]
    state: AlertState
    unit_id: str
    unit_name: str | None
    required: int
    staff: int
    at: dt.datetime
    until: dt.datetime | None
    told_at: dt.datetime
    acknowledged_at: dt.datetime | None
    acknowledged_by_me: bool
    substitutes: list[SubstituteOut]
    calls: list[CallOut]


async def shown(tx: Tx, me: UUID, notification_id: UUID, now: dt.datetime) -> AlertOut:
    """One alert of mine. Raises Missing."""
    alert = or_missing(await store.alert(tx, me, notification_id))
    params = alert.params
    soon = alert.kind == "counter.soon"
    at = dt.datetime.fromisoformat(params["at"] if soon else params["as_of"])
    able = []
    if alert.state != "over":
        able = await substitutes.ranked(
            tx, alert.unit_id, max(at, now), called_since=now - alerts.RECENT, limit=alerts.SHOWN
        )
    made = await store.of_alert(tx, alert.cause)
    asked = {call.employee_id for call in made}
    until = params.get("until")
    return AlertOut(
        notification_id=alert.notification_id,
        kind="counter.soon" if soon else "counter.short",
        state=alert.state,
        unit_id=alert.unit_id,
        unit_name=alert.unit_name,
        required=params["required"],
        staff=params["expected" if soon else "present"],
        at=at,
        until=dt.datetime.fromisoformat(until) if until else None,
        told_at=alert.told_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by_me=alert.acknowledged_by == me,
        substitutes=[
            SubstituteOut.model_validate(
                {**one._asdict(), "metres": None if one.metres is None else round(one.metres)}
            )
            for one in able
            if one.employee_id not in asked
        ],
        calls=[call_out(call) for call in made],
    )


def call_out(call: store.Call) -> CallOut:
    """A call as those see it who may: who asked for it is in the audit."""
    return CallOut(
        call_id=call.call_id,
        employee_id=call.employee_id,
        called_at=call.called_at,
        answer=call.answer,
        answered_at=call.answered_at,
    )
