"""SQL of what staff ask for: who may ask, and until when a superior has time."""

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from services.scheduling.domain.requests import KindRule
from services.scheduling.store.rosters import holidays
from shared.database import Tx
from shared.dates import local_date, review_until

_KINDS = "select kind, employment, opd_codes from request_kind"
_SET_KIND = """
    insert into request_kind (kind, employment, opd_codes) values ($1, $2, $3)
    on conflict (kind) do update set employment = excluded.employment, opd_codes = excluded.opd_codes
"""
_EMPLOYMENT = "select employment from employee where employee_id = $1"
_WORKING_DAYS = """
    select review_sla_working_days from rules
    where effective_from <= $1 order by effective_from desc, rules_version collate "C" desc limit 1
"""


async def kinds(tx: Tx) -> Mapping[str, KindRule]:
    """Who may ask for what, by kind; a kind that the city has said nothing of is left out."""
    rows = await tx.connection.fetch(_KINDS)
    return {row["kind"]: KindRule(employment=row["employment"], opd_codes=row["opd_codes"]) for row in rows}


async def set_kind(tx: Tx, kind: str, rule: KindRule) -> None:
    """Say who may ask for one kind, over what was said before."""
    await tx.connection.execute(_SET_KIND, kind, rule.employment, rule.opd_codes)


async def employment(tx: Tx, employee_id: UUID) -> str | None:
    """PNS or PPPK; None for a stranger."""
    return await tx.connection.fetchval(_EMPLOYMENT, employee_id)


async def review_due(tx: Tx, since: dt.datetime, without_rules: int) -> dt.datetime:
    """Until when what waits since an instant is a direct superior's alone, by the rules in force on its date."""
    day = local_date(since)
    days: int = await tx.connection.fetchval(_WORKING_DAYS, day) or without_rules
    return review_until(since, days, await holidays(tx, day, day))
