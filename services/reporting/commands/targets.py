"""A superior sets the targets of their people, a year at a time."""

from uuid import UUID

from services.reporting.domain import targets
from services.reporting.domain.targets import TargetsIn
from services.reporting.store import reports
from services.reporting.store import targets as store
from services.reporting.views.targets import Targets, of_year
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.refusals import Forbidden, Missing


async def put(  # noqa: PLR0917 - whose, of when, and what
    db: Database, clock: Clock, who: Principal, employee_id: UUID, year: int, given: TargetsIn
) -> Targets:
    """Replace somebody's targets of a year; the same list again changes nothing.

    Raises Missing unless the caller is their supervisor or acting deputy, Forbidden for one's own, Invalid where
    two lines share a code.
    """
    targets.check(given)
    officer = employee_of(who)
    if officer == employee_id:
        raise Forbidden("targets.own")
    async with db.transaction() as tx:
        if not await reports.may_review(tx, employee_id, officer):
            raise Missing("person.unknown")
        before = await of_year(tx, employee_id, year)
        await store.replace(tx, employee_id, year, given.items)
        after = await of_year(tx, employee_id, year)
        if after != before:
            detail = {"year": year, "codes": [item.code for item in after.items]}
            await audit.add(tx, clock.now(), who, "targets.set", subject=employee_id, reason=None, detail=detail)
    return after
