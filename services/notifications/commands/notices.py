"""From a batch of events to messages in inboxes, in one transaction."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from services.notifications import domain
from services.notifications.domain import Held, Kind, Notice
from services.notifications.facts import COUNTER, DUTY_STATE, OUTAGE, PLAN, RECIPIENT, REVIEW, UNIT
from services.notifications.store import deletion
from services.notifications.store import notices as store
from shared import disowned, outbox
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import (
    ComplianceChanged,
    CoverageChanged,
    EmployeeChanged,
    Event,
    NotificationSent,
    OutageDeclared,
    Received,
    ReportReviewed,
    ScheduleChanged,
    UnitChanged,
    source_of,
)
from shared.facts import FactTable, fold
from shared.outbox import Outgoing
from shared.repairs import Projection, Repaired
from shared.telemetry import Metrics

SOURCE = source_of("notifications")
CHUNK = 1000
"""Messages written at once. Between chunks other requests of the process get their turn."""

E = TypeVar("E", bound=Event)
Row = dict[str, Any]
News = tuple[E, Received, Held]
"""An event that is news, as it was received, and the row that was held before it."""


TABLE_OF = {
    EmployeeChanged.topic: RECIPIENT,
    UnitChanged.topic: UNIT,
    ScheduleChanged.topic: PLAN,
    ReportReviewed.topic: REVIEW,
    ComplianceChanged.topic: DUTY_STATE,
    CoverageChanged.topic: COUNTER,
    OutageDeclared.topic: OUTAGE,
}
"""The topics that are heard, and what is kept of each."""


async def tell(batch: Sequence[Received], context: HandlerContext) -> None:
    """Take a batch in and tell whom it concerns."""
    now = context.clock.now()
    async with context.db.transaction() as tx:
        admitted = await disowned.admit(tx, batch, TABLE_OF)
        notices, erased = await _hear(tx, admitted, context.metrics, now)
        told = await _deliver(tx, notices, now)
        if erased:
            await deletion.forget(tx, erased)
    for kind, count in told.items():
        context.metrics.notifications.labels(kind).inc(count)


async def _deliver(tx: Tx, notices: Iterable[Notice], now: dt.datetime) -> Counter[Kind]:
    """Put notices into inboxes and publish each that was not there yet. Returns how many by kind."""
    told = Counter[Kind]()
    waiting = iter(notices)
    while chunk := list(islice(waiting, CHUNK)):
        deliveries = await store.deliver(tx, chunk, now)
        events = [NotificationSent(**delivery._asdict(), channel="inbox", at=now) for delivery in deliveries]
        await outbox.add(tx, [Outgoing(event, event.notification_id, now) for event in events], source=SOURCE)
        told.update(delivery.kind for delivery in deliveries)
    return told


async def _hear(
    tx: Tx, batch: Sequence[Received], metrics: Metrics, now: dt.datetime
) -> tuple[list[Notice], list[UUID]]:
    """Fold a batch; what there is to tell about it, and whom to forget. Directory and plans come first: they say
    who is concerned."""
    work = _Telling(tx, metrics, now)
    erased = await work.directory(batch)
    notices = [
        *await work.plans(_of(ScheduleChanged, batch)),
        *await work.reviews(_of(ReportReviewed, batch)),
        *await work.compliance(_of(ComplianceChanged, batch)),
        *await work.coverage(_of(CoverageChanged, batch)),
        *await work.outages(_of(OutageDeclared, batch)),
    ]
    return [*notices, *await work.newcomers(notices)], erased


async def _rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """Fold what was read again from the log. It was told when it first came, so nothing of it is told now: only
    whose plan is another one since, is told the plan that holds, by cause of the disowning."""
    now = context.clock.now()
    events = await disowned.admit(tx, repaired.events, TABLE_OF)
    plans = _of(ScheduleChanged, events)
    keys = [(event.employee_id, event.work_date) for event, _ in plans]
    before = await store.held(tx, PLAN, keys)
    if repaired.topic == ScheduleChanged.topic:
        before |= {(row["employee_id"], row["work_date"]): row for row in repaired.gone}
    await _hear(tx, events, context.metrics, now)
    after = await store.held(tx, PLAN, keys)
    notices: list[Notice] = []
    for key, (event, received) in zip(keys, plans, strict=True):
        held = before.get(key)
        if key in after and after[key]["ce_id"] == received.id and (kind := domain.on_plan(event, held, now)):
            params = domain.day_of(event)
            if kind == "schedule.wfh":
                params = {"days": [params]}
            elif held is not None:
                params["previous"] = held["mode"]
            notices.append(Notice(event.employee_id, kind, repaired.cause, params))
    await _deliver(tx, notices, now)
    await deletion.forget_erased(tx)


PROJECTION = Projection(TABLE_OF, _rejoin)


def _of(kind: type[E], batch: Iterable[Received]) -> list[tuple[E, Received]]:
    return [(received.event, received) for received in batch if isinstance(received.event, kind)]


class _Telling:
    """One batch in one transaction."""

    def __init__(self, tx: Tx, metrics: Metrics, now: dt.datetime) -> None:
        self._tx = tx
        self._metrics = metrics
        self._now = now
        self._since = now - domain.FRESH
        self._moved: list[UUID] = []

    async def _fold(self, table: FactTable, rows: Sequence[Row]) -> list[Row]:
        folded = await fold(self._tx.connection, table, rows)
        if folded.conflicts:
            self._metrics.fact_conflicts.labels(table.name).inc(folded.conflicts)
        return folded.changed

    async def _news(
        self,
        table: FactTable,
        events: Sequence[tuple[E, Received]],
        row_of: Callable[[E, Received, Held], Row],
    ) -> list[News[E]]:
        """The events that are news, in the order in which they came, and all of them folded into `table`."""
        keys = [tuple(getattr(event, name) for name in table.key) for event, _ in events]
        held = await store.held(self._tx, table, keys)
        news: list[News[E]] = []
        rows: list[Row] = []
        for key, (event, received) in zip(keys, events, strict=True):
            before = held.get(key)
            row = row_of(event, received, before)
            rows.append(row)
            if domain.is_news(row["revision"], received.id, before):
                held[key] = row
                news.append((event, received, before))
        await self._fold(table, rows)
        return news

    def _fresh(self, received: Received) -> bool:
        return domain.is_fresh(received.time, self._now)

    async def directory(self, batch: Sequence[Received]) -> list[UUID]:
        """Fold the directory; returns the people whose tombstone came."""
        tombstones = [received for received in batch if received.event is None]
        erased = [UUID(received.key) for received in tombstones]
        rows = [_recipient(event, received) for event, received in _of(EmployeeChanged, batch)]
        rows += [_erased(received) for received in tombstones]
        changed = await self._fold(RECIPIENT, rows)
        self._moved = [row["employee_id"] for row in changed]
        await self._fold(UNIT, [_unit(event, received) for event, received in _of(UnitChanged, batch)])
        return erased

    async def plans(self, events: Sequence[tuple[ScheduleChanged, Received]]) -> list[Notice]:
        """Changed and first plans, one message for each day; first plans from home, one for each person."""
        notices: list[Notice] = []
        first: dict[UUID, Notice] = {}
        for event, received, held in await self._news(PLAN, events, _plan):
            kind = domain.on_plan(event, held, self._now) if self._fresh(received) else None
            if kind == "schedule.wfh":
                notice = first.get(event.employee_id)
                if notice is None:
                    notice = Notice(event.employee_id, kind, received.id, {"days": []})
                    first[event.employee_id] = notice
                    notices.append(notice)
                notice.params["days"].append(domain.day_of(event))
            elif kind is not None:
                params = domain.day_of(event)
                if held is not None:
                    params["previous"] = held["mode"]
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    async def reviews(self, events: Sequence[tuple[ReportReviewed, Received]]) -> list[Notice]:
        notices: list[Notice] = []
        for event, received, held in await self._news(REVIEW, events, _review):
            said = domain.on_review(event, held)
            if said is not None and self._fresh(received):
                kind, params = said
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    async def compliance(self, events: Sequence[tuple[ComplianceChanged, Received]]) -> list[Notice]:
        notices: list[Notice] = []
        for event, received, held in await self._news(DUTY_STATE, events, _duty_state):
            said = domain.on_compliance(event, held)
            if said is not None and self._fresh(received):
                kind, params = said
                notices.append(Notice(event.employee_id, kind, received.id, params))
        return notices

    async def coverage(self, events: Sequence[tuple[CoverageChanged, Received]]) -> list[Notice]:
        """Alerts for the people answerable for a counter, and the all-clear for those who got the alert."""

        def row_of(event: CoverageChanged, received: Received, held: Held) -> Row:
            _, alert = domain.on_coverage(event, received.id, held, fresh=self._fresh(received))
            return _counter(event, received, alert)

        notices: list[Notice] = []
        for event, received, held in await self._news(COUNTER, events, row_of):
            # Worked out again rather than noted in `row_of`: that is called for duplicates too, which say nothing.
            step, _ = domain.on_coverage(event, received.id, held, fresh=self._fresh(received))
            if step == "alert":
                people = await store.answerable_for(self._tx, event.unit_id, event.opd_code)
                notices += _alert(people, received.id, event.unit_id, domain.counter_params(event))
            elif step == "all_clear" and held is not None and self._fresh(received):
                alert = held["alert"]
                # The alert may be in this very batch, not yet written.
                people = [one.employee_id for one in notices if one.cause == alert]
                people += await store.told_by(self._tx, event.unit_id, alert)
                params = domain.counter_params(event)
                notices += [Notice(person, "counter.met", received.id, params, event.unit_id) for person in people]
        return notices

    async def outages(self, events: Sequence[tuple[OutageDeclared, Received]]) -> list[Notice]:
        """A declared or changed outage for the people it concerns; a revoked one for those who were told."""
        notices: list[Notice] = []
        for event, received, held in await self._news(OUTAGE, events, _outage):
            if not self._fresh(received) or not domain.outage_differs(event, held):
                continue
            subject = str(event.outage_id)
            before = await self._told_of(subject, notices)
            now_concerned: list[UUID] = []
            if not event.revoked:
                now_concerned = await store.in_scope(self._tx, event.scope, event.starts_at, event.ends_at)
            params = domain.outage_params(event)
            news_to = now_concerned
            if not domain.outage_moves(event, held):  # another scope only: who stays in it knows all of this
                news_to = [person for person in now_concerned if person not in before]
            notices += [Notice(person, "outage.declared", received.id, params, subject) for person in news_to]
            released = before - set(now_concerned)
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


def _alert(people: Iterable[UUID], cause: UUID, unit_id: str, params: Row) -> list[Notice]:
    return [Notice(person, "counter.short", cause, params, unit_id) for person in people]


def _recipient(event: EmployeeChanged, received: Received) -> Row:
    return {
        "employee_id": event.employee_id,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "supervisor_id": event.supervisor_id,
        "acting_supervisor_id": event.acting_supervisor_id,
        "heads": json.dumps(event.heads),
        "active": event.active,
        "revision": event.revision,
        "ce_id": received.id,
    }


def _erased(received: Received) -> Row:
    return {
        "employee_id": UUID(received.key),
        "opd_code": None,
        "unit_id": None,
        "supervisor_id": None,
        "acting_supervisor_id": None,
        "heads": "[]",
        "active": False,
        "revision": deletion.ERASED_REVISION,
        "ce_id": received.id,
    }


def _unit(event: UnitChanged, received: Received) -> Row:
    return {
        "unit_id": event.unit_id,
        "opd_code": event.opd_code,
        "name": event.name,
        "revision": event.revision,
        "ce_id": received.id,
    }


def _plan(event: ScheduleChanged, received: Received, _: Held) -> Row:
    return {
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "mode": event.mode,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "revision": event.revision,
        "ce_id": received.id,
    }


def _review(event: ReportReviewed, received: Received, _: Held) -> Row:
    return {
        "report_id": event.report_id,
        "report_revision": event.report_revision,
        "work_date": event.work_date,
        "content": domain.review_content(event),
        "revision": event.revision,
        "ce_id": received.id,
    }


def _duty_state(event: ComplianceChanged, received: Received, _: Held) -> Row:
    return {
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "duty": event.duty,
        "state": event.state,
        "revision": event.revision,
        "ce_id": received.id,
    }


def _counter(event: CoverageChanged, received: Received, alert: UUID | None) -> Row:
    return {
        "unit_id": event.unit_id,
        "opd_code": event.opd_code,
        "status": event.status,
        "required": event.required,
        "present_low": event.present_low,
        "as_of": event.as_of,
        "alert": alert,
        "heard_at": received.time,
        "revision": event.revision,
        "ce_id": received.id,
    }


def _outage(event: OutageDeclared, received: Received, _: Held) -> Row:
    return {
        "outage_id": event.outage_id,
        "scope": event.scope.model_dump_json(),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "reason": event.reason,
        "revoked": event.revoked,
        "heard_at": received.time,
        "revision": event.revision,
        "ce_id": received.id,
    }
