"""Intervals in which the city's own systems failed: declared, revised, revoked. An outage makes nobody late."""

import datetime as dt
from uuid import UUID, uuid4

from services.attendance import store
from services.attendance.bodies import OutageIn, OutageRevisionIn, ScopeIn
from services.attendance.corrections import Act
from services.attendance.models import Outage
from services.attendance.recording import SOURCE
from shared import outbox
from shared.database import Tx
from shared.events import OutageDeclared, Scope
from shared.events.attendance import LONGEST_OUTAGE
from shared.outbox import Outgoing
from shared.refusals import Conflict, FieldError, Invalid, Missing

OFFICE = "BKPSDM"


def _check(scope: ScopeIn, starts_at: dt.datetime, ends_at: dt.datetime) -> None:
    errors: list[FieldError] = []
    if not (scope.all or scope.opd_codes or scope.unit_ids):
        errors.append(FieldError("scope", "outage.empty_scope"))
    if starts_at >= ends_at:
        errors.append(FieldError("ends_at", "outage.ends_before_start"))
    elif ends_at - starts_at > LONGEST_OUTAGE:
        errors.append(FieldError("ends_at", "outage.too_long", {"days": LONGEST_OUTAGE.days}))
    if errors:
        raise Invalid("validation", errors=errors)


async def declare(tx: Tx, act: Act, given: OutageIn) -> tuple[Outage, bool]:
    """Declare an outage; it and whether it is new. The same `outage_id` with another body is a Conflict."""
    _check(given.scope, given.starts_at, given.ends_at)
    outage = Outage(
        outage_id=given.outage_id or uuid4(),
        revision=1,
        scope=given.scope.model_dump(),
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        reason=given.reason,
        declared_by=act.who.opd or OFFICE,
    )
    if given.outage_id is not None:
        await store.hold_outage_id(tx, given.outage_id)
        earlier = await store.lock_outage(tx, given.outage_id)
        if earlier is not None:
            same = earlier.revision == 1 and all(
                getattr(earlier, name) == getattr(outage, name)
                for name in ("scope", "starts_at", "ends_at", "reason")
            )
            if not same:
                raise Conflict("outage.conflict", errors=[FieldError("outage_id", "outage.conflict")])
            return earlier, False
    await _publish(tx, act, outage, "outage.declare", given.reason)
    return outage, True


async def revise(tx: Tx, act: Act, outage_id: UUID, given: OutageRevisionIn) -> Outage:
    """Replace an outage by a new revision. 409 when another officer was quicker, or when it is revoked."""
    _check(given.scope, given.starts_at, given.ends_at)
    outage = await _standing(tx, outage_id)
    if outage.revision != given.revision:
        raise Conflict(
            "outage.stale",
            params={"revision": outage.revision},
            errors=[FieldError("revision", "outage.stale", {"revision": outage.revision})],
        )
    outage.revision += 1
    outage.scope = given.scope.model_dump()
    outage.starts_at, outage.ends_at, outage.reason = given.starts_at, given.ends_at, given.reason
    await _publish(tx, act, outage, "outage.revise", given.reason)
    return outage


async def revoke(tx: Tx, act: Act, outage_id: UUID, reason: str) -> Outage:
    """Take an outage back: from now on it excuses nothing. Revoking twice changes nothing."""
    outage = await store.lock_outage(tx, outage_id)
    if outage is not None and outage.revoked:
        return outage
    outage = await _standing(tx, outage_id)
    outage.revision += 1
    outage.revoked = True
    await _publish(tx, act, outage, "outage.revoke", reason)
    return outage


async def _standing(tx: Tx, outage_id: UUID) -> Outage:
    outage = await store.lock_outage(tx, outage_id)
    if outage is None:
        raise Missing("outage.not_found")
    if outage.revoked:
        raise Conflict("outage.revoked")
    return outage


async def _publish(tx: Tx, act: Act, outage: Outage, action: str, reason: str) -> None:
    event = OutageDeclared(
        outage_id=outage.outage_id,
        revision=outage.revision,
        scope=Scope.model_validate(outage.scope),
        starts_at=outage.starts_at,
        # One declared before outages had a longest span can still be taken back.
        ends_at=min(outage.ends_at, outage.starts_at + LONGEST_OUTAGE) if outage.revoked else outage.ends_at,
        reason=outage.reason,
        declared_by=outage.declared_by,
        revoked=outage.revoked,
    )
    tx.session.add(outage)
    tx.session.add(act.audit(action, outage.outage_id, reason, event.model_dump(mode="json")))
    await outbox.add(tx, [Outgoing(event, uuid4(), act.now, act.traceparent)], source=SOURCE)
