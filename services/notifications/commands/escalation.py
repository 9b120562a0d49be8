"""Others hear of it, step by step, unless somebody sees to it or it is over."""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from services.notifications.commands import telling as commands
from services.notifications.domain import news
from services.notifications.domain.kinds import Kind
from services.notifications.domain.telling import next_due
from services.notifications.store import escalation as store
from services.notifications.store import rules
from shared.database import Tx

AT_ONCE = 100
"""Steps taken in one transaction."""


async def step(tx: Tx, now: dt.datetime) -> tuple[int, Tally[Kind]]:
    """Tell what is due to those whose turn it is: how many steps were looked at, and the new messages by kind.

    Where the clock has jumped over several steps, one call takes each one further. What began too long ago to be
    news, and what the rules no longer carry further, ends in silence.
    """
    due = await store.due(tx, now, AT_ONCE)
    if not due:
        return 0, Tally()
    in_force = await rules.current(tx)
    tellings = [
        replace(one.telling, steps=one.telling.steps + 1, again=True)
        for one in due
        if news.is_fresh(one.since, now) and in_force.kinds[one.telling.kind].on
    ]
    told = await commands.tell(tx, tellings, now)
    going = {(one.kind, one.cause): one for one in tellings}
    for waiting in due:
        telling = going.get((waiting.telling.kind, waiting.telling.cause))
        if telling is None:
            await store.end(tx, waiting.telling.kind, [waiting.telling.cause], now)
            continue
        await store.stepped(tx, telling, next_due(in_force.kinds[telling.kind], waiting.since, telling.steps))
    return len(due), told


async def end(tx: Tx, kind: Kind, causes: Collection[UUID], now: dt.datetime) -> None:
    """What was told because of `causes` is over: nobody else hears of it."""
    if causes:
        await store.end(tx, kind, causes, now)


async def end_about(tx: Tx, kind: Kind, subjects: Collection[str], now: dt.datetime) -> None:
    """Everything of a kind about `subjects` is over: nobody else hears of it."""
    if subjects:
        await store.end_about(tx, kind, subjects, now)
