"""The audit: the same table, guard and door in every service that decides something; one vocabulary."""

import ast
import asyncio
import datetime as dt
import re
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from shared import audit
from shared.access import Principal
from shared.database import Database, migrate
from shared.refusals import Forbidden
from tests.architecture.source import ROOT, python
from tests.conftest import DatabaseFor, drop_database, make_database

SERVICES = ("scheduling", "attendance", "reporting", "notifications")
COLUMNS = """
    select column_name::text, data_type::text, is_nullable::text from information_schema.columns
    where table_name = 'audit' order by column_name
"""
NOW = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
OFFICER = Principal(uuid4(), "bkpsdm", None, 0.0)


async def test_the_table_is_the_same_wherever_there_is_one(database_for: DatabaseFor) -> None:
    tables: dict[str, list[dict[str, str]]] = {}
    for service in SERVICES:
        async with (await database_for(service)).read() as tx:
            tables[service] = [dict(row) for row in await tx.connection.fetch(COLUMNS)]
    assert all(columns == tables["scheduling"] for columns in tables.values())
    assert {column["column_name"] for column in tables["reporting"]} == set(audit.AuditRow.model_fields)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("change", ["update audit set reason = 'x'", "delete from audit", "truncate audit"])
@pytest.mark.fault(40)
async def test_nobody_rewrites_it(database_for: DatabaseFor, service: str, change: str) -> None:
    db = await database_for(service)
    async with db.transaction() as tx:
        await audit.add(tx, NOW, OFFICER, "punch.void", subject="x", reason="r", detail={**{"a": 1}, "b": 2})
    with pytest.raises(asyncpg.PostgresError, match=r"append only|only added"):
        async with db.transaction() as tx:
            await tx.connection.execute(change)
    async with db.read() as tx:
        (entry,) = await audit.entries(tx, audit.Chosen(action="punch"), before=2**62, limit=10)
    assert (entry.officer, entry.role, entry.reason) == (str(OFFICER.subject), "bkpsdm", "r")
    assert entry.detail == {"a": 1, "b": 2}


async def test_entries_from_before_the_audits_were_one_are_kept_as_they_were(postgres: str) -> None:
    """Attendance had an audit of its own shape; scheduling's was the model, and reporting had none."""
    name = f"attendance_{uuid4().hex[:12]}"
    url = await make_database(postgres, name)
    await asyncio.to_thread(migrate, url, ROOT / "services" / "attendance" / "migrations", "0004")
    db = Database(url)
    async with db.transaction() as tx:
        await tx.connection.execute(
            "insert into audit (at, actor, role, action, subject, reason, details)"
            " values ($1, 'BKPSDM', 'bkpsdm', 'outage.revoke', 'x', 'r', '{\"a\": [1]}')",
            NOW,
        )
    await db.close()
    await asyncio.to_thread(migrate, url, ROOT / "services" / "attendance" / "migrations")
    db = Database(url)
    async with db.transaction() as tx:
        await audit.add(tx, NOW, OFFICER, "punch.void", subject="y", reason="s")
        after, before = await audit.entries(tx, audit.Chosen(), before=2**62, limit=10)
    assert (after.audit_id, after.subject) == (2, "y")
    assert before == audit.AuditRow(
        audit_id=1,
        at=NOW,
        officer="BKPSDM",
        role="bkpsdm",
        action="outage.revoke",
        subject="x",
        reason="r",
        detail={"a": [1]},
    )
    await db.close()
    await drop_database(postgres, name)


async def test_what_is_no_action_and_what_is_no_person_s_is_refused(database_for: DatabaseFor) -> None:
    async with (await database_for("attendance")).transaction() as tx:
        with pytest.raises(ValueError, match=r"punch\.forget"):
            await audit.add(tx, NOW, OFFICER, "punch.forget", subject="x", reason=None)
        with pytest.raises(Forbidden):
            await audit.add(tx, NOW, replace(OFFICER, subject=None), "punch.void", subject="x", reason=None)


def test_every_action_is_a_capability_and_a_verb_that_some_service_writes() -> None:
    """What is written and is not in it is refused as it is written; here, that it has nothing more."""
    texts = {
        part
        for _, tree in python("services")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for part in re.findall(r"[a-z_]+", node.value)
    }
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", action) for action in audit.ACTIONS)
    assert {word for action in audit.ACTIONS for word in action.split(".")} <= texts
