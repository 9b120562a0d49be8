"""Taking an event back, and taking that back: each by two officers, each published and in the audit."""

import datetime as dt
from typing import Literal
from uuid import UUID

from services.scheduling.commands import plans, publish
from services.scheduling.domain.disowned import CAN_BE_DISOWNED, DisownedIn, RevocationIn
from services.scheduling.store import directory
from services.scheduling.store import disowned as store
from services.scheduling.store.tables import Disowned, Proposal
from shared import audit
from shared.access import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.events import RecordDisowned
from shared.refusals import Conflict, FieldError, Invalid, Missing

OFFICE = "BKPSDM"
"""The event names an office, never a person: its topic is public. The officers are in the audit."""

Kind = Literal["disown", "own"]


async def disown(db: Database, clock: Clock, who: Principal, given: DisownedIn) -> Proposal:
    """Propose that an event counts as never sent. The same proposal again is the one that waits.

    Raises Invalid for a topic of no events, or whose events cannot be taken back; Conflict for an event that is
    disowned already.
    """
    if given.topic not in CAN_BE_DISOWNED:
        params = {"topics": ", ".join(CAN_BE_DISOWNED)}
        code = "disowned.itself" if given.topic == RecordDisowned.topic else "disowned.unknown_topic"
        raise Invalid("validation", errors=[FieldError("topic", code, params)])
    async with db.transaction() as tx:
        await directory.lock(tx)
        await _to_disown(tx, given.ce_id)
        return await _propose(tx, clock.now(), who, "disown", given)


async def own(db: Database, clock: Clock, who: Principal, ce_id: UUID, given: RevocationIn) -> Proposal:
    """Propose that a disowned event counts again. Raises Missing for one that is not disowned."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        row = await _to_own(tx, ce_id)
        body = DisownedIn(ce_id=ce_id, topic=row.topic, reason=given.reason)
        return await _propose(tx, clock.now(), who, "own", body)


async def approve(tx: Tx, now: dt.datetime, who: Principal, proposal: Proposal) -> None:
    """Write what a proposal says and publish it, with the second officer's yes."""
    given = DisownedIn.model_validate(proposal.body)
    if proposal.kind == "disown":
        before = await _to_disown(tx, given.ce_id)
        row = await store.put(
            tx,
            Disowned(
                **given.model_dump(),
                revision=before.revision + 1 if before is not None else 1,
                disowned_at=now,
                disowned_by=who.opd or OFFICE,
            ),
        )
    else:
        row = await _to_own(tx, given.ce_id)
        row.revision, row.revoked = row.revision + 1, True
    await publish.send(tx, [_event(row)], now)
    action = "record.disowned" if proposal.kind == "disown" else "record.owned"
    await audit.add(
        tx,
        now,
        who,
        action,
        subject=row.ce_id,
        reason=given.reason,
        detail={"topic": row.topic, "revision": row.revision, "proposed_by": proposal.proposed_by},
    )


async def _to_disown(tx: Tx, ce_id: UUID) -> Disowned | None:
    """The row of an event that may be disowned: there is none yet, or it was revoked."""
    row = await store.disowned(tx, ce_id)
    if row is not None and not row.revoked:
        raise Conflict("disowned.already", errors=[FieldError("ce_id", "disowned.already")])
    return row


async def _to_own(tx: Tx, ce_id: UUID) -> Disowned:
    row = await store.disowned(tx, ce_id)
    if row is None:
        raise Missing("disowned.unknown", errors=[FieldError("ce_id", "disowned.unknown")])
    if row.revoked:
        raise Conflict("disowned.revoked", errors=[FieldError("ce_id", "disowned.revoked")])
    return row


async def _propose(tx: Tx, now: dt.datetime, who: Principal, kind: Kind, given: DisownedIn) -> Proposal:
    body = given.model_dump(mode="json")
    waiting = await store.proposed(tx, kind, given.ce_id)
    if waiting is not None:
        if waiting.body != body:
            params = {"proposal": waiting.proposal_id}
            errors = [FieldError("ce_id", "disowned.proposed", params)]
            raise Conflict("disowned.proposed", params=params, errors=errors)
        return waiting
    return await plans.offer(
        tx,
        now,
        who,
        kind,
        body,
        reason=given.reason,
        action=f"{kind}.proposed",
        subject=given.ce_id,
        topic=given.topic,
    )


def _event(row: Disowned) -> RecordDisowned:
    return RecordDisowned(
        ce_id=row.ce_id,
        of_topic=row.topic,
        revision=row.revision,
        disowned_at=row.disowned_at,
        disowned_by=row.disowned_by,
        reason=row.reason,
        revoked=row.revoked,
    )
