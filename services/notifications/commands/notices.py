"""From a batch of events to messages in inboxes, in one transaction."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.notifications.commands import counters, escalation, telling
from services.notifications.domain import news
from services.notifications.domain.news import Held
from services.notifications.domain.telling import Telling
from services.notifications.facts import (
    PROJECTION,
    AbsenceDecision,
    Budget,
    CorrectionDecision,
    Counter,
    DutyState,
    Forecast,
    Outage,
    Plan,
    Recipient,
    Review,
)
from services.notifications.store import deletion, recipients, reminders, rules
from services.notifications.store import notices as store
from services.notifications.store.notices import CounterAlert
from services.notifications.store.reminders import Deferred, PersonDay
from shared.bus import HandlerContext
from shared.database import Tx
from shared.events import (
    AbsenceDecided,
    ComplianceChanged,
    CorrectionDecided,
    CoverageChanged,
    Event,
    OutageDeclared,
    Received,
    ReportReviewed,
    ScheduleChanged,
    Scope,
)
from shared.facts import held
from shared.projections import Fold
from shared.repairs import Repaired
from shared.telemetry import Metrics

E = TypeVar("E", bound=Event)
Decided = TypeVar("Decided", ReportReviewed, CorrectionDecided, AbsenceDecided)

NEWS = (Plan, Review, CorrectionDecision, AbsenceDecision, DutyState, Counter, Budget, Outage)


async def tell(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: take a batch in and tell whom it concerns, in one transaction."""
    now = context.clock.now()
    async with context.db.transaction() as tx:
        heard = await _hear(tx, batch, context.metrics, now)
        told = await telling.tell(tx, heard.tellings, now)
        await escalation.end(tx, "counter.short", heard.over, now)
        if heard.fold.erased:
            await deletion.forget(tx, heard.fold.erased)
    for kind, count in told.items():
        context.metrics.notifications.labels(kind).inc(count)


class _Heard(NamedTuple):
    """What a batch did, what there is to tell about it, and which alerts it ended."""

    fold: Fold
    tellings: list[Telling]
    over: list[UUID]


async def _hear(tx: Tx, batch: Sequence[Received], metrics: Metrics, now: dt.datetime) -> _Heard:
    """Fold a batch; what there is to tell about it."""
    fold = await PROJECTION.fold(tx, batch, metrics, news_of=NEWS, changed_of=[Recipient])
    heard = _Batch(tx, fold, now)
    tellings = [
        *heard.plans(),
        *heard.decided(ReportReviewed, news.on_review),
        *heard.decided(CorrectionDecided, news.on_decision),
        *heard.decided(AbsenceDecided, news.on_decision),
        *await heard.duties(),
        *await heard.coverage(),
        *await counters.budgets(tx, fold, now),
        *await heard.outages(),
    ]
    if Forecast in fold:
        tellings += await counters.foreseen(tx, now)
    tellings = await counters.propose(tx, [*tellings, *await heard.newcomers(tellings)], now)
    return _Heard(fold, tellings, heard.over)


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """Fold what was read again from the log. It was told when it first came, so nothing of it is told now: only
    whose plan is another one since, is told the plan that holds, by cause of the disowning."""
    now = context.clock.now()
    plans = [received for received in repaired.events if received.type == ScheduleChanged.topic]
    before = await held(tx, Plan, plans)
    if repaired.topic == ScheduleChanged.topic:
        before |= {(row["employee_id"], row["work_date"]): row for row in repaired.gone}
    fold, _, over = await _hear(tx, repaired.events, context.metrics, now)
    after = await held(tx, Plan, plans)
    tellings: list[Telling] = []
    for received in fold[Plan].received if Plan in fold else ():
        event = received.event
        if not isinstance(event, ScheduleChanged):
            continue
        key = (event.employee_id, event.work_date)
        was = before.get(key)
        if key in after and after[key]["ce_id"] == received.id and (kind := news.on_plan(event, was, now)):
            params = news.plan_params(kind, event, was)
            tellings.append(Telling(kind, repaired.cause, params, people=(event.employee_id,)))
    await telling.tell(tx, tellings, now)
    await escalation.end(tx, "counter.short", over, now)
    await deletion.forget_erased(tx)


