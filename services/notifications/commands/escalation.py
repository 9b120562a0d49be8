"""Others hear of it, step by step, unless somebody sees to it or it is over."""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from services.notifications.commands import telling as commands
from services.notifications.domain import news, reminders
from services.notifications.domain.kinds import Kind
from services.notifications.domain.telling import next_due
from services.notifications.store import escalation as store
from services.notifications.store import reminders as moments
from services.notifications.store import rules
from services.notifications.store.escalation import Waiting
from shared.database import Tx
from shared.dates import local_date

REVIEWS: Kind = "reviews.waiting"
AT_ONCE = 100
"""Steps taken in one transaction."""


async def step(tx: Tx, now: dt.datetime) -> tuple[int, Tally[Kind]]:
    """Tell what is due to those whose turn it is: how many steps were looked at, and the new messages by kind.

    Where the clock has jumped over several steps, one call takes each one further. What began too long ago to be
    news, and what the rules no longer carry further, ends in silence.
    """
    found = await store.due(tx, now, AT_ONCE)
    if not found:
        return 0, Tally()
    due = await _reviews(tx, found, now)
    in_force = await rules.current(tx)
    tellings = [
        replace(one.telling, steps=one.telling.steps + 1, again=True)
        for one in due
        if _stands(one, now) and in_force.kinds[one.telling.kind].on
    ]
    told = await commands.tell(tx, tellings, now)
    going = {(one.kind, one.cause): one for one in tellings}
    for waiting in due:
        telling = going.get((waiting.telling.kind, waiting.telling.cause))
        if telling is None:
            await store.end(tx, waiting.telling.kind, [waiting.telling.cause], now)
            continue
        await store.stepped(tx, telling, next_due(in_force.kinds[telling.kind], waiting.since, telling.steps))
    return len(found), told


def _stands(waiting: Waiting, now: dt.datetime) -> bool:
    """Whether it is still worth telling. Reports wait over days on which nobody works, too."""
    if waiting.telling.kind == REVIEWS:
        return now - waiting.since <= reminders.REVIEWS_STAND
    return news.is_fresh(waiting.since, now)


async def _reviews(tx: Tx, due: Sequence[Waiting], now: dt.datetime) -> Sequence[Waiting]:
    """What is due without the digests of reviews that are answered, which are over; and without all of them on a
    day on which nobody works: they are due again a day later."""
    causes = {one.telling.cause for one in due if one.telling.kind == REVIEWS}
    if not causes:
        return due
    left = await unanswered(tx, causes, now)
    today = local_date(now)
    if not reminders.is_working_day(today, await moments.holidays(tx, today.year)):
        for one in due:
            if one.telling.cause in left:
                await store.stepped(tx, one.telling, now + dt.timedelta(days=1))
        left = set[UUID]()
    return [one for one in due if one.telling.kind != REVIEWS or one.telling.cause in left]


async def unanswered(tx: Tx, causes: Collection[UUID], now: dt.datetime) -> set[UUID]:
    """Of digests of reviews those that stand and of whose reports one still waits; the others are over."""
    left = await moments.unanswered(tx, causes)
    await end(tx, REVIEWS, set(causes) - left, now)
    return left


async def end(tx: Tx, kind: Kind, causes: Collection[UUID], now: dt.datetime) -> None:
    """What was told because of `causes` is over: nobody else hears of it."""
    if causes:
        await store.end(tx, kind, causes, now)


async def end_about(tx: Tx, kind: Kind, subjects: Collection[str], now: dt.datetime) -> None:
    """Everything of a kind about `subjects` is over: nobody else hears of it."""
    if subjects:
        await store.end_about(tx, kind, subjects, now)
