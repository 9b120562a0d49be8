"""Migrations expand first, and contract one release later: what the released version still uses is taken from it
only where it is named here, with the reason why nobody misses it (docs/deploy.md#migrations)."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import asyncpg
import pytest

from shared.events.base import SERVICES, ServiceName
from tests.conftest import DatabaseFor
from tests.kit.released import released, restored

pytestmark = pytest.mark.long

RELEASE = "0.2.0"
STOPPED = "before this rule; this service is stopped while it is brought from 0.2.0 (docs/deploy.md#from-020)"
SCAN = "before this rule; check-ins wait for one scan of `punch`"
TAKEN: Mapping[ServiceName, Mapping[str, str]] = {
    # The released attendance takes check-ins all the while.
    "attendance": dict.fromkeys(
        [
            "index punch_at_position",
            "index punch_of_device",
            "index punch_unjudged",
            "index punch_with_evidence",
        ],
        SCAN,
    ),
    "notifications": dict.fromkeys(
        [
            "index duty_state_tell_at",
            "index plan_unit",
            "needed recipient.skills",
            "needed unit.places",
            "needed unit.requirements",
            "unique message (employee_id, cause_event_id, kind)",
        ],
        STOPPED,
    ),
    "reporting": dict.fromkeys(
        [
            "bound touched UNIQUE NULLS NOT DISTINCT (work_date, employee_id)",
            "column next_due.due_at",
            "column next_due.work_date",
            "column published_day.hours",
            "column published_day.on_time",
            "column published_day.output",
            "column published_day.place",
            "column published_day.report",
            "column touched.id",
            "index published_day_due",
            "index work_report_by_opd",
            "needed published_day.due_at",
            "needed work_report.first_submitted_at",
            "unique next_due PRIMARY KEY (work_date)",
            "unique touched PRIMARY KEY (id)",
        ],
        STOPPED,
    ),
    "scheduling": dict.fromkeys(
        [
            "bound disowned PRIMARY KEY (event_id)",
            "column disowned.disowned_at",
            "column disowned.disowned_by",
            "column disowned.reason",
            "needed disowned.event_id",
            "unique disowned PRIMARY KEY (ce_id)",
        ],
        STOPPED,
    ),
}
COLUMNS = """
    select table_name || '.' || column_name as name, table_name as of_table, data_type,
        is_nullable = 'NO' and column_default is null and is_identity = 'NO' and is_generated = 'NEVER' as needed
    from information_schema.columns where table_schema = 'public'
"""
BOUNDS = """
    select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as name, conrelid::regclass::text as of_table,
        contype in ('p', 'u') as is_unique, pg_get_constraintdef(oid) as definition
    from pg_constraint where connamespace = 'public'::regnamespace and conrelid <> 0 and contype <> 'n'
"""
INDEXES = "select indexname as name, tablename as of_table from pg_indexes where schemaname = 'public'"


async def taken(then: asyncpg.Connection, now: asyncpg.Connection) -> set[str]:
    """What a program that was written for `then` misses in `now`, or waits for while it is made."""

    async def both(query: str) -> tuple[dict[str, asyncpg.Record], dict[str, asyncpg.Record]]:
        before, after = await then.fetch(query), await now.fetch(query)
        return {row["name"]: row for row in before}, {row["name"]: row for row in after}

    before, after = await both(COLUMNS)
    tables = {row["of_table"] for row in before.values()}
    found = {
        f"column {name}" for name, row in before.items() if name not in after or kind(row) != kind(after[name])
    }
    found |= {f"needed {name}" for name, row in after.items() if row["needed"] and row["of_table"] in tables} - {
        f"needed {name}" for name, row in before.items() if row["needed"]
    }
    before, after = await both(BOUNDS)
    gone, come = before.keys() - after.keys(), after.keys() - before.keys()
    # `on conflict` names the columns of a unique one.
    found |= {f"unique {name.replace('UNIQUE ', '')}" for name in gone if before[name]["is_unique"]}
    found |= {f"bound {name}" for name in come if after[name]["of_table"] in tables}
    before, after = await both(INDEXES)
    found |= {
        f"index {name}"
        for name in after.keys() - before.keys()
        if after[name]["of_table"] in tables and not (await now.fetchval(OF_BOUND, name))
    }
    return found


def kind(column: asyncpg.Record) -> str:
    return column["data_type"]


OF_BOUND = "select exists (select from pg_constraint where conindid = $1::text::regclass)"


@pytest.mark.parametrize("service", SERVICES)
async def test_only_what_is_named_is_taken_from_the_released_version(
    service: ServiceName, postgres: str, database_for: DatabaseFor
) -> None:
    async with AsyncExitStack() as until:
        then = await asyncpg.connect(await restored(postgres, released(RELEASE).dumps[service], service, until))
        until.push_async_callback(then.close)
        now = await asyncpg.connect((await database_for(service)).url)
        until.push_async_callback(now.close)
        assert await taken(then, now) == set(TAKEN[service])