class _Batch:
    """What there is to tell about one batch, after it was folded."""

    def __init__(self, tx: Tx, fold: Fold, now: dt.datetime) -> None:
        self._tx = tx
        self._fold = fold
        self._now = now
        self._since = now - news.FRESH
        self.over: list[UUID] = []
        """Alerts that stand no more."""
        directory = fold.get(Recipient)
        self._moved: list[UUID] = [person for (person,) in directory.changed] if directory else []

    def _fresh(self, kind: type[E]) -> Iterator[tuple[E, UUID, Held]]:
        """The news of a kind that is fresh, each with the id of its event and what was held before it."""
        for event, received, before in self._fold.news(kind):
            if news.is_fresh(received.time, self._now):
                yield event, received.id, before

    def plans(self) -> list[Telling]:
        """Changed and first plans, one message for each day; first plans from home, one for each person."""
        tellings: list[Telling] = []
        from_home: dict[UUID, Telling] = {}
        for event, ce_id, before in self._fresh(ScheduleChanged):
            kind = news.on_plan(event, before, self._now)
            if kind is None:
                continue
            one = Telling(kind, ce_id, news.plan_params(kind, event, before), people=(event.employee_id,))
            first = from_home.setdefault(event.employee_id, one) if kind == "schedule.wfh" else one
            if first is one:
                tellings.append(one)
            else:
                first.params["days"] += one.params["days"]
        return tellings

    def decided(self, kind: type[Decided], said_by: Callable[[Decided, Held], news.Said]) -> list[Telling]:
        """Reviews or decided requests, each for whose they are."""
        tellings: list[Telling] = []
        for event, ce_id, before in self._fresh(kind):
            said = said_by(event, before)
            if said is not None:
                told, params = said
                tellings.append(Telling(told, ce_id, params, people=(event.employee_id,)))
        return tellings

    async def duties(self) -> list[Telling]:
        """Verdicts, each for whose they are. That somebody was not on time waits for the moment at which they are
        asked to check in, where that is still ahead (`tasks/reminders.py`): one message for one thing."""
        heard = list(self._fresh(ComplianceChanged))
        moments = await self._moments([event for event, _, _ in heard if news.is_late(event)])
        deferred: dict[PersonDay, Deferred] = {}
        tellings: list[Telling] = []
        for event, ce_id, before in heard:
            key = (event.employee_id, event.work_date)
            said, moment = news.on_compliance(event, before), None
            if event.duty == "on_time":
                earlier = deferred.get(key)
                moment = earlier.tell_at if earlier else (before or {}).get("tell_at")
                if moment is not None and event.state != "not_met":
                    # Nobody has told them yet that they were not: a better verdict takes nothing back.
                    deferred[key] = Deferred(*key, ce_id, None)
                    said = said if event.state == "unknown" else None
                elif moment is not None or (said is not None and said[0] == "duty.not_met" and key in moments):
                    deferred[key] = Deferred(*key, ce_id, moment or moments[key])
                    said = None
            if said is not None:
                told, params = said
                tellings.append(Telling(told, ce_id, params, people=(event.employee_id,)))
        if deferred:
            await reminders.defer(self._tx, deferred.values())
        return tellings

    async def _moments(self, late: Sequence[ComplianceChanged]) -> dict[PersonDay, dt.datetime]:
        """When those who are not on time will be asked to check in, where that is still ahead."""
        rule = (await rules.current(self._tx)).kinds["checkin.missing"] if late else None
        if rule is None or not rule.on or rule.minutes is None:
            return {}
        after = dt.timedelta(minutes=rule.minutes)
        starts = await reminders.starts(self._tx, [(event.employee_id, event.work_date) for event in late])
        return {key: start + after for key, start in starts.items() if start + after > self._now}

    async def coverage(self) -> list[Telling]:
        """Alerts about a counter, and the all-clear for those who got the alert."""
        tellings: list[Telling] = []
        alerts: dict[str, CounterAlert] = {}
        for event, received, before in self._fold.news(CoverageChanged):
            earlier = alerts.get(event.unit_id)
            alert = earlier.alert if earlier else before["alert"] if before else None
            fresh = news.is_fresh(received.time, self._now)
            step, standing = news.on_coverage(event, received.id, alert, fresh=fresh)
            alerts[event.unit_id] = CounterAlert(event.unit_id, received.id, standing)
            if step == "alert":
                tellings.append(_short(event, received.id))
            elif step == "all_clear" and fresh:
                tellings.append(
                    Telling(
                        "counter.met",
                        received.id,
                        news.counter_params(event),
                        event.unit_id,
                        unit_id=event.unit_id,
                        opd_codes=(event.opd_code,),
                        takes_back=alert,
                    )
                )
            if alert is not None and standing is None:
                self.over.append(alert)
        if alerts:
            await store.set_alerts(self._tx, alerts.values())
        return tellings

    async def outages(self) -> list[Telling]:
        """A declared or changed outage for the people it concerns; a revoked one for those who were told."""
        tellings: list[Telling] = []
        for event, ce_id, before in self._fresh(OutageDeclared):
            if not news.outage_differs(event, before):
                continue
            told = await self._told_of(str(event.outage_id), tellings)
            concerned: list[UUID] = []
            if not event.revoked:
                concerned = await store.in_scope(self._tx, event.scope, event.starts_at, event.ends_at)
            news_to = concerned
            if not news.outage_moves(event, before):  # another scope only: who stays in it knows all of this
                news_to = [person for person in concerned if person not in told]
            outage = news.LiveOutage(
                event.outage_id, event.scope, event.starts_at, event.ends_at, event.reason, ce_id
            )
            opd_codes = await self._opds_of(event.scope)
            if not event.revoked:
                tellings.append(_outage(outage, news_to, opd_codes))
            no_longer = sorted(told - set(concerned))
            if no_longer or (event.revoked and before is not None):
                # A narrower one is no revocation to those who follow outages from outside.
                revoked = Telling("outage.revoked", ce_id, news.outage_params(outage), str(event.outage_id))
                tellings.append(replace(revoked, told=no_longer, opd_codes=opd_codes, again=not event.revoked))
        return tellings

    async def _opds_of(self, scope: Scope) -> Sequence[str] | None:
        """The OPDs in which a scope lies; None for the whole city."""
        if scope.all:
            return None
        more = await recipients.opds_of(self._tx, scope.unit_ids) if scope.unit_ids else []
        return sorted({*scope.opd_codes, *more})

    async def _told_of(self, outage: str, tellings: Iterable[Telling]) -> set[UUID]:
        """The people whose newest message about an outage is that it was declared.

        `tellings` are those of this batch, not yet written: they stand above what is stored, the later above the
        earlier.
        """
        newest = dict.fromkeys(await store.last_told(self._tx, outage, "outage.declared"), True)
        for one in tellings:
            if one.subject == outage:
                declared = one.kind == "outage.declared"
                newest |= dict.fromkeys(one.people if declared else one.told, declared)
        return {person for person, declared in newest.items() if declared}

    async def newcomers(self, tellings: Sequence[Telling]) -> list[Telling]:
        """What people just learnt about would have been told, had the directory come first.

        Topics come in any order. Whoever was told already, or is by `tellings` of this batch, is not told again: a
        message has one cause.
        """
        if not self._moved:
            return []
        more: list[Telling] = []
        for outage in await store.live_outages(self._tx, self._now, self._since):
            people = await store.in_scope(
                self._tx, outage.scope, outage.starts_at, outage.ends_at, among=self._moved
            )
            told = await self._told_of(str(outage.outage_id), tellings)
            if news_to := [person for person in people if person not in told]:
                more.append(replace(_outage(outage, news_to, ()), again=True))
        for counter, steps in await store.alerts_near(self._tx, self._moved, self._since):
            more.append(replace(_short(counter, counter.alert), steps=steps, again=True))
        return more


def _short(counter: CoverageChanged | news.StandingAlert, alert: UUID) -> Telling:
    return Telling(
        "counter.short",
        alert,
        news.counter_params(counter),
        counter.unit_id,
        unit_id=counter.unit_id,
        opd_codes=(counter.opd_code,),
    )


def _outage(outage: news.LiveOutage, people: Sequence[UUID], opd_codes: Sequence[str] | None) -> Telling:
    params, subject = news.outage_params(outage), str(outage.outage_id)
    return Telling("outage.declared", outage.ce_id, params, subject, people=people, opd_codes=opd_codes)
