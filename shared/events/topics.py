"""The table of topics: the one place that says which exist, who may read them and how they are kept."""

from dataclasses import dataclass, field
from typing import Literal

from shared.events.attendance import AttendanceRecorded, AttendanceVoided, OutageDeclared
from shared.events.base import Event
from shared.events.disowned import RecordDisowned
from shared.events.notifications import NotificationSent
from shared.events.reporting import ComplianceChanged, CoverageChanged, ReportReviewed, ReportSubmitted
from shared.events.scheduling import (
    CalendarChanged,
    EmployeeChanged,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)

Audience = Literal["public", "internal", "restricted"]
KEEP_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1"}
SEVEN_DAYS_MS = str(7 * 24 * 3600 * 1000)
HUNDRED_YEARS_MS = str(100 * 366 * 24 * 3600 * 1000)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the contract.

    audience: `public` carries no personal data at all; `internal` carries employee_id only; `restricted` is
    personal data. It decides the access list.
    """

    event: type[Event]
    owner: str
    audience: Audience
    partitions: int
    config: dict[str, str] = field(default_factory=lambda: dict(KEEP_FOR_EVER))
    tombstones: bool = False

    @property
    def name(self) -> str:
        return self.event.topic

    @property
    def key(self) -> str:
        return self.event.key_field

    @property
    def dead_letters(self) -> str:
        """Where records that no consumer can read are set aside, byte for byte."""
        return f"{self.name}.dead"


_TOPICS = (
    Topic(
        EmployeeChanged,
        "scheduling",
        "restricted",
        6,
        {
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "min.compaction.lag.ms": SEVEN_DAYS_MS,
            # An erasure is a fact too: a rebuild years later must find it.
            "delete.retention.ms": HUNDRED_YEARS_MS,
        },
        tombstones=True,
    ),
    Topic(UnitChanged, "scheduling", "public", 1),
    Topic(RulesChanged, "scheduling", "public", 1),
    Topic(CalendarChanged, "scheduling", "public", 1),
    Topic(ScheduleChanged, "scheduling", "internal", 6),
    Topic(AttendanceRecorded, "attendance", "internal", 6),
    Topic(AttendanceVoided, "attendance", "internal", 1),
    Topic(OutageDeclared, "attendance", "public", 1),
    Topic(ReportSubmitted, "reporting", "internal", 6),
    Topic(ReportReviewed, "reporting", "internal", 6),
    Topic(ComplianceChanged, "reporting", "internal", 6),
    Topic(CoverageChanged, "reporting", "public", 1),
    Topic(NotificationSent, "notifications", "internal", 6),
    Topic(RecordDisowned, "scheduling", "public", 1),
)

TOPICS: dict[str, Topic] = {topic.name: topic for topic in _TOPICS}
