"""Who belongs where, for the doors that must know it."""

import datetime as dt
from typing import Any
from uuid import UUID

_OPDS = """
    select opd_code from fact_plan where employee_id = $1 and work_date = $2
    union select opd_code from fact_employee where employee_id = $1 and not erased
"""


async def opds_of(conn: Any, employee_id: UUID, date: dt.date) -> set[str]:
    """The OPD of the employee's plan for the date, and that of the directory: the same but after a move."""
    return {row["opd_code"] for row in await conn.fetch(_OPDS, employee_id, date)}
