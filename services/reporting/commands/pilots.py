"""BKPSDM fixes a pilot before it starts; what is changed later is another revision, and says so."""

from typing import NamedTuple
from uuid import UUID, uuid5

from services.reporting.domain import pilots
from services.reporting.domain.pilots import Pilot, Protocol
from services.reporting.store import catalogue
from services.reporting.store import pilots as store
from shared import audit, outbox
from shared.access import Principal, employee_of
from shared.clock import Clock
from shared.database import Database
from shared.dates import local_date
from shared.events import source_of

SOURCE = source_of("reporting")
_EVENTS = UUID("4f0a6c1e-6b0f-4f8e-9b1c-3d5a7c9e2b10")
"""The ids of events follow from what they tell."""


class Registered(NamedTuple):
    """The newest revision, and whether this made it."""

    pilot: Pilot
    made: bool


async def register(
    db: Database, clock: Clock, who: Principal, given: Protocol, amended: int | None = None
) -> Registered:
    """Register a pilot, or a new revision of one. The same protocol again changes nothing.

    `amended`: the revision that the officer has read and changes. Raises Invalid for a protocol that makes no
    pilot and for a trial that has begun, Conflict where `amended` is not the newest.
    """
    employee_of(who)
    now = clock.now()
    async with db.transaction() as tx:
        await store.lock(tx, given.pilot_id)
        held = await store.find(tx, given.pilot_id)
        if held is not None and held.protocol == given:
            return Registered(held, made=False)
        pilots.check_revision(held, amended)
        pilots.check(given, await catalogue.opds(tx))
        pilot = pilots.register(held, given, now, local_date(now))
        await store.add(tx, pilot)
        detail = {
            "revision": pilot.revision,
            "protocol_sha256": given.sha256,
            "amended_after_start": pilot.amended_after_start,
        }
        action = "pilot.amended" if held else "pilot.registered"
        await audit.add(tx, now, who, action, subject=given.pilot_id, reason=None, detail=detail)
        event_id = uuid5(_EVENTS, f"{given.pilot_id}/{pilot.revision}")
        await outbox.add(tx, [outbox.Outgoing(pilot.published(), event_id, now)], source=SOURCE)
    return Registered(pilot, made=True)
