"""Weekly sums: for who heads an OPD, and for those who follow the city.

They are added up once a week by one replica, and told once, whatever the clock does.
"""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Sequence

from services.notifications.commands import telling
from services.notifications.domain import digests, reminders
from services.notifications.domain.kinds import Kind
from services.notifications.domain.rules import Rules
from services.notifications.domain.telling import Telling
from services.notifications.store import digests as store
from services.notifications.store import reminders as moments
from shared.database import Tx
from shared.dates import local_date

WAITING_SINCE = dt.timedelta(days=60)
"""Work dates of which reports are kept."""
_WEEK = dt.timedelta(days=7)


async def heads(tx: Tx, rules: Rules, now: dt.datetime) -> Tally[Kind]:
    """Tell the heads of each OPD what its last week came to, once it is time."""
    kind: Kind = "digest.head"
    week = await _week(tx, rules, kind, now)
    if week is None:
        return Tally()
    first, last = week
    rows = await store.tallies(tx, first, last)
    before = await store.tallies(tx, first - _WEEK, last - _WEEK)
    waiting = await store.waiting(tx, last - WAITING_SINCE)
    tellings = [
        Telling(
            kind,
            reminders.cause(kind, opd_code, first),
            digests.params(
                first,
                last,
                digests.tallies(row for row in rows if row.opd_code == opd_code),
                digests.tallies(row for row in before if row.opd_code == opd_code),
                opd_code=opd_code,
                waiting=waiting.get(opd_code, 0),
            ),
            opd_codes=(opd_code,),
        )
        for opd_code in sorted({row.opd_code for row in rows} | waiting.keys())
    ]
    return await telling.tell(tx, tellings, now)


async def council(tx: Tx, rules: Rules, now: dt.datetime) -> Tally[Kind]:
    """Tell those who follow the city what its last week came to: sums of everybody, and no others."""
    kind: Kind = "digest.council"
    week = await _week(tx, rules, kind, now)
    if week is None:
        return Tally()
    first, last = week
    if await store.people(tx, first, last) < digests.LEAST_PEOPLE:
        return Tally()
    before: Sequence[digests.Tally] = ()
    if await store.people(tx, first - _WEEK, last - _WEEK) >= digests.LEAST_PEOPLE:
        before = await store.tallies(tx, first - _WEEK, last - _WEEK)
    params = digests.params(
        first,
        last,
        digests.tallies(await store.tallies(tx, first, last)),
        digests.tallies(before),
        opd_code=None,
        waiting=None,
    )
    return await telling.tell(
        tx, [Telling(kind, reminders.cause(kind, "city", first), params, opd_codes=None)], now
    )


async def _week(tx: Tx, rules: Rules, kind: Kind, now: dt.datetime) -> tuple[dt.date, dt.date] | None:
    """The week to tell of, both dates included, if it is time and nobody has."""
    rule = rules.kinds[kind]
    if not rule.on or rule.at is None or rule.weekday is None:
        return None
    moment = reminders.weekly(now, rule.weekday, rule.at)
    if moment is None:
        return None
    first, last = reminders.week_before(local_date(moment))
    return (first, last) if await moments.first(tx, kind, first, moment) else None
