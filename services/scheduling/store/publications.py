"""SQL of reading publications of plans: who published what, when, and what came of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

_LIST = """
    select r.roster_id, r.request, r.status, r.summary, r.created_at, r.created_by
    from roster r, lateral (
        select coalesce((r.request #>> '{scope,all}')::boolean, false) as everybody,
            coalesce(r.request #> '{scope,opd_codes}', '[]') as opd_codes,
            coalesce(r.request #> '{scope,unit_ids}', '[]') as unit_ids
    ) s, lateral (
        select array(
            select jsonb_array_elements_text(s.opd_codes)
            union select u.opd_code from unit u where s.unit_ids ? u.unit_id) as opds
    ) t
    where ($1::text is null or (not s.everybody and t.opds = array[$1]))
        and ($2::text is null or s.everybody or $2 = any(t.opds))
        and ($3::date is null or (r.request ->> 'to')::date >= $3)
        and ($4::date is null or (r.request ->> 'from')::date <= $4)
        and ($5::text is null or r.created_by = $5)
        and ($6::uuid is null or r.roster_id = $6)
        and ($7::timestamptz is null or (r.created_at, r.roster_id) < ($7, $8::uuid))
    order by r.created_at desc, r.roster_id desc limit $9
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which publications to show; each field narrows where it is given.

    `within` is the OPD of a reader who sees nothing else: publications for more than it are left out.
    """

    within: str | None = None
    opd_code: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    officer: str | None = None
    roster_id: UUID | None = None


async def rosters(
    connection: asyncpg.Connection, chosen: Chosen, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[Any]:
    """Publications, newest first, older than `before`."""
    return await connection.fetch(
        _LIST,
        chosen.within,
        chosen.opd_code,
        chosen.first,
        chosen.last,
        chosen.officer,
        chosen.roster_id,
        *(before or (None, None)),
        limit,
    )
