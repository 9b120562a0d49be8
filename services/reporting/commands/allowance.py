"""Versions of the allowance's rates are brought by file: all rows or none."""

import datetime as dt

from services.reporting.domain import allowance
from services.reporting.domain.allowance import Rates
from services.reporting.store import allowance as store
from shared import audit, csvfile
from shared.access import Principal
from shared.clock import Clock
from shared.database import Database
from shared.refusals import Conflict, FieldError


async def take(  # noqa: PLR0917 - a version, and who gives it
    db: Database,
    clock: Clock,
    who: Principal,
    rates_version: str,
    effective_from: dt.date,
    body: bytes,
    *,
    dry_run: bool,
) -> tuple[Rates, bool]:
    """The version of a CSV body, and whether it is new; the same again changes nothing.

    Raises csvfile.Rejected with every error by row and column, and Conflict where the version is another already.
    """
    rates = Rates(rates_version, effective_from, allowance.read(csvfile.read(body, allowance.REQUIRED)))
    async with db.transaction() as tx:
        await store.lock(tx)
        stored = {one.rates_version: one for one in await store.versions(tx)}.get(rates_version)
        if stored == rates:
            return rates, False
        if stored is not None:
            error = FieldError("rates_version", "allowance.version_taken", {"rates_version": rates_version})
            raise Conflict("allowance.version_taken", params=error.params, errors=[error])
        if not dry_run:
            await store.save(tx, rates)
            detail = {"effective_from": str(effective_from), "rates": len(rates.rates)}
            await audit.add(
                tx, clock.now(), who, "allowance.given", subject=rates_version, reason=None, detail=detail
            )
    return rates, True
