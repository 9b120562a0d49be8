"""From a batch of events to messages in inboxes, in one transaction."""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID, uuid5

from services.notifications.channels.registry import ways_of
from services.notifications.domain import news
from services.notifications.domain.delivery import going
from services.notifications.domain.kinds import Kind, Way
from services.notifications.domain.news import Held, Notice
from services.notifications.domain.preferences import is_fixed
from services.notifications.domain.rules import shipped
from services.notifications.facts import PROJECTION, Counter, DutyState, Outage, Plan, Recipient, Review
from services.notifications.store import deletion
from services.notifications.store import notices as store
from services.notifications.store.notices import CounterAlert, Told
from shared import outbox, trace
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import (
    ComplianceChanged,
    CoverageChanged,
    Event,
    NotificationSent,
    OutageDeclared,
    Received,
    ReportReviewed,
    ScheduleChanged,
    source_of,
)
from shared.facts import held
from shared.outbox import Outgoing
from shared.projections import Fold
from shared.repairs import Repaired
from shared.telemetry import Metrics

SOURCE = source_of("notifications")
CHUNK = 1000
"""Messages written at once. Between chunks other requests of the process get their turn."""

E = TypeVar("E", bound=Event)
Decided = TypeVar("Decided", ReportReviewed, ComplianceChanged)

NEWS = (Plan, Review, DutyState, Counter, Outage)


