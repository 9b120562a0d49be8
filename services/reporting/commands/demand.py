"""Who came to service points: told by file, all rows or none, or date by date by the machine that counts them."""

import asyncio
import datetime as dt
from typing import NamedTuple

from services.reporting.domain import demand
from services.reporting.domain.demand import Demand, DemandIn, Taker
from services.reporting.domain.kept import kept_from
from services.reporting.store import demand as store
from shared import audit, csvfile
from shared.access import Principal, only_opd, own_opd
from shared.database import Tx
from shared.dates import local_date
from shared.refusals import Missing
from shared.service import Service


class Outcome(NamedTuple):
    """Half hours that were given, and how many of them are new, changed, or gone."""

    rows: int
    created: int
    changed: int
    removed: int

    @property
    def unchanged(self) -> int:
        return self.rows - self.created - self.changed


async def take(service: Service, who: Principal, body: bytes, *, dry_run: bool) -> Outcome:
    """Import a CSV body. Raises csvfile.Rejected with every error by row and column; then nothing changed."""
    rows = await asyncio.to_thread(csvfile.read, body, demand.COLUMNS)
    now = service.clock.now()
    async with service.db.transaction() as tx:
        await store.lock(tx)
        taker = await _taker(tx, service, who, now)
        taken = await asyncio.to_thread(demand.read, rows, taker)
        news, outcome = _compared(taken, await store.stored(tx, taken))
        if news and not dry_run:
            await store.save(tx, news)
            await _audit(tx, now, who, "demand.imported", "demand", outcome)
    return outcome


async def put(service: Service, who: Principal, unit_id: str, date: dt.date, given: DemandIn) -> Outcome:
    """Replace the half hours of a service point's date; the same again changes nothing.

    Raises Missing for what is no service point, Forbidden for one of another OPD, Invalid for half hours that
    cannot be taken.
    """
    now = service.clock.now()
    async with service.db.transaction() as tx:
        await store.lock(tx)
        taker = await _taker(tx, service, who, now)
        if unit_id not in taker.opds:
            raise Missing("unit.unknown", params={"unit_id": unit_id})
        own_opd(who, [taker.opds[unit_id]])
        taken = demand.of_date(unit_id, date, given, taker)
        before = set(await store.of_dates(tx, unit_id, date, date))
        news, outcome = _compared(taken, before)
        gone = {one.from_at for one in before} - {one.from_at for one in taken}
        outcome = outcome._replace(removed=len(gone))
        if news or gone:
            await store.remove(tx, unit_id, gone)
            await store.save(tx, news)
            await _audit(tx, now, who, "demand.set", f"{unit_id}/{date}", outcome)
    return outcome


async def _taker(tx: Tx, service: Service, who: Principal, now: dt.datetime) -> Taker:
    kept = kept_from(local_date(now), service.settings.keep_facts_months)
    return Taker(await store.service_points(tx), only_opd(who), now, kept)


def _compared(taken: list[Demand], before: set[Demand]) -> tuple[list[Demand], Outcome]:
    """What is news of what was given."""
    known = {(one.unit_id, one.from_at) for one in before}
    news = [one for one in taken if one not in before]
    changed = sum((one.unit_id, one.from_at) in known for one in news)
    return news, Outcome(len(taken), len(news) - changed, changed, 0)


async def _audit(  # noqa: PLR0917 - who did what when
    tx: Tx, now: dt.datetime, who: Principal, action: str, subject: str, outcome: Outcome
) -> None:
    detail = {"created": outcome.created, "changed": outcome.changed, "removed": outcome.removed}
    await audit.add(tx, now, who, action, subject=subject, reason=None, detail=detail)
