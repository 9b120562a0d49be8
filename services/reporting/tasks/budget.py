"""Says when a service point begins to burn its error budget, has spent it, and does so no longer.

A unit is looked at when one of its dates was counted anew, and else when opening time alone may change what is
said of it (`domain/budget.look_again`): a round costs what has changed since the last, whatever the size of the
city. One replica looks at a time. What was said is remembered in the transaction that says it.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence

from services.reporting.domain import budget
from services.reporting.domain.budget import Spending
from services.reporting.domain.counters import Piece
from services.reporting.domain.transitions import transition_id
from services.reporting.store import budget as store
from services.reporting.store.budget import Due, Said
from shared import outbox
from shared.database import Database, Tx
from shared.dates import local_date, midnight
from shared.events import BudgetWindow, CoverageBudget, source_of
from shared.outbox import Outgoing
from shared.service import Service

SOURCE = source_of("reporting")
PERIOD_S = 10.0
"""Wall seconds between two rounds: the shortest window is an hour of opening."""
UNITS_AT_ONCE = 50
"""Of one transaction: their last twenty open dates are read in some 50 ms."""
DAY = dt.timedelta(days=1)


async def watch(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled."""
    while True:
        now, looked = service.clock.now(), UNITS_AT_ONCE
        # Fewer are all there were: who is touched meanwhile can wait for the next round.
        while looked == UNITS_AT_ONCE:
            looked = await look(service.db, now)
        async with service.db.read() as tx:
            counts = await store.counts(tx)
        for window in budget.WINDOWS:
            service.metrics.budgets_burning.labels(window).set(counts.get(window, 0))
        service.health["budget"].worked()
        await asyncio.sleep(PERIOD_S)


async def look(db: Database, now: dt.datetime) -> int:
    """Look at some units that are due as of business time `now`; returns how many. Nothing while another looks."""
    async with db.transaction() as tx:
        if not await store.may_look(tx):
            return 0
        units = await store.due(tx, now, UNITS_AT_ONCE)
        if units:
            await _look_at(tx, units, now)
        return len(units)


async def _look_at(tx: Tx, units: Sequence[Due], now: dt.datetime) -> None:
    today = local_date(now)
    open_dates = await store.open_dates(
        tx, [unit.unit_id for unit in units], today - budget.CALENDAR_DAYS * DAY, today, now
    )
    wanted = {(unit.unit_id, today) for unit in units}
    for unit_id, dates in open_dates.items():
        latest = list(dates)[: budget.dates_of_a_day(dates.values())]
        # What was never short of late needs no pieces: nothing of it can burn.
        if any(dates[day].short_us for day in latest):
            wanted |= {(unit_id, day) for day in latest}
    pieces = await store.pieces(tx, sorted(wanted))
    said = await store.said(tx, [unit.unit_id for unit in units])
    news: list[Said] = []
    again: dict[str, dt.datetime] = {}
    for unit in units:
        so_far, rest = _cut(pieces.get(unit.unit_id, []), now)
        windows: dict[BudgetWindow, Spending] = {}
        if unit.slo is not None:
            windows = budget.spending(unit.slo, list(open_dates.get(unit.unit_id, {}).values()), so_far)
        for window in budget.WINDOWS:
            changed = _changed(unit, window, windows.get(window), said.get((unit.unit_id, window)), now)
            if changed is not None:
                news.append(changed)
        burns = any(one.burns for one in windows.values())
        again[unit.unit_id] = budget.look_again(now, rest, midnight(today + DAY), said=burns)
    await store.say(tx, news)
    await outbox.add(tx, [_outgoing(one) for one in news], source=SOURCE)
    await store.looked(tx, units, again)


def _cut(pieces: Sequence[Piece], now: dt.datetime) -> tuple[list[Piece], list[Piece]]:
    """What is over of the pieces, and what is not; the one that holds `now` is in both."""
    over = [piece._replace(until_at=min(piece.until_at, now)) for piece in pieces if piece.from_at < now]
    return over, [piece for piece in pieces if piece.until_at > now]


def _changed(
    unit: Due, window: BudgetWindow, spending: Spending | None, before: Said | None, now: dt.datetime
) -> Said | None:
    """What is to be said of a window; None where that is what was said."""
    burns = spending is not None and spending.burns
    status = budget.status_of(window) if burns else "recovered"
    if status == (before.status if before else "recovered"):
        return None
    opd_code = unit.opd_code or (before.opd_code if before else "")
    return Said(
        unit_id=unit.unit_id,
        opd_code=opd_code,
        of_window=window,
        status=status,
        since=now,
        burn_rate=spending.burn_rate if spending else None,
        spent_minutes=spending.spent_minutes if spending else 0.0,
        budget_minutes=spending.budget_minutes if spending else 0.0,
        revision=before.revision + 1 if before else 1,
    )


def _outgoing(said: Said) -> Outgoing:
    event = CoverageBudget(
        unit_id=said.unit_id,
        opd_code=said.opd_code,
        window=said.of_window,
        revision=said.revision,
        status=said.status,
        burn_rate=said.burn_rate,
        spent_minutes=said.spent_minutes,
        budget_minutes=said.budget_minutes,
        as_of=said.since,
    )
    key = f"{said.unit_id}/{said.of_window}"
    return Outgoing(event, transition_id(event.topic, key, said.revision), said.since)
