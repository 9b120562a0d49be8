"""SQL of the person-days that a change other than a plan alters late (domain.late)."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.scheduling.domain.late import Touch
from shared.database import Tx
from shared.dates import local_date

_LATE = """
    select distinct on (p.work_date, p.employee_id) p.employee_id, p.work_date, p.mode, s.altered
    from jsonb_to_recordset($1::jsonb) as s (
        unit_id text, first date, until date, modes text[], begins timestamptz, altered jsonb)
    join plan p on p.work_date >= s.first and p.work_date < s.until and p.work_date <= $2::date + 1
        and (s.unit_id is null or p.unit_id = s.unit_id) and p.mode = any(s.modes)
        and (p.work_date < $2 or p.starts_at <= $3
             or (p.starts_at is null and p.work_date = $2 and s.begins <= $3))
    order by p.work_date, p.employee_id
"""
_COUNT = f"select count(*) from ({_LATE}) late"  # noqa: S608 - built from constants
_LIST = f"""
    insert into proposal_day (proposal_id, employee_id, work_date, old_mode, row)
    select $4, employee_id, work_date, mode, jsonb_build_object('mode', mode, 'altered', altered)
    from ({_LATE}) late
"""  # noqa: S608
_UNLISTED = f"""
    select count(*) from ({_LATE}) late
    where not exists (select from proposal_day d where d.proposal_id = $4
        and d.work_date = late.work_date and d.employee_id = late.employee_id)
"""  # noqa: S608
_BEGUN = """
    select count(*) from plan
    where work_date >= $1 and work_date <= $2::date + 1 and mode in ('WFO', 'WFH')
        and ($3::text[] is null or opd_code = any($3)) and (work_date < $2 or starts_at <= $4)
"""


def _parameters(touches: Sequence[Touch], now: dt.datetime) -> tuple[Any, ...]:
    rows = [
        {
            "unit_id": one.unit_id,
            "first": one.first,
            "until": one.until,
            "modes": sorted(one.modes),
            "begins": one.begins and one.begins.isoformat(),
            "altered": one.altered,
        }
        for one in touches
    ]
    return json.dumps(rows, default=str), local_date(now), now


async def count(tx: Tx, touches: Sequence[Touch], now: dt.datetime) -> int:
    """How many published person-days the change alters late at `now`."""
    return int(await tx.connection.fetchval(_COUNT, *_parameters(touches, now)) or 0) if touches else 0


async def list_days(tx: Tx, touches: Sequence[Touch], now: dt.datetime, proposal_id: UUID) -> None:
    """Keep those person-days as the ones that a proposal alters."""
    await tx.connection.execute(_LIST, *_parameters(touches, now), proposal_id)


async def unlisted(tx: Tx, touches: Sequence[Touch], now: dt.datetime, proposal_id: UUID) -> int:
    """How many person-days are late at `now` that the proposal does not list."""
    return int(await tx.connection.fetchval(_UNLISTED, *_parameters(touches, now), proposal_id) or 0)


async def begun(tx: Tx, first: dt.date, opd_codes: Sequence[str] | None, now: dt.datetime) -> int:
    """How many plans of work from `first` on, of some OPD or of all (None), are over or have begun at `now`."""
    scope = None if opd_codes is None else list(opd_codes)
    return int(await tx.connection.fetchval(_BEGUN, first, local_date(now), scope, now) or 0)