async def tell(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: take a batch in and tell whom it concerns, in one transaction."""
    now = context.clock.now()
    async with context.db.transaction() as tx:
        fold, notices = await _hear(tx, batch, context.metrics, now)
        told = await _deliver(tx, notices, now, ways_of(context.settings))
        if fold.erased:
            await deletion.forget(tx, fold.erased)
    for kind, count in told.items():
        context.metrics.notifications.labels(kind).inc(count)


async def _deliver(tx: Tx, notices: Iterable[Notice], now: dt.datetime, ways: Collection[Way]) -> Tally[Kind]:
    """Put notices into inboxes and on their ways out, and publish each that was not there yet. Returns how many by
    kind."""
    rules = shipped()
    out = going(rules, ways)
    fixed: list[Kind] = [kind for kind, rule in rules.kinds.items() if is_fixed(rule, "inbox")]
    told = Tally[Kind]()
    waiting = iter(notices)
    while chunk := list(islice(waiting, CHUNK)):
        new = await store.deliver(tx, chunk, now, going=out, fixed=fixed)
        await outbox.add(tx, [one for message in new for one in _said(message, now)], source=SOURCE)
        told.update(message.kind for message in new)
    return told


def _said(message: Told, now: dt.datetime) -> Iterator[Outgoing]:
    """What is published of a new message: what became of it in the inbox, and the ways that its reader muted."""
    trace_ = trace.because_of(message.cause_event_id)
    sent = NotificationSent(
        notification_id=message.notification_id,
        employee_id=message.employee_id,
        kind=message.kind,
        channel="inbox",
        status=message.status,
        cause_event_id=message.cause_event_id,
        at=now,
    )
    yield Outgoing(sent, message.notification_id, now, trace_)
    for channel in message.hushed:
        hushed = sent.model_copy(update={"channel": channel, "status": "suppressed"})
        yield Outgoing(hushed, uuid5(message.notification_id, channel), now, trace_)


async def _hear(
    tx: Tx, batch: Sequence[Received], metrics: Metrics, now: dt.datetime
) -> tuple[Fold, list[Notice]]:
    """Fold a batch; what there is to tell about it."""
    fold = await PROJECTION.fold(tx, batch, metrics, news_of=NEWS, changed_of=[Recipient])
    heard = _Batch(tx, fold, now)
    notices = [
        *heard.plans(),
        *heard.decided(ReportReviewed, news.on_review),
        *heard.decided(ComplianceChanged, news.on_compliance),
        *await heard.coverage(),
        *await heard.outages(),
    ]
    return fold, [*notices, *await heard.newcomers(notices)]


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """Fold what was read again from the log. It was told when it first came, so nothing of it is told now: only
    whose plan is another one since, is told the plan that holds, by cause of the disowning."""
    now = context.clock.now()
    plans = [received for received in repaired.events if received.type == ScheduleChanged.topic]
    before = await held(tx, Plan, plans)
    if repaired.topic == ScheduleChanged.topic:
        before |= {(row["employee_id"], row["work_date"]): row for row in repaired.gone}
    fold, _ = await _hear(tx, repaired.events, context.metrics, now)
    after = await held(tx, Plan, plans)
    notices: list[Notice] = []
    for received in fold[Plan].received if Plan in fold else ():
        event = received.event
        if not isinstance(event, ScheduleChanged):
            continue
        key = (event.employee_id, event.work_date)
        was = before.get(key)
        if key in after and after[key]["ce_id"] == received.id and (kind := news.on_plan(event, was, now)):
            params = news.plan_params(kind, event, was)
            notices.append(Notice(event.employee_id, kind, repaired.cause, params))
    await _deliver(tx, notices, now, ways_of(context.settings))
    await deletion.forget_erased(tx)


class _Batch:
    """What there is to tell about one batch, after it was folded."""

    def __init__(self, tx: Tx, fold: Fold, now: dt.datetime) -> None:
        self._tx = tx
        self._fold = fold
        self._now = now
        self._since = now - news.FRESH
        directory = fold.get(Recipient)
        self._moved: list[UUID] = [person for (person,) in directory.changed] if directory else []

    def _fresh(self, kind: type[E]) -> Iterator[tuple[E, UUID, Held]]:
        """The news of a kind that is fresh, each with the id of its event and what was held before it."""
        for event, received, before in self._fold.news(kind):
            if news.is_fresh(received.time, self._now):
                yield event, received.id, before

    def plans(self) -> list[Notice]:
        """Changed and first plans, one message for each day; first plans from home, one for each person."""
        notices: list[Notice] = []
        from_home: dict[UUID, Notice] = {}
        for event, ce_id, before in self._fresh(ScheduleChanged):
            kind = news.on_plan(event, before, self._now)
            if kind is None:
                continue
            notice = Notice(event.employee_id, kind, ce_id, news.plan_params(kind, event, before))
            first = from_home.setdefault(event.employee_id, notice) if kind == "schedule.wfh" else notice
            if first is notice:
                notices.append(notice)
            else:
                first.params["days"] += notice.params["days"]
        return notices

    def decided(self, kind: type[Decided], said_by: Callable[[Decided, Held], news.Said]) -> list[Notice]:
        """Reviews or duties, each for whose they are."""
        notices: list[Notice] = []
        for event, ce_id, before in self._fresh(kind):
            said = said_by(event, before)
            if said is not None:
                told, params = said
                notices.append(Notice(event.employee_id, told, ce_id, params))
        return notices

    async def coverage(self) -> list[Notice]:
        """Alerts for the people answerable for a counter, and the all-clear for those who got the alert."""
        notices: list[Notice] = []
        alerts: dict[str, CounterAlert] = {}
        for event, received, before in self._fold.news(CoverageChanged):
            earlier = alerts.get(event.unit_id)
            alert = earlier.alert if earlier else before["alert"] if before else None
            fresh = news.is_fresh(received.time, self._now)
            step, standing = news.on_coverage(event, received.id, alert, fresh=fresh)
            alerts[event.unit_id] = CounterAlert(event.unit_id, received.id, standing)
            params = news.counter_params(event)
            if step == "alert":
                people = await store.answerable_for(self._tx, event.unit_id, event.opd_code)
                notices += _notices(people, "counter.short", received.id, params, event.unit_id)
            elif step == "all_clear" and alert is not None and fresh:
                # The alert may be in this very batch, not yet written.
                people = [notice.employee_id for notice in notices if notice.cause == alert]
                people += await store.told_by(self._tx, event.unit_id, alert)
                notices += _notices(people, "counter.met", received.id, params, event.unit_id)
        if alerts:
            await store.set_alerts(self._tx, alerts.values())
        return notices

    async def outages(self) -> list[Notice]:
        """A declared or changed outage for the people it concerns; a revoked one for those who were told."""
        notices: list[Notice] = []
        for event, ce_id, before in self._fresh(OutageDeclared):
            if not news.outage_differs(event, before):
                continue
            subject, params = str(event.outage_id), news.outage_params(event)
            told = await self._told_of(subject, notices)
            concerned: list[UUID] = []
            if not event.revoked:
                concerned = await store.in_scope(self._tx, event.scope, event.starts_at, event.ends_at)
            news_to = concerned
            if not news.outage_moves(event, before):  # another scope only: who stays in it knows all of this
                news_to = [person for person in concerned if person not in told]
            notices += _notices(news_to, "outage.declared", ce_id, params, subject)
            notices += _notices(sorted(told - set(concerned)), "outage.revoked", ce_id, params, subject)
        return notices

    async def _told_of(self, outage: str, notices: Iterable[Notice]) -> set[UUID]:
        """The people whose newest message about an outage is that it was declared.

        `notices` are those of this batch, not yet written: they stand above what is stored, the later above the
        earlier.
        """
        newest = dict.fromkeys(await store.last_told(self._tx, outage, "outage.declared"), True)
        newest |= {
            notice.employee_id: notice.kind == "outage.declared" for notice in notices if notice.subject == outage
        }
        return {person for person, declared in newest.items() if declared}

    async def newcomers(self, notices: Sequence[Notice]) -> list[Notice]:
        """What people just learnt about would have been told, had the directory come first.

        Topics come in any order. Whoever was told already, or is by `notices` of this batch, is not told again: a
        message has one cause.
        """
        if not self._moved:
            return []
        more: list[Notice] = []
        for outage in await store.live_outages(self._tx, self._now, self._since):
            people = await store.in_scope(
                self._tx, outage.scope, outage.starts_at, outage.ends_at, among=self._moved
            )
            subject = str(outage.outage_id)
            told = await self._told_of(subject, notices)
            news_to = [person for person in people if person not in told]
            more += _notices(news_to, "outage.declared", outage.ce_id, news.outage_params(outage), subject)
        for counter in await store.alerts_near(self._tx, self._moved, self._since):
            people = await store.answerable_for(self._tx, counter.unit_id, counter.opd_code)
            params = news.counter_params(counter)
            more += _notices(people, "counter.short", counter.alert, params, counter.unit_id)
        return more


def _notices(
    people: Iterable[UUID], kind: Kind, cause: UUID, params: dict[str, Any], subject: str
) -> list[Notice]:
    return [Notice(person, kind, cause, params, subject) for person in people]
