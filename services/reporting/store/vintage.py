"""The name of the facts that a period's figures are made of, and which rules and policies held in it."""

import datetime as dt
import hashlib
from typing import NamedTuple

from services.reporting.domain.periods import Period
from services.reporting.store import planner
from shared.database import Tx

_BEFORE, _AFTER = dt.timedelta(days=3), dt.timedelta(days=1)
"""A plan begins within a day of its work date and lasts two at most: so far people are seen at a counter."""

# Of each date the SHA-256 over the ids of the events that its facts are from, sorted: a fact is what its event
# says.
_OF_DATES = """
    select day::date as day, found.* from generate_series($1::date, $2::date, interval '1 day') as days(day)
        cross join lateral (
            select max({at}) as last_at, sha256(string_agg(uuid_send(ce_id), ''::bytea order by ce_id)) as digest
            from {table} where work_date = days.day::date and {happened}
        ) as found
    where found.digest is not null order by 1
"""
_PLANS = _OF_DATES.format(table="fact_plan", at="null::timestamptz", happened="true")
_HAPPENED = {
    table: _OF_DATES.format(table=table, at=at, happened=f"{at} <= $3")
    for table, at in (("fact_punch", "at"), ("fact_report", "submitted_at"), ("fact_review", "reviewed_at"))
}
# What lies beside its date, and what holds for more than one.
_OTHERS = {
    # Only a false clock leads further than the dates around: coverage.sql looks at these too.
    "far punches": """
        select ce_id from fact_punch as punch cross join asked
        where punch_reach(work_date, at) = 2 and at <= as_of and work_date not between first and last
    """,
    "fact_void": """
        select void.ce_id from fact_void as void join fact_punch as punch using (punch_id) cross join asked
        where punch.work_date between first and last and punch.at <= as_of
    """,
    "fact_outage": """
        select ce_id from fact_outage cross join asked where starts_at < last + 3 and ends_at > first - 3
    """,
    "fact_unit": "select ce_id from fact_unit",
    "fact_rules": "select ce_id from fact_rules cross join asked where effective_from <= last",
    "fact_calendar": """
        select ce_id from fact_calendar cross join asked
        where year between extract(year from first) and extract(year from last) + 1
    """,
}
_IDS = """
    with asked as (select $1::date as first, $2::date as last, $3::timestamptz as as_of)
    select sha256(string_agg(uuid_send(ce_id), ''::bytea order by ce_id)) as digest from ({ids}) as facts
"""
_RULES = """
    select distinct rules.rules_version
    from generate_series($1::date, $2::date, interval '1 day') as days(day)
        cross join lateral rules_in_force(days.day::date) as rules
    where rules.rules_version is not null order by 1
"""
_POLICIES = """
    select distinct policy_version from fact_plan
    where work_date between $1 and $2 and policy_version is not null order by 1
"""


class Facts(NamedTuple):
    """Which facts a period's figures are made of; the newest of them that happened at an instant, if any did."""

    digest: str
    last_fact_at: dt.datetime | None
    rules_versions: list[str]
    policy_versions: list[str]


async def of_period(tx: Tx, period: Period, as_of: dt.datetime) -> Facts:
    """The facts that a period's figures as of an instant can depend on, of the whole city."""
    hashed, last_at = hashlib.sha256(), list[dt.datetime]()
    first, last = period.first - _BEFORE, period.last + _AFTER
    await planner.whole_dates(tx)
    rows = {"fact_plan": await tx.connection.fetch(_PLANS, first, last)}
    for table, query in _HAPPENED.items():
        rows[table] = await tx.connection.fetch(query, first, last, as_of)
    policies = await tx.connection.fetch(_POLICIES, period.first, period.last)
    for table, of_dates in rows.items():
        hashed.update(f"{table}\n".encode())
        for row in of_dates:
            hashed.update(f"{row['day']} {row['digest'].hex()}\n".encode())
            last_at += [row["last_at"]] if row["last_at"] and row["day"] in period else []
    await planner.few_rows(tx)
    for what, ids in _OTHERS.items():
        digest = await tx.connection.fetchval(_IDS.format(ids=ids), first, last, as_of)
        hashed.update(f"{what} {digest.hex() if digest else '-'}\n".encode())
    rules = await tx.connection.fetch(_RULES, period.first, period.last)
    return Facts(
        digest=hashed.hexdigest(),
        last_fact_at=max(last_at, default=None),
        rules_versions=[row["rules_version"] for row in rules],
        policy_versions=[row["policy_version"] for row in policies],
    )
