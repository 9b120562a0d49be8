"""What people do in attendance: check in, correct a record, declare an outage."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.attendance.store.tables import Audit
from shared.access import Principal
from shared.events import source_of

SOURCE = source_of("attendance")


@dataclass(frozen=True, slots=True)
class Act:
    """An officer doing something at a business time."""

    who: Principal
    now: datetime

    @property
    def actor(self) -> str:
        """The officer's employee_id, or the OPD code of an office account."""
        return str(self.who.subject or self.who.opd or self.who.role)

    def audit(self, action: str, subject: UUID, reason: str, details: dict[str, Any]) -> Audit:
        """The entry of the audit log that says so."""
        return Audit(
            at=self.now,
            actor=self.actor,
            role=self.who.role,
            action=action,
            subject=str(subject),
            reason=reason,
            details=details,
        )
