"""The receipts: what the system answered, kept by the simulator on its own to judge the board with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from demo.expect import Day, Outage, Plan, Punch, Report, Review


def instant(text: str) -> datetime:
    """RFC 3339 with an offset; raises ValueError without one."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text}: a time without an offset")
    return at


@dataclass
class Ledger:
    days: dict[tuple[UUID, date], Day] = field(default_factory=dict[tuple[UUID, date], Day])
    outages: list[Outage] = field(default_factory=list[Outage])
    counts: Counter[str] = field(default_factory=Counter[str])
    first_in: dict[UUID, float] = field(default_factory=dict[UUID, float])
    """Wall time of the receipt of each person's first check-in for the day that is played."""
    problems: list[str] = field(default_factory=list[str])
    """What should not have happened: refusals, changed receipts, receipts for another day."""

    def publish(self, plan: Plan) -> None:
        self.days[plan.employee_id, plan.work_date] = Day(plan)

    def replan(self, plan: Plan) -> None:
        """Another plan for a day that has begun; what was received stays."""
        self.days[plan.employee_id, plan.work_date].plan = plan
        self.counts["plans changed late"] += 1

    def plans(self, work_date: date) -> list[Day]:
        return [day for (_, on), day in self.days.items() if on == work_date]

    def punched(self, employee_id: UUID, receipt: dict[str, Any], *, wall: float, played: date) -> None:
        work_date = date.fromisoformat(receipt["work_date"])
        punch = Punch(
            str(receipt["punch_id"]),
            work_date,
            receipt["kind"],
            instant(receipt["at"]),
            receipt["zone"],
            instant(receipt["received_at"]),
            verified=receipt["time_trust"] != "unverified",
        )
        day = self.days.get((employee_id, work_date))
        if day is None:
            self.problems.append(f"punch {punch.punch_id} was booked on {work_date}, a day without a plan")
            return
        day.punches.append(punch)
        self.counts[f"check-{punch.kind}"] += 1
        self.counts[f"zone {punch.zone}"] += 1
        self.counts[f"time {receipt['time_trust']}"] += 1
        if punch.kind == "in" and work_date == played:
            self.first_in.setdefault(employee_id, wall)

    def reported(self, employee_id: UUID, work_date: date, answer: dict[str, Any], *, empty: bool) -> None:
        report = Report(int(answer["revision"]), instant(answer["submitted_at"]))
        self.days[employee_id, work_date].reports.append(report)
        self.counts["reports revised" if report.revision > 1 else "reports"] += 1
        self.counts["reports empty"] += empty

    def reviewed(
        self, employee_id: UUID, work_date: date, answer: dict[str, Any], *, of: int, accepted: float
    ) -> None:
        review = Review(of, int(answer["revision"]), instant(answer["reviewed_at"]), answer["decision"], accepted)
        self.days[employee_id, work_date].reviews.append(review)
        self.counts[f"reviews {review.decision}"] += 1
