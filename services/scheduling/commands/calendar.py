"""The address of one's calendar feed: given, and taken back."""

import secrets

from services.scheduling.store import calendar as store
from services.scheduling.store import people
from services.scheduling.views.calendar import token_hash
from shared import audit
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.refusals import or_missing


async def open_feed(db: Database, clock: Clock, who: Principal) -> str:
    """A new token for a person's feed; the ones before it open nothing any more. Raises Missing for a stranger."""
    token, employee_id = secrets.token_urlsafe(32), employee_of(who)
    async with db.transaction() as tx:
        or_missing(await people.person(tx, employee_id), "directory.unknown")
        await store.replace_feed(tx, employee_id, token_hash(token), clock.now())
        await audit.add(tx, clock.now(), who, "calendar.opened", subject=employee_id, reason=None)
    return token


async def close_feed(db: Database, clock: Clock, who: Principal) -> None:
    """No token opens the caller's feed any more."""
    employee_id = employee_of(who)
    async with db.transaction() as tx:
        await store.replace_feed(tx, employee_id, None, clock.now())
        await audit.add(tx, clock.now(), who, "calendar.closed", subject=employee_id, reason=None)
