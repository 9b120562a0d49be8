"""What people do in attendance: check in, correct a record, declare an outage."""

from dataclasses import dataclass
from datetime import datetime

from shared.access import Principal, employee_of
from shared.events import source_of

SOURCE = source_of("attendance")


@dataclass(frozen=True, slots=True)
class Act:
    """An officer doing something at a business time."""

    who: Principal
    now: datetime

    @property
    def officer(self) -> str:
        """In whose name it is published."""
        return str(employee_of(self.who))
