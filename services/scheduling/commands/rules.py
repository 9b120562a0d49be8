"""Versions of the rules: given once, never altered; backdated only by two officers."""

import datetime as dt
from dataclasses import dataclass
from uuid import uuid4

from services.scheduling.commands import plans, publish
from services.scheduling.commands.officer import officer_name
from services.scheduling.domain.rules import RulesIn
from services.scheduling.domain.timetable import WIB
from services.scheduling.models import Proposal, Rules
from services.scheduling.store import directory, governance
from shared.auth import Principal
from shared.clock import Clock
from shared.database import Database, Tx
from shared.http import FieldError, Problem


@dataclass(frozen=True, slots=True)
class Given:
    """`row` is stored and published; or `proposal` waits for a second officer."""

    row: Rules | None
    created: bool
    proposal: Proposal | None = None


async def give(db: Database, clock: Clock, who: Principal, given: RulesIn) -> Given:
    """Publish a version. The same content again is no change, also while it waits for a second officer; other
    content under a known version is refused."""
    now = clock.now()
    today = now.astimezone(WIB).date()
    async with db.transaction() as tx:
        await directory.lock(tx.connection)
        stored = await governance.rules(tx, given.rules_version)
        if stored is not None:
            if stored.model_dump(include=set(RulesIn.model_fields)) != given.model_dump():
                field = FieldError("rules_version", "rules.version_taken")
                raise Problem(409, "rules.version_taken", errors=[field])
            return Given(stored, created=False)
        waiting = await governance.proposed_rules(tx, given.rules_version)
        if waiting is not None:
            if waiting.body != given.model_dump(mode="json"):
                field = FieldError("rules_version", "rules.version_proposed")
                raise Problem(409, "rules.version_proposed", errors=[field])
            return Given(None, created=False, proposal=waiting)
        if given.effective_from < today:
            _, altered = await governance.judged_days(tx, given.effective_from, today)
            if altered:
                return Given(None, created=False, proposal=await _propose(tx, now, who, given, altered))
        return Given(await store(tx, now, who, given), created=True)


async def _propose(tx: Tx, now: dt.datetime, who: Principal, given: RulesIn, altered: int) -> Proposal:
    if who.subject is None:
        raise Problem(403, "proposal.needs_person")
    proposal = Proposal(
        proposal_id=uuid4(),
        kind="rules",
        body=given.model_dump(mode="json"),
        reason="",
        person_days=altered,
        status="open",
        proposed_by=who.subject,
        proposed_at=now,
    )
    await governance.add(tx, proposal)
    return proposal


async def store(tx: Tx, now: dt.datetime, who: Principal, given: RulesIn) -> Rules:
    """Write one version and publish it."""
    row = Rules(**given.model_dump(), created_at=now, created_by=officer_name(who))
    await governance.add(tx, row)
    await publish.send(tx, [given.event()], now)
    await plans.note(tx, now, who, "rules.given", subject=given.rules_version, reason=None)
    return row
