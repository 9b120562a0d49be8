"""What an officer may mend in somebody's record, always with a reason, always in the audit log."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.attendance import domain, store
from services.attendance.bodies import ManualIn, VoidIn
from services.attendance.domain import Person
from services.attendance.models import Audit, Void
from services.attendance.recording import SOURCE, Intake, Recorded, record
from shared import outbox
from shared.access import Principal, acts_for_city, is_superior, only_opd
from shared.auth import employee_of
from shared.database import Tx
from shared.dates import local_date
from shared.events import AttendanceVoided
from shared.outbox import Outgoing
from shared.refusals import FieldError, Forbidden, Invalid, Missing


@dataclass(frozen=True, slots=True)
class Act:
    """An officer doing something at a business time, within a trace."""

    who: Principal
    now: dt.datetime
    traceparent: str

    @property
    def actor(self) -> str:
        """The officer's employee_id, or the OPD code of an office account."""
        return str(self.who.subject or self.who.opd or self.who.role)

    def audit(self, action: str, subject: UUID, reason: str, details: dict[str, Any]) -> Audit:
        """The entry of the audit log that says so."""
        return Audit(
            at=self.now,
            actor=self.actor,
            role=self.who.role,
            action=action,
            subject=str(subject),
            reason=reason,
            details=details,
        )


async def correctable(tx: Tx, who: Principal, employee_id: UUID) -> Person:
    """The person, if `who` may correct their record: their superior, or the admin of their OPD; never oneself.

    404 for anybody else's record: who works elsewhere is not this officer's to learn.
    """
    if who.subject == employee_id:
        raise Forbidden("correction.own")
    person = await visible(tx, who, employee_id)
    if person is None:
        raise Missing("employee.not_yours", errors=[FieldError("employee_id", "employee.not_yours")])
    return person


async def visible(tx: Tx, who: Principal, employee_id: UUID) -> Person | None:
    """The person, if `who` answers for them by the directory."""
    own_opd = only_opd(who)
    people = await store.people(tx, {employee_id, *([who.subject] if who.subject else [])})
    person = people.get(employee_id)
    if person is None or acts_for_city(who):
        return person
    if own_opd is not None:
        return person if own_opd == person.opd_code else None
    officer = people.get(employee_of(who))
    return person if officer is not None and is_superior(officer, person) else None


async def add_manual(tx: Tx, act: Act, given: ManualIn) -> Recorded:
    """Record a punch that the officer vouches for. Raises Refused."""
    await correctable(tx, act.who, given.employee_id)
    if given.at > act.now:
        raise Invalid("correction.future", errors=[FieldError("at", "correction.future")])
    if given.work_date is not None:
        around = given.work_date - local_date(given.at)
        if not -domain.PLANS_BEFORE <= around <= domain.PLANS_AFTER:
            raise Invalid("correction.far_date", errors=[FieldError("work_date", "correction.far_date")])
    intake = Intake(
        punch_id=given.punch_id or uuid4(),
        employee_id=given.employee_id,
        kind=given.kind,
        device_at=None,
        position=None,
        source="manual",
        received_at=act.now,
        traceparent=act.traceparent,
        at=given.at,
        work_date=given.work_date,
        zone=given.zone,
    )
    (result,) = await record(tx, [intake])
    if isinstance(result, Exception):
        raise result
    if result.created:
        tx.session.add(
            act.audit(
                "punch.manual",
                result.row.punch_id,
                given.reason,
                {
                    "employee_id": str(given.employee_id),
                    "kind": given.kind,
                    "at": given.at.isoformat(),
                    "work_date": result.row.work_date.isoformat(),
                    "zone": given.zone,
                },
            )
        )
    return result


async def void(tx: Tx, act: Act, given: VoidIn) -> tuple[Void, bool]:
    """Void a punch; the void and whether it is new. A second void changes nothing: the first reason stands."""
    punch = await store.lock_punch(tx, given.punch_id)
    if punch is None:
        raise Missing("punch.not_found", errors=[FieldError("punch_id", "punch.not_found")])
    await correctable(tx, act.who, punch.employee_id)
    earlier = await tx.session.get(Void, given.punch_id)
    if earlier is not None:
        return earlier, False
    made = Void(
        punch_id=given.punch_id,
        employee_id=punch.employee_id,
        work_date=punch.work_date,
        voided_at=act.now,
        voided_by=act.actor,
        reason=given.reason,
    )
    tx.session.add(made)
    tx.session.add(
        act.audit(
            "punch.void",
            given.punch_id,
            given.reason,
            {"employee_id": str(punch.employee_id), "work_date": punch.work_date.isoformat()},
        )
    )
    event = AttendanceVoided(
        punch_id=made.punch_id,
        employee_id=made.employee_id,
        work_date=made.work_date,
        voided_at=made.voided_at,
        voided_by=made.voided_by,
        reason=made.reason,
    )
    await outbox.add(tx, [Outgoing(event, uuid4(), act.now, act.traceparent)], source=SOURCE)
    return made, True
