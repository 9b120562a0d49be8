"""Says that a service point will fall short soon, and when it will not any more.

Every service point is looked at, but only those are counted further whose date would fall short if nobody came
any more. One replica looks at a time. What was said is remembered in the transaction that says it.
"""

import asyncio
import datetime as dt
from collections import defaultdict

from services.reporting.domain import forecast
from services.reporting.domain.counters import Piece
from services.reporting.domain.forecast import Awaited, Outlook
from services.reporting.domain.transitions import transition_id
from services.reporting.store import budget, counter_days, counters
from services.reporting.store import forecast as store
from services.reporting.store.forecast import Said
from shared import outbox
from shared.database import Database, Tx
from shared.dates import local_date
from shared.events import CoverageForecast, source_of
from shared.outbox import Outgoing
from shared.service import Service

SOURCE = source_of("reporting")
PERIOD_S = 15.0


async def watch(service: Service) -> None:
    """Background task of the reporting service; runs until cancelled.

    Judges as of the instant at which the round before began, as the ticker does: who came at the last moment must
    not be missed because their check-in was still on its way.
    """
    as_of, left_out = service.clock.now(), set[str]()
    while True:
        await asyncio.sleep(PERIOD_S)
        now = service.clock.now()
        await look(service.db, as_of, left_out)
        service.health["forecast"].worked()
        as_of = now


async def look(db: Database, now: dt.datetime, left_out: set[str] | None = None) -> int:
    """One round as of business time `now`; returns how many events it put into the outbox. Nothing while another
    looks.

    A counter where somebody has just checked in is counted in a moment: with `left_out` one round passes it over,
    and remembers it there. Without it everything that is not counted is counted here.
    """
    async with db.transaction() as tx:
        if not await store.may_look(tx):
            return 0
        news = await foresee(tx, now, left_out)
        await store.say(tx, news)
        await outbox.add(tx, [_outgoing(one) for one in news], source=SOURCE)
        return len(news)


async def foresee(tx: Tx, now: dt.datetime, left_out: set[str] | None = None) -> list[Said]:
    """What is to be said as of business time `now`, for it is not what was said last; by unit_id."""
    points, said = await store.points(tx), await store.said(tx)
    standing = {unit_id for unit_id, one in said.items() if one.status == "will_fall_short"}
    pieces = await _pieces(tx, now, standing & points.keys(), left_out)
    looked_at = sorted(pieces.keys() - await store.down(tx, now, pieces.keys()))
    awaited = defaultdict[str, list[Awaited]](list)
    for one in await store.awaited(tx, looked_at, *_dates(now), now):
        awaited[one.unit_id].append(one)
    # What is no service point any more will not fall short.
    found = {unit_id: Outlook("holds", now, 0, 0) for unit_id in standing - points.keys()}
    for unit_id in looked_at:
        outlook = forecast.outlook(pieces[unit_id], awaited[unit_id], now, said=unit_id in standing)
        if outlook is not None and (outlook.status == "will_fall_short") != (unit_id in standing):
            found[unit_id] = outlook
    return [
        _said(unit_id, points.get(unit_id), found[unit_id], said.get(unit_id), now) for unit_id in sorted(found)
    ]


def _dates(now: dt.datetime) -> tuple[dt.date, dt.date]:
    """The dates on which one looks, the same one unless midnight is near."""
    return local_date(now), local_date(now + forecast.AHEAD + forecast.CALM)


async def _pieces(
    tx: Tx, now: dt.datetime, standing: set[str], left_out: set[str] | None
) -> dict[str, list[Piece]]:
    """What is known of the service points that may fall short, or of which that was said, by unit."""
    dates = sorted(set(_dates(now)))
    wanted, missing = set(standing), dict[dt.date, set[str]]()
    for date in dates:
        await counter_days.want(tx, date)
        missing[date] = set(await counters.uncounted(tx, date, now))
        wanted |= await store.suspects(tx, date, now, now + forecast.AHEAD + forecast.CALM)
    uncounted = set[str]().union(*missing.values())
    wanted |= uncounted
    if left_out is not None:
        wanted -= uncounted - counters.waited(uncounted, left_out)
    pieces = defaultdict[str, list[Piece]](list)
    for date in dates:
        afresh = wanted & missing[date]
        found = await budget.pieces(tx, sorted((unit_id, date) for unit_id in wanted - afresh))
        if afresh:
            found |= await counters.whole_dates(tx, date, afresh)
        for unit_id, of_unit in found.items():
            pieces[unit_id] += of_unit
    return dict(pieces)


def _said(unit_id: str, opd_code: str | None, found: Outlook, before: Said | None, now: dt.datetime) -> Said:
    return Said(
        unit_id=unit_id,
        opd_code=opd_code or (before.opd_code if before else ""),
        status=found.status,
        at=found.at,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        required=found.required,
        expected=found.expected,
        as_of=now,
        revision=before.revision + 1 if before else 1,
    )


def _outgoing(said: Said) -> Outgoing:
    event = CoverageForecast(**said._asdict())
    return Outgoing(event, transition_id(event.topic, said.unit_id, said.revision), said.as_of)
