"""The morning of a date beside a usual one: aggregates of people's first check-ins, of the city or of one OPD."""

import datetime as dt
from collections.abc import Mapping

from services.reporting.domain.arrivals import EDGES, Arrived, Morning, curve, dates_before
from services.reporting.domain.disclosure import too_few
from services.reporting.store import arrivals as store
from services.reporting.views.figures import Reader
from shared.database import Tx
from shared.dates import midnight


async def of_date(
    tx: Tx, reader: Reader, date: dt.date, as_of: dt.datetime, opd_code: str | None = None
) -> list[Arrived] | None:
    """Who has come by when, as of an instant; None where the reader may not see it of so few people."""
    dates = [date, *dates_before(date)]
    found = await store.mornings(tx, dates, as_of, None if reader.merged else opd_code)
    mornings = [_of(found[one], opd_code, merged=reader.merged) for one in dates]
    known = [one for one in mornings if one is not None]
    if len(known) < len(mornings):
        return None
    today, *before = known
    return curve(today, as_of - midnight(date), before)


def _of(opds: Mapping[str, Morning], opd_code: str | None, *, merged: bool) -> Morning | None:
    """The city's morning or that of one OPD; None where it may not be shown."""
    people = (
        {code: one.planned for code, one in opds.items()}
        if opd_code
        else {"": sum(m.planned for m in opds.values())}
    )
    if merged and (opd_code or "") in too_few(people):
        return None
    chosen = [one for code, one in opds.items() if opd_code in (None, code)]
    return Morning(
        sum(one.planned for one in chosen),
        tuple(sum(one.came[at] for one in chosen) for at in range(len(EDGES))),
    )
