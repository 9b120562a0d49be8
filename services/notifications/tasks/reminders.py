"""What time brings: who has not come, whose report is missing, whose reports wait, what a week came to.

Everything here goes by business time, which may run fast, jump and go back; a round costs a few looks into
indexes. What was told is remembered with the messages, in one transaction: two replicas tell nothing twice.
"""

import asyncio
import datetime as dt
from collections import Counter as Tally
from collections.abc import Awaitable, Callable

from services.notifications.commands import escalation, telling
from services.notifications.domain import news, reminders
from services.notifications.domain.kinds import Kind
from services.notifications.domain.rules import Rules
from services.notifications.domain.telling import Telling
from services.notifications.store import escalation as escalated
from services.notifications.store import reminders as store
from services.notifications.store import rules as rules_store
from services.notifications.tasks import digests
from services.notifications.tasks.upkeep import KEEP_FACTS
from shared.database import Database, Tx
from shared.dates import local_date
from shared.service import Service

PERIOD_S = 5.0
"""Wall seconds between two rounds."""
AT_ONCE = 1000
"""Of one transaction."""
Step = Callable[[Tx, Rules, dt.datetime], Awaitable[Tally[Kind]]]


async def remind(service: Service) -> None:
    """Background task: runs until cancelled."""
    while True:
        for kind, count in (await look(service.db, service.clock.now())).items():
            service.metrics.notifications.labels(kind).inc(count)
        service.health["reminders"].worked()
        await asyncio.sleep(PERIOD_S)


async def look(db: Database, now: dt.datetime) -> Tally[Kind]:
    """Tell what is due at a business time; how many messages are new, by kind."""
    told = Tally[Kind]()
    steps: tuple[Step, ...] = (missing_reports, waiting_reviews, digests.heads, digests.council)
    while True:
        async with db.transaction() as tx:
            taken, new = await not_on_time(tx, await rules_store.current(tx), now)
        told += new
        if taken < AT_ONCE:
            break
    for step in steps:
        async with db.transaction() as tx:
            told += await step(tx, await rules_store.current(tx), now)
    return told


async def not_on_time(tx: Tx, rules: Rules, now: dt.datetime) -> tuple[int, Tally[Kind]]:
    """Tell those who were not on time: to check in, while none is known of; else that it was so.

    Returns how many verdicts were looked at, too. Who is not planned to work by now is left in peace.
    """
    rule = rules.kinds["checkin.missing"]
    taken = await store.take_not_on_time(tx, now, AT_ONCE)
    tellings: list[Telling] = []
    for one in taken:
        if not one.not_met or one.starts_at is None or not one.starts_at <= now <= one.starts_at + news.FRESH:
            continue
        date, people = one.work_date.isoformat(), (one.employee_id,)
        if rule.on and not one.came and now < one.starts_at + reminders.CHECKIN_USEFUL:
            cause = reminders.cause("checkin.missing", one.employee_id, one.work_date)
            params = {"work_date": date, "starts_at": one.starts_at.isoformat()}
            tellings.append(Telling("checkin.missing", cause, params, people=people))
        else:
            params = {"work_date": date, "duty": "on_time"}
            tellings.append(Telling("duty.not_met", one.ce_id, params, people=people))
    return len(taken), await telling.tell(tx, tellings, now)


async def missing_reports(tx: Tx, rules: Rules, now: dt.datetime) -> Tally[Kind]:
    """Tell those who owe a report and have sent none, a while before the cutoff."""
    kind: Kind = "report.missing"
    rule = rules.kinds[kind]
    if not rule.on or rule.minutes is None:
        return Tally()
    tellings: list[Telling] = []
    for due in reminders.reports_due(await store.report_rules(tx), now, rule.minutes):
        if await store.first(tx, kind, due.work_date, due.cutoff):
            params = {"work_date": due.work_date.isoformat(), "cutoff": due.cutoff.isoformat()}
            tellings += [
                Telling(kind, reminders.cause(kind, person, due.work_date), params, people=(person,))
                for person in await store.owing(tx, due)
            ]
    return await telling.tell(tx, tellings, now)


async def waiting_reviews(tx: Tx, rules: Rules, now: dt.datetime) -> Tally[Kind]:
    """Tell superiors, once on a working day, how many reports wait for them.

    The first digest that nobody answers goes on to the next ones; while it does, those of the days after it remind
    the superior alone, or a deputy would hear of each of them too.
    """
    kind: Kind = "reviews.waiting"
    rule, today = rules.kinds[kind], local_date(now)
    if not rule.on or rule.at is None:
        return Tally()
    moment = reminders.daily(now, rule.at)
    if moment is None or not reminders.is_working_day(today, await store.holidays(tx, today.year)):
        return Tally()
    if not await store.first(tx, kind, today, moment):
        return Tally()
    waiting = await store.reviews_waiting(tx, today - KEEP_FACTS)
    days = [today - dt.timedelta(n) for n in range(1, reminders.REVIEWS_STAND.days + 1)]
    before = {reminders.cause(kind, one.superior, day): one.superior for one in waiting for day in days}
    standing = {before[cause]: cause for cause in await escalation.unanswered(tx, before.keys(), now)}
    tellings = [
        Telling(
            kind,
            reminders.cause(kind, one.superior, today),
            {"waiting": one.waiting, "oldest": one.oldest.isoformat()},
            people=one.people,
            again=one.superior in standing,
        )
        for one in waiting
    ]
    for superior, one in zip((one.superior for one in waiting), tellings, strict=True):
        if superior in standing:
            await escalated.renew(tx, kind, standing[superior], one)
    return await telling.tell(tx, tellings, now)
