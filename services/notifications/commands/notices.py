"""From a batch of events to messages in inboxes, in one transaction."""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from services.notifications import domain
from services.notifications.domain import Kind, Notice
from services.notifications.facts import PROJECTION, Counter, DutyState, Outage, Plan, Recipient, Review
from services.notifications.store import deletion
from services.notifications.store import notices as store
from shared import outbox
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import (
    ComplianceChanged,
    CoverageChanged,
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

NEWS = (Plan, Review, DutyState, Counter, Outage)


async def tell(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: take a batch in and tell whom it concerns, in one transaction."""
    now = context.clock.now()
    async with context.db.transaction() as tx:
        fold, notices = await _hear(tx, batch, context.metrics, now)
        told = await _deliver(tx, notices, now)
        if fold.erased:
            await deletion.forget(tx, fold.erased)
    for kind, count in told.items():
        context.metrics.notifications.labels(kind).inc(count)


async def _deliver(tx: Tx, notices: Iterable[Notice], now: dt.datetime) -> Tally[Kind]:
    """Put notices into inboxes and publish each that was not there yet. Returns how many by kind."""
    told = Tally[Kind]()
    waiting = iter(notices)
    while chunk := list(islice(waiting, CHUNK)):
        deliveries = await store.deliver(tx, chunk, now)
        events = [NotificationSent(**delivery._asdict(), channel="inbox", at=now) for delivery in deliveries]
        await outbox.add(tx, [Outgoing(event, event.notification_id, now) for event in events], source=SOURCE)
        told.update(delivery.kind for delivery in deliveries)
    return told


async def _hear(
    tx: Tx, batch: Sequence[Received], metrics: Metrics, now: dt.datetime
) -> tuple[Fold, list[Notice]]:
    """Fold a batch; what there is to tell about it."""
    fold = await PROJECTION.fold(tx, batch, metrics, news_of=NEWS)
    work = _Telling(tx, fold, now)
    notices = [
        *work.plans(),
        *work.reviews(),
        *work.compliance(),
        *await work.coverage(),
        *await work.outages(),
    ]
    return fold, [*notices, *await work.newcomers(notices)]


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
        if key in after and after[key]["ce_id"] == received.id and (kind := domain.on_plan(event, was, now)):
            params = domain.day_of(event)
            if kind == "schedule.wfh":
                params = {"days": [params]}
            elif was is not None:
                params["previous"] = was["mode"]
            notices.append(Notice(event.employee_id, kind, repaired.cause, params))
    await _deliver(tx, notices, now)
    await deletion.forget_erased(tx)


class _Telling:
    """What there is to tell about one batch, after it was folded."""

    def __init__(self, tx: Tx, fold: Fold, now: dt.datetime) -> None:
        self._tx = tx
        self._fold = fold
        self._now = now
        self._since = now - domain.FRESH
        directory = fold.get(Recipient)
        self._moved: list[UUID] = [row["employee_id"] for row in directory.changed] if directory else []

    def _fresh(self, received: Received) -> bool:
        return domain.is_fresh(received.time, self._now)

    def plans(self) -> list[Notice]:
        """Changed and first plans, one message for each day; first plans from home, one for each person."""
        notices: list[Notice] = []
        first: dict[UUID, Notice] = {}
        for event, received, before in self._fold.news(ScheduleChanged):
            kind = domain.on_plan(event, before, self._now) if self._fresh(received) else None
            if kind == "schedule.wfh":
                notice = first.get(event.employee_id)
                if notice is None:
                    notice = Notice(event.employee_id, kind, received.id, {"days": []})
                    first[event.employee_id] = notice
                    notices.append(notice)
                notice.params["days"].append(domain.day_of(event))
            elif kind is not None:
                params = domain.day_of(event)
                if before is not None:
                    params["previous"] = before["mode"]
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    def reviews(self) -> list[Notice]:
        notices: list[Notice] = []
        for event, received, before in self._fold.news(ReportReviewed):
            said = domain.on_review(event, before)
            if said is not None and self._fresh(received):
                kind, params = said
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    def compliance(self) -> list[Notice]:
        notices: list[Notice] = []
        for event, received, before in self._fold.news(ComplianceChanged):
            said = domain.on_compliance(event, before)
            if said is not None and self._fresh(received):
                kind, params = said
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    async def coverage(self) -> list[Notice]:
        """Alerts for the people answerable for a counter, and the all-clear for those who got the alert."""
        notices: list[Notice] = []
        alerts: dict[str, tuple[UUID, UUID | None]] = {}
        for event, received, before in self._fold.news(CoverageChanged):
            _, alert = alerts.get(event.unit_id) or (None, before["alert"] if before is not None else None)
            step, standing = domain.on_coverage(event, received.id, alert, fresh=self._fresh(received))
            alerts[event.unit_id] = (received.id, standing)
            if step == "alert":
                people = await store.answerable_for(self._tx, event.unit_id, event.opd_code)
                notices += _alert(people, received.id, event.unit_id, domain.counter_params(event))
            elif step == "all_clear" and alert is not None and self._fresh(received):
                # The alert may be in this very batch, not yet written.
                people = [one.employee_id for one in notices if one.cause == alert]
                people += await store.told_by(self._tx, event.unit_id, alert)
                params = domain.counter_params(event)
                notices += [Notice(person, "counter.met", received.id, params, event.unit_id) for person in people]
        if alerts:
            await store.set_alerts(self._tx, [(unit, *by) for unit, by in alerts.items()])
        return notices

    async def outages(self) -> list[Notice]:
        """A declared or changed outage for the people it concerns; a revoked one for those who were told."""
        notices: list[Notice] = []
        for event, received, before in self._fold.news(OutageDeclared):
            if not self._fresh(received) or not domain.outage_differs(event, before):
                continue
            subject = str(event.outage_id)
            told = await self._told_of(subject, notices)
            now_concerned: list[UUID] = []
            if not event.revoked:
                now_concerned = await store.in_scope(self._tx, event.scope, event.starts_at, event.ends_at)
            params = domain.outage_params(event)
            news_to = now_concerned
            if not domain.outage_moves(event, before):  # another scope only: who stays in it knows all of this
                news_to = [person for person in now_concerned if person not in told]
            notices += [Notice(person, "outage.declared", received.id, params, subject) for person in news_to]
            released = told - set(now_concerned)
            notices += [
                Notice(person, "outage.revoked", received.id, params, subject) for person in sorted(released)
            ]
        return notices

    async def _told_of(self, outage: str, notices: Iterable[Notice]) -> set[UUID]:
        """The people whose newest message about an outage is that it was declared.

        `notices` are those of this batch, not yet written: they stand above what is stored, the later above the
        earlier.
        """
        newest = dict.fromkeys(await store.last_told(self._tx, outage, "outage.declared"), True)
        newest |= {one.employee_id: one.kind == "outage.declared" for one in notices if one.subject == outage}
        return {person for person, declared in newest.items() if declared}

    async def newcomers(self, notices: Sequence[Notice]) -> list[Notice]:
        """What people just learnt about would have been told, had the directory come first.

        Topics come in any order. Whoever was told already, or is by `notices` of this batch, is not told again: a
        message has one cause.
        """
        if not self._moved:
            return []
        more: list[Notice] = []
        for row in await store.live_outages(self._tx, self._now, self._since):
            people = await store.in_scope(
                self._tx,
                domain.scope_of(row["scope"]),
                row["starts_at"],
                row["ends_at"],
                among=self._moved,
            )
            subject = str(row["outage_id"])
            told = await self._told_of(subject, notices)
            params = {
                "starts_at": row["starts_at"].isoformat(),
                "ends_at": row["ends_at"].isoformat(),
                "reason": row["reason"],
            }
            more += [
                Notice(person, "outage.declared", row["ce_id"], params, subject)
                for person in people
                if person not in told
            ]
        for row in await store.alerts_near(self._tx, self._moved, self._since):
            people = await store.answerable_for(self._tx, row["unit_id"], row["opd_code"])
            params = {
                "required": row["required"],
                "present": row["present_low"],
                "as_of": row["as_of"].isoformat(),
            }
            more += _alert(people, row["alert"], row["unit_id"], params)
        return more


def _alert(people: Iterable[UUID], cause: UUID, unit_id: str, params: dict[str, Any]) -> list[Notice]:
    return [Notice(person, "counter.short", cause, params, unit_id) for person in people]
