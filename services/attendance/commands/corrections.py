"""What an officer may mend in somebody's record, always with a reason, always in the audit log."""

from datetime import datetime
from uuid import UUID, uuid4

from services.attendance.commands import SOURCE, Act
from services.attendance.commands.punches import Intake, Recorded, Stated, record
from services.attendance.domain import punches as domain
from services.attendance.store import punches as store
from services.attendance.store.tables import Punch, Void
from services.attendance.views import people
from shared import audit, outbox
from shared.access import Principal
from shared.database import Tx
from shared.dates import local_date
from shared.events import AttendanceVoided, PunchKind
from shared.outbox import Outgoing
from shared.refusals import FieldError, Forbidden, Invalid, Missing


async def _may_correct(tx: Tx, who: Principal, employee_id: UUID) -> None:
    """Raises Refused unless `who` answers for the person; nobody corrects their own record."""
    if who.subject == employee_id:
        raise Forbidden("correction.own")
    await people.answered_for(tx, who, employee_id)


async def add_manual(
    tx: Tx, act: Act, *, punch_id: UUID, employee_id: UUID, kind: PunchKind, stated: Stated, reason: str
) -> Recorded:
    """Record a punch that the officer vouches for. Raises Refused."""
    await _may_correct(tx, act.who, employee_id)
    check(stated, act.now)
    return await put_manual(
        tx, act, punch_id=punch_id, employee_id=employee_id, kind=kind, stated=stated, reason=reason
    )


def check(stated: Stated, now: datetime, at: str = "at", work_date: str = "work_date") -> None:
    """Raises Invalid, naming the field `at` or `work_date`, for what cannot have been."""
    if stated.at > now:
        raise Invalid("correction.future", errors=[FieldError(at, "correction.future")])
    if stated.work_date is not None:
        around = stated.work_date - local_date(stated.at)
        if not -domain.PLANS_BEFORE <= around <= domain.PLANS_AFTER:
            raise Invalid("correction.far_date", errors=[FieldError(work_date, "correction.far_date")])


async def put_manual(
    tx: Tx, act: Act, *, punch_id: UUID, employee_id: UUID, kind: PunchKind, stated: Stated, reason: str
) -> Recorded:
    """The same for somebody of whom it is known that the officer may, and what is checked."""
    intake = Intake(punch_id, employee_id, kind, None, None, "manual", act.now, stated)
    (result,) = await record(tx, [intake])
    if isinstance(result, Exception):
        raise result
    if result.created:
        details = {
            "employee_id": str(employee_id),
            "kind": kind,
            "at": stated.at.isoformat(),
            "work_date": result.row.work_date.isoformat(),
            "zone": stated.zone,
        }
        await audit.add(tx, act.now, act.who, "punch.manual", subject=punch_id, reason=reason, detail=details)
    return result


async def void(tx: Tx, act: Act, punch_id: UUID, reason: str) -> tuple[Void, bool]:
    """Void a punch; the void and whether it is new. A second void changes nothing: the first reason stands."""
    punch = await store.lock(tx, punch_id)
    if punch is None:
        raise Missing("punch.not_found", errors=[FieldError("punch_id", "punch.not_found")])
    await _may_correct(tx, act.who, punch.employee_id)
    return await put_void(tx, act, punch, reason)


async def put_void(tx: Tx, act: Act, punch: Punch, reason: str) -> tuple[Void, bool]:
    """The same for a punch, which `tx` holds, of somebody of whom it is known that the officer may."""
    punch_id = punch.punch_id
    earlier = await store.void_of(tx, punch_id)
    if earlier is not None:
        return earlier, False
    event = AttendanceVoided(
        punch_id=punch_id,
        employee_id=punch.employee_id,
        work_date=punch.work_date,
        voided_at=act.now,
        voided_by=act.officer,
        reason=reason,
    )
    voided = Void(**event.model_dump())
    details = {"employee_id": str(punch.employee_id), "work_date": punch.work_date.isoformat()}
    tx.session.add(voided)
    await audit.add(tx, act.now, act.who, "punch.void", subject=punch_id, reason=reason, detail=details)
    await outbox.add(tx, [Outgoing(event, uuid4(), act.now)], source=SOURCE)
    return voided, True
