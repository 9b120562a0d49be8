"""SQL of readiness: weights by version, assessments by subject and date."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.database import Tx

_WEIGHTS = "select version, body from readiness_weights order by version desc limit 1"
_ADD_WEIGHTS = """
    insert into readiness_weights (version, body, created_at, created_by)
    values ((select coalesce(max(version), 0) + 1 from readiness_weights), $1::jsonb, $2, $3) returning version
"""
_ADD = """
    insert into assessment (subject_kind, subject_id, assessed_on, weights_version, body, score,
        recommended_share, created_at, created_by)
    values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9)
    on conflict (subject_kind, subject_id, assessed_on) do update set weights_version = excluded.weights_version,
        body = excluded.body, score = excluded.score, recommended_share = excluded.recommended_share,
        created_at = excluded.created_at, created_by = excluded.created_by
"""
_CITY = """
    select s.subject_kind, s.subject_id, s.opd_code, s.name, a.assessed_on, a.weights_version, a.score,
        a.recommended_share, a.body
    from (
        select 'opd' as subject_kind, opd_code as subject_id, opd_code, name from opd
        union all select 'unit', unit_id, opd_code, name from unit
    ) s
    left join lateral (
        select * from assessment a
        where a.subject_kind = s.subject_kind and a.subject_id = s.subject_id and a.assessed_on <= $1
        order by a.assessed_on desc limit 1
    ) a on true
    where $2::text is null or s.opd_code = $2
    order by s.opd_code, s.subject_kind, s.subject_id
"""


async def weights(tx: Tx) -> tuple[int, Any] | None:
    """(version, body) of the newest weights."""
    row = await tx.connection.fetchrow(_WEIGHTS)
    return None if row is None else (row["version"], row["body"])


async def add_weights(tx: Tx, body: dict[str, Any], at: dt.datetime, by: str) -> int:
    """Store the next version. Returns its number."""
    return int(await tx.connection.fetchval(_ADD_WEIGHTS, json.dumps(body), at, by) or 0)


class Assessed(NamedTuple):
    """An assessment as it is stored; `body` holds the criteria as JSON, with the evidence."""

    subject_kind: str
    subject_id: str
    assessed_on: dt.date
    weights_version: int
    body: str
    score: float
    recommended_share: float


async def add(tx: Tx, assessed: Assessed, at: dt.datetime, by: str) -> None:
    """Store an assessment, over one of the same subject and date."""
    await tx.connection.execute(_ADD, *assessed, at, by)


async def city(tx: Tx, day: dt.date, opd_code: str | None) -> Sequence[Any]:
    """Every OPD and unit with its latest assessment on `day`, or nulls."""
    return await tx.connection.fetch(_CITY, day, opd_code)
