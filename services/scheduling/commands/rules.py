"""Versions of the rules: given once, never altered; late ones only by two officers."""

import datetime as dt
from dataclasses import dataclass

from services.scheduling.commands import plans, publish
from services.scheduling.domain.late import Touch
from services.scheduling.domain.rules import RulesIn, touches
from services.scheduling.store import directory, late, proposals, tables
from services.scheduling.store import rules as store
from services.scheduling.store.tables import Proposal, Rules
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database, Tx
from shared.dates import local_date
from shared.refusals import Conflict, FieldError


@dataclass(frozen=True, slots=True)
class Given:
    """A version that is stored and published; `created` by this call."""

    row: Rules
    created: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that waits for a second officer."""

    proposal: Proposal


async def give(
    db: Database, clock: Clock, who: Principal, given: RulesIn, *, reason: str | None = None
) -> Given | Waiting:
    """Publish a version. The same content again is no change, also while it waits for a second officer; other
    content under a known version is refused. One that judges days otherwise that are over or have begun waits
    whole: rules cannot hold for some people of a date and not for others."""
    async with db.transaction() as tx:
        await directory.lock(tx)
        now = clock.now()
        stored = await store.rules(tx, given.rules_version)
        if stored is not None:
            if stored.model_dump(include=set(RulesIn.model_fields)) != given.model_dump():
                field = FieldError("rules_version", "rules.version_taken")
                raise Conflict("rules.version_taken", errors=[field])
            return Given(stored, created=False)
        waiting = await proposals.proposed_rules(tx, given.rules_version)
        if waiting is not None:
            if waiting.body != given.model_dump(mode="json"):
                field = FieldError("rules_version", "rules.version_proposed")
                raise Conflict("rules.version_proposed", errors=[field])
            return Waiting(waiting)
        touched = await _touches(tx, given, now)
        altered = await late.count(tx, touched, now)
        if not altered:
            return Given(await _publish(tx, now, who, given), created=True)
        body = given.model_dump(mode="json")
        proposal = await plans.offer(tx, now, who, "rules", body, reason=reason or "-", person_days=altered)
        await late.list_days(tx, touched, now, proposal.proposal_id)
        return Waiting(proposal)


async def _touches(tx: Tx, given: RulesIn, now: dt.datetime) -> list[Touch]:
    rows = await store.all_rules(tx)
    # As they are: a version from before a bound of the contract was drawn keeps no new one back.
    stored = [RulesIn.model_construct(**row.model_dump(include=set(RulesIn.model_fields))) for row in rows]
    return touches(given, stored, local_date(now))


async def approve(tx: Tx, now: dt.datetime, who: Principal, proposal: Proposal) -> None:
    """Let a proposed version take effect.

    Raises Conflict if it exists, or alters person-days by now that were not listed.
    """
    given = RulesIn.model_validate(proposal.body)
    if await store.rules(tx, given.rules_version) is not None:
        raise Conflict("proposal.version_exists", params={"version": given.rules_version})
    grown = await late.unlisted(tx, await _touches(tx, given, now), now, proposal.proposal_id)
    if grown:
        raise Conflict("proposal.grown", params={"count": grown})
    await _publish(tx, now, who, given)


async def _publish(tx: Tx, now: dt.datetime, who: Principal, given: RulesIn) -> Rules:
    """Write one version and publish it."""
    row = Rules(**given.model_dump(), created_at=now, created_by=str(employee_of(who)))
    await tables.add(tx, row)
    await publish.send(tx, [given.event()], now)
    await audit.add(
        tx,
        now,
        who,
        "rules.given",
        subject=given.rules_version,
        reason=None,
        detail={"rules": given.model_dump(mode="json")},
    )
    return row
