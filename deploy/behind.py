"""`hadir lag` and `hadir outbox`: what was written and is not read yet, what was promised and is not written
yet."""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from deploy.addresses import database_url, groups_here, kafka, services_here

if TYPE_CHECKING:
    from shared.events.base import ServiceName

app = typer.Typer()

STUCK_AFTER_S = 60.0
"""As the alert OutboxStuck has it."""

_HEAD = """
    select topic, octet_length(value) as bytes,
        extract(epoch from clock_timestamp() - created_at)::float8 as age_s,
        (select count(*) from outbox as same where same.topic = head.topic and same.key = head.key) as of_its_key
    from outbox as head order by id limit 1
"""
_TOPICS = """
    select topic, count(*) as rows, extract(epoch from clock_timestamp() - min(created_at))::float8 as age_s
    from outbox group by topic order by min(id)
"""
_LEADER = """
    select pid, application_name, coalesce(host(client_addr), 'this machine') as address, state,
        extract(epoch from clock_timestamp() - state_change)::float8 as since_s
    from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and pg_locks.database = (
            select oid from pg_database where datname = current_database())
        and ((classid::bigint << 32) | objid::bigint) = hashtext('hadir.outbox.leader')::bigint
"""


class Lag(NamedTuple):
    """How far a group is behind in a partition: so many records may be read and are not acknowledged; the first of
    them was written so many seconds ago. `committed` is None where the group has acknowledged nothing yet."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    records: int
    seconds: float


async def lags(client: Mapping[str, Any], groups: Mapping[str, list[str]]) -> list[Lag]:
    """Of each group in each partition of its topics."""
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    from shared.log import reading

    found: list[Lag] = []
    admin: Any = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        for group, topics in groups.items():
            offsets = await admin.list_consumer_group_offsets(group)
            async with reading(client, topics, rewound=False) as log:
                begins, ends = await log.begins(), await log.ends()
                for partition in sorted(ends, key=lambda one: (one.topic, one.partition)):
                    known = offsets.get(TopicPartition(partition.topic, partition.partition))
                    committed = known.offset if known is not None and known.offset >= 0 else None
                    first, end = max(committed or 0, begins[partition]), ends[partition]
                    since = None
                    if first < end:
                        log.only({partition: first})
                        async for records in log.upto({partition: end}):
                            since = records[0].timestamp / 1000
                            break
                    # What transactions leave at the end, markers and records that were taken back, nobody reads.
                    behind = 0 if since is None else end - first
                    seconds = 0.0 if since is None else max(0.0, time.time() - since)
                    found.append(Lag(group, partition.topic, partition.partition, committed, end, behind, seconds))
    finally:
        await admin.close()
    return found


@app.command()
def lag(
    *, every: bool = typer.Option(False, "--all", help="Also the partitions that are read to their end")
) -> None:
    """How far each consumer is behind, in records and seconds, by partition."""
    groups = groups_here()
    found = asyncio.run(lags(kafka(), groups))
    for one in found:
        if every or one.records:
            at = "nothing yet" if one.committed is None else f"{one.committed:,}"
            typer.echo(
                f"{one.group:<22} {one.topic}/{one.partition}  acknowledged {at} of {one.end:,}  "
                f"behind {one.records:,} records, {one.seconds:,.1f} s"
            )
    for group in groups:
        of_group = [one for one in found if one.group == group]
        records, seconds = (
            sum(one.records for one in of_group),
            max((one.seconds for one in of_group), default=0.0),
        )
        typer.echo(f"{group:<22} {records:,} records behind, the oldest {seconds:,.1f} s old")


@app.command()
def outbox() -> None:
    """What was promised and is not published yet, what stands first, and who carries it. Ends with 1 where
    something has waited for a minute, or nobody carries."""
    stuck = False
    for service in services_here():
        stuck |= asyncio.run(_outbox(service))
    if stuck:
        typer.echo("hadir: look at Kafka first; see docs/runbook.md, OutboxStuck and NoRelay", err=True)
        raise typer.Exit(1)


async def _outbox(service: "ServiceName") -> bool:
    from shared.database import Hosts

    session = await Hosts(database_url(service)).connect()
    try:
        async with session.transaction(isolation="repeatable_read", readonly=True):
            topics = await session.fetch(_TOPICS)
            head = await session.fetchrow(_HEAD)
            leaders = await session.fetch(_LEADER)
    finally:
        await session.close()
    rows = sum(row["rows"] for row in topics)
    carries = ", ".join(
        f"{row['application_name']} from {row['address']} "
        f"(session {row['pid']}, {row['state']} for {row['since_s']:.0f} s)"
        if row["since_s"] is not None  # PostgreSQL hides it where the session is another role's
        else f"NOBODY: its lock is held by {row['application_name']!r} (session {row['pid']}, of another role)"
        for row in leaders
    )
    typer.echo(f"{service}: {rows:,} rows wait; carried by {carries or 'NOBODY'}")
    for row in topics:
        typer.echo(f"  {row['topic']:<28} {row['rows']:>8,} rows, the oldest {row['age_s']:,.1f} s old")
    if head is not None:
        typer.echo(
            f"  first: {head['topic']}, {head['bytes'] or 0:,} bytes, {head['age_s']:,.1f} s old; "
            f"{head['of_its_key'] - 1:,} more of its key wait behind it"
        )
    carried = any(row["since_s"] is not None for row in leaders)
    return not carried or (head is not None and head["age_s"] > STUCK_AFTER_S)
