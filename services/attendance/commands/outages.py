"""Outages: declared, revised, revoked."""

from uuid import UUID, uuid4

from services.attendance.commands import SOURCE, Act
from services.attendance.domain.outages import OutageTerms, faults
from services.attendance.store import outages as store
from services.attendance.store.tables import Outage
from shared import audit, outbox
from shared.database import Tx
from shared.events import OutageDeclared
from shared.events.attendance import LONGEST_OUTAGE
from shared.outbox import Outgoing
from shared.refusals import Conflict, FieldError, Invalid, Missing

OFFICE = "BKPSDM"


def _check(terms: OutageTerms) -> None:
    errors = list(faults(terms))
    if errors:
        raise Invalid("validation", errors=errors)


async def declare(tx: Tx, act: Act, outage_id: UUID | None, terms: OutageTerms) -> tuple[Outage, bool]:
    """Declare an outage; it and whether it is new. The same `outage_id` with other terms is a Conflict."""
    _check(terms)
    outage = Outage(
        outage_id=outage_id or uuid4(),
        revision=1,
        scope=terms.scope.model_dump(),
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        reason=terms.reason,
        declared_by=act.who.opd or OFFICE,
    )
    if outage_id is not None:
        await store.hold_id(tx, outage_id)
        earlier = await store.lock(tx, outage_id)
        if earlier is not None:
            same = earlier.revision == 1 and all(
                getattr(earlier, name) == getattr(outage, name)
                for name in ("scope", "starts_at", "ends_at", "reason")
            )
            if not same:
                raise Conflict("outage.conflict", errors=[FieldError("outage_id", "outage.conflict")])
            return earlier, False
    await _publish(tx, act, outage, "outage.declare", terms.reason)
    return outage, True


async def revise(tx: Tx, act: Act, outage_id: UUID, revision: int, terms: OutageTerms) -> Outage:
    """Replace an outage by a new revision. Conflict when another officer was quicker, or when it is revoked."""
    _check(terms)
    outage = await _standing(tx, outage_id)
    if outage.revision != revision:
        raise Conflict(
            "outage.stale",
            params={"revision": outage.revision},
            errors=[FieldError("revision", "outage.stale", {"revision": outage.revision})],
        )
    outage.revision += 1
    outage.scope = terms.scope.model_dump()
    outage.starts_at, outage.ends_at, outage.reason = terms.starts_at, terms.ends_at, terms.reason
    await _publish(tx, act, outage, "outage.revise", terms.reason)
    return outage


async def revoke(tx: Tx, act: Act, outage_id: UUID, reason: str) -> Outage:
    """Take an outage back: from now on it excuses nothing. Revoking twice changes nothing."""
    outage = await store.lock(tx, outage_id)
    if outage is not None and outage.revoked:
        return outage
    outage = await _standing(tx, outage_id)
    outage.revision += 1
    outage.revoked = True
    await _publish(tx, act, outage, "outage.revoke", reason)
    return outage


async def _standing(tx: Tx, outage_id: UUID) -> Outage:
    outage = await store.lock(tx, outage_id)
    if outage is None:
        raise Missing("outage.not_found")
    if outage.revoked:
        raise Conflict("outage.revoked")
    return outage


async def _publish(tx: Tx, act: Act, outage: Outage, action: str, reason: str) -> None:
    # One declared before outages had a longest span can still be taken back.
    ends_at = min(outage.ends_at, outage.starts_at + LONGEST_OUTAGE) if outage.revoked else outage.ends_at
    event = OutageDeclared.model_validate({**outage.model_dump(), "ends_at": ends_at})
    tx.session.add(outage)
    detail = event.model_dump(mode="json")
    await audit.add(tx, act.now, act.who, action, subject=outage.outage_id, reason=reason, detail=detail)
    await outbox.add(tx, [Outgoing(event, uuid4(), act.now)], source=SOURCE)
