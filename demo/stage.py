"""Plays the script against the HTTP doors: one heap of steps in business time, one task for each call."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import uuid5

from demo.city import NAMESPACE, City
from demo.client import Client, Refused, Who
from demo.expect import WIB, Outage
from demo.ledger import Ledger, instant
from demo.pace import Pace
from demo.script import (
    LATE_CHANGE_AGREED_AT,
    NEW_HOURS,
    OUTAGE_OPDS,
    AgreeStep,
    ExchangeStep,
    HoursStep,
    OfflineStep,
    OutageStep,
    Phone,
    Position,
    PunchStep,
    ReportStep,
    ReviewStep,
    Step,
    Tap,
    decision,
    lent,
    makes_up,
    norms,
    phone_of,
    review_after,
    revise_after,
)
from demo.setup import agree, plan_of

TICK_S = 0.01
STILL_RUNNING = 4000
"""Calls under way at once, at most; the pool of connections lets fewer through."""


class Stage:
    """One run of the day. `ledger` holds what was answered."""

    def __init__(self, client: Client, city: City, ledger: Ledger, pace: Pace, *, day: date, seed: int) -> None:
        self._client = client
        self._city = city
        self._ledger = ledger
        self._pace = pace
        self._day = day
        self._seed = seed
        self._norms = norms()
        self._lent = lent(city)
        self._heap: list[tuple[datetime, int, Step]] = []
        self._number = count()
        self._running: set[asyncio.Task[None]] = set()
        self._moments: Counter[str] = Counter()
        """Of each phone the number of the last moment that its app wrote down."""

    def add(self, steps: Iterable[Step]) -> None:
        for step in steps:
            heapq.heappush(self._heap, (step.at, next(self._number), step))
            self._pace.expect(step.at)

    async def play(self, until: datetime, show: Callable[[datetime], None]) -> None:
        """Plays every step, then lets the clock come to `until`. A refused call is a problem in the ledger."""
        try:
            await self._play(until, show)
        finally:
            for task in self._running:
                task.cancel()

    async def _play(self, until: datetime, show: Callable[[datetime], None]) -> None:
        while True:
            now = self._pace.now()
            while self._heap and self._heap[0][0] <= now and len(self._running) < STILL_RUNNING:
                at, _, step = heapq.heappop(self._heap)
                self._pace.done(at)
                task = asyncio.create_task(self._take(step))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            show(now)
            if now >= until and not self._running:
                return
            slow = self._client.traffic.slowest(0.95)
            self._pace.adjust(slow_share_s=slow, behind=len(self._running), until=until)
            await asyncio.sleep(TICK_S)

    def left(self) -> int:
        return len(self._heap)

    async def _take(self, step: Step) -> None:
        try:
            match step:
                case PunchStep():
                    await self._punch(step)
                case OfflineStep():
                    await self._hand_over(step)
                case ExchangeStep():
                    await self._call_in(step)
                case ReportStep():
                    await self._report(step)
                case ReviewStep():
                    await self._review(step)
                case OutageStep():
                    await self._declare(step)
                case HoursStep():
                    await self._correct_hours(step)
                case AgreeStep():
                    await self._agree(step)
                case _:
                    self._ledger.problems.append(f"nobody plays a {type(step).__name__}")
        except Refused as refused:
            self._ledger.problems.append(str(refused))
        except (KeyError, TypeError, ValueError) as error:
            self._ledger.problems.append(f"{type(step).__name__}: the answer cannot be read: {error!r}")

    async def _punch(self, step: PunchStep) -> None:
        who = Who("staff", step.employee_id)
        body = self._punch_body(step, step.tap, self._pace.now())
        answer = await self._client.call(who, "POST", "/attendance/v1/punches", json=body)
        self._ledger.punched(step.employee_id, answer.body, wall=answer.received, played=self._day)
        for _ in range(step.tap.repeats):
            again = await self._client.call(who, "POST", "/attendance/v1/punches", json=body)
            self._ledger.counts["check-ins repeated"] += 1
            if again.status != 200 or again.body != answer.body:
                self._ledger.problems.append(
                    f"punch {step.tap.punch_id}: the receipt changed when it was sent again"
                )

    async def _hand_over(self, step: OfflineStep) -> None:
        body = {"punches": [self._punch_body(step, step.tap, step.tapped)], **self._counted(step)}
        answer = await self._client.call(
            Who("staff", step.employee_id), "POST", "/attendance/v1/punches/batch", json=body
        )
        (result,) = answer.body["items"]
        if result["status"] not in (200, 201):
            raise Refused(f"offline punch: {result}")
        self._ledger.counts["check-ins offline"] += 1
        self._ledger.punched(step.employee_id, result["receipt"], wall=answer.received, played=self._day)

    async def _call_in(self, step: ExchangeStep) -> None:
        body: dict[str, Any] = {"punches": [], **self._counted(step)}
        who = Who("staff", step.employee_id)
        await self._client.call(who, "POST", "/attendance/v1/punches/batch", json=body)

    def _counted(self, step: Step, at: datetime | None = None) -> dict[str, Any]:
        """What the person's app says its phone counts at a moment, now unless another is given."""
        phone = self._phone(step)
        if phone is None:
            return {}
        self._moments[phone.device_id] += 1
        return {"device": phone.counted(at or self._pace.now(), self._moments[phone.device_id])}

    def _phone(self, step: Step) -> Phone | None:
        """The phone that the person holds, which some have borrowed."""
        return phone_of(self._lent.get(step.employee_id, step.employee_id), self._day, self._seed)

    def _punch_body(self, step: Step, tap: Tap, at: datetime) -> dict[str, Any]:
        phone = self._phone(step)
        where: Position | None = tap.position
        return {
            "punch_id": str(tap.punch_id),
            "kind": tap.kind,
            "device_at": (at + phone.clock_ahead if phone else at).isoformat(),
            "position": None
            if where is None
            else {"lat": where.lat, "lon": where.lon, "accuracy_m": where.accuracy_m},
            **({"signals": {"mock": makes_up(step.employee_id, self._seed)}} if phone else {}),
            **self._counted(step, at),
        }

    async def _report(self, step: ReportStep) -> None:
        answer = await self._client.call(
            Who("staff", step.employee_id),
            "PUT",
            f"/reporting/v1/me/reports/{step.work_date}",
            json={"items": list(step.items)},
        )
        body = answer.body
        wrong = [
            item["item_id"]
            for item in body["items"]
            if item["norm_minutes"] != (self._norms[item["task_code"]] if item["task_code"] else None)
        ]
        if wrong:
            self._ledger.problems.append(f"report {body['report_id']}: not the catalogue's norm: {wrong}")
        self._ledger.reported(step.employee_id, step.work_date, body, empty=not step.items)
        review = review_after(
            self._city,
            step,
            report_id=body["report_id"],
            revision=int(body["revision"]),
            submitted_at=instant(body["submitted_at"]),
            seed=self._seed,
        )
        if review is not None:
            self.add([review])

    async def _review(self, step: ReviewStep) -> None:
        verdict, items = decision(step, self._seed)
        answer = await self._client.call(
            Who("supervisor", step.employee_id),
            "POST",
            f"/reporting/v1/reports/{step.report_id}/reviews",
            json={"revision": step.report_revision, "decision": verdict, "items": items},
        )
        accepted = sum(float(i["accepted_quantity"]) for i in items)
        self._ledger.reviewed(step.author, step.work_date, answer.body, of=step.report_revision, accepted=accepted)
        if verdict == "returned":
            better = revise_after(step, instant(answer.body["reviewed_at"]), self._seed)
            if better is not None:
                self.add([better])

    async def _declare(self, step: OutageStep) -> None:
        outage = Outage(step.starts_at, step.ends_at, opd_codes=frozenset(OUTAGE_OPDS))
        await self._client.call(
            Who("bkpsdm", step.employee_id),
            "POST",
            "/attendance/v1/outages",
            json={
                "outage_id": str(uuid5(NAMESPACE, f"outage:{step.starts_at.isoformat()}")),
                "scope": {"opd_codes": list(OUTAGE_OPDS)},
                "starts_at": step.starts_at.isoformat(),
                "ends_at": step.ends_at.isoformat(),
                "reason": "Jaringan antarkantor terputus",
            },
        )
        self._ledger.outages.append(outage)
        self._ledger.counts["outages"] += 1

    async def _correct_hours(self, step: HoursStep) -> None:
        body = {
            "name": "Jam masuk dikoreksi",
            "from": self._day.isoformat(),
            "to": self._day.isoformat(),
            "timetable": "five_day",
            "weekdays": {str(self._day.weekday()): list(NEW_HOURS)},
            "unit_ids": [step.unit_id],
        }
        officer = Who("bkpsdm", step.employee_id)
        answer = await self._client.call(officer, "POST", "/scheduling/v1/hours", json=body, accept=(202,))
        proposal_id = answer.body["proposal"]["proposal_id"]
        at = datetime.combine(self._day, LATE_CHANGE_AGREED_AT, WIB)
        self.add([AgreeStep(at, step.second, proposal_id, step.unit_id)])

    async def _agree(self, step: AgreeStep) -> None:
        second = Who("bkpsdm", step.employee_id)
        listed = await self._client.items(second, f"/scheduling/v1/proposals/{step.proposal_id}/person-days")
        await agree(self._client, second, step.proposal_id)
        span = {"from": self._day.isoformat(), "to": self._day.isoformat()}
        changed = {item["employee_id"] for item in listed}
        for item in await self._client.items(second, f"/scheduling/v1/units/{step.unit_id}/plans", span):
            if item["employee_id"] in changed:
                self._ledger.replan(plan_of(item))
