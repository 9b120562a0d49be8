"""`hadir check`: whether a service's facts are those of the log.

The log is folded once more, by the same fold, into tables of one session that stand before the real ones; then the
two are held against each other row for row. What a consumer takes in meanwhile is read too: a row that differs is
looked at again, and told only if it differs each time.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import asyncpg

from deploy.behind import lags
from shared import disowned, repairs
from shared.bus import HandlerContext, client_arguments
from shared.database import Tx
from shared.disowned import Disowned
from shared.events import Received
from shared.events.base import ServiceName
from shared.facts import Shape, shape
from shared.handling import Declaration
from shared.log import Log, Offsets, readable, reading
from shared.projections import Projection

Progress = Callable[[int, int], None]

ROUNDS = 5
PAUSE_S = 1.0
MOST = 1000
"""So many rows of a table that differ are told."""

_TABLES = """
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and not relispartition
"""


class Differs(NamedTuple):
    """A row that is not as the log has it: `how` is missing, unknown to the log, or other."""

    table: str
    key: tuple[str, ...]
    how: str

    def __str__(self) -> str:
        return f"{self.table} ({', '.join(self.key)}): {self.how}"


@dataclass
class Compared:
    """What was held against what, and what differs. `behind`: records that the consumer has not acknowledged."""

    service: ServiceName
    records: int = 0
    rows: int = 0
    differs: list[Differs] = field(default_factory=list[Differs])
    behind: int = 0


def _all(batch: list[Received], _: HandlerContext) -> list[Received]:
    return batch


@dataclass(frozen=True)
class Watched:
    """What a service keeps of the log. `kept` leaves out of a batch what is too old to be kept; `prune` deletes
    what the service deletes in time."""

    service: ServiceName
    projection: Projection
    declarations: Sequence[Declaration]
    kept: Callable[[list[Received], HandlerContext], list[Received]] = _all
    prune: Callable[[Tx, dt.datetime], Awaitable[None]] | None = None


def watched(service: ServiceName) -> Watched:
    """How the facts of a service are held against the log."""
    from deploy.kafka.access import declared

    declarations = declared(service).declarations
    if service == "attendance":
        from services.attendance.facts import PROJECTION as attendance

        return Watched(service, attendance, declarations)
    if service == "scheduling":
        from services.scheduling.facts import PROJECTION as scheduling

        return Watched(service, scheduling, declarations)
    if service == "reporting":
        from services.reporting.commands.facts import still_kept
        from services.reporting.facts import PROJECTION as reporting

        return Watched(service, reporting, declarations, kept=still_kept)
    from services.notifications.facts import PROJECTION as notifications
    from services.notifications.store import deletion
    from services.notifications.tasks.upkeep import KEEP_FACTS
    from shared.dates import local_date

    async def prune(tx: Tx, now: dt.datetime) -> None:
        await deletion.prune(tx, facts_before=local_date(now) - KEEP_FACTS, messages_before=now)
        await deletion.forget_erased(tx)

    return Watched(service, notifications, declarations, prune=prune)


async def compare(this: Watched, context: HandlerContext, progress: Progress) -> Compared:
    """Fold the log and hold the facts against it. Raises KafkaError, and what the database does."""
    done = Compared(this.service)
    session: asyncpg.Connection = await context.db.dedicated()
    client = client_arguments(context.settings)
    try:
        for row in await session.fetch(_TABLES):
            name = row["relname"]
            await session.execute(f'create temp table "{name}" (like public."{name}" including all)')
        said, *others = this.projection.topics
        async with reading(client, this.projection.topics) as log:
            begins, ends = await log.begins(), await log.ends()
            total = sum(ends[one] - begins[one] for one in ends)
            fold = _Fold(this, context, session, log, done)
            for topics in ([said], others):
                await fold.upto(ends, topics, lambda read: progress(min(read, total), total))
            progress(total, total)
            differs = await _differing(this, context, session, done)
            for _ in range(ROUNDS):
                if not differs:
                    break
                await asyncio.sleep(PAUSE_S)
                ends = await log.ends()
                for topics in ([said], others):
                    await fold.upto(ends, topics, lambda _: None)
                now = {*await _differing(this, context, session, done)}
                differs = [one for one in differs if one in now]
        done.differs = differs
    finally:
        await session.close()
    if done.differs:
        groups = {one.group: list(one.topics) for one in this.declarations}
        done.behind = sum(one.records for one in await lags(client, groups))
    return done


@dataclass(frozen=True)
class _Fold:
    """The log, joined into the tables of a session of its own."""

    this: Watched
    context: HandlerContext
    session: asyncpg.Connection
    log: Log
    done: Compared

    async def upto(self, ends: Offsets, topics: Sequence[str], progress: Callable[[int], None]) -> None:
        async for records in self.log.upto(ends, topics):
            if batch := self.this.kept(readable(records, self.context.settings), self.context):
                async with self.session.transaction():
                    await repairs.join_what_can_be(Tx(self.session, None), batch, self._join)
            self.done.records += len(records)
            progress(self.done.records)

    async def _join(self, part: Sequence[Received]) -> None:
        await self.this.projection.fold(Tx(self.session, None), part)


async def _differing(
    this: Watched, context: HandlerContext, session: asyncpg.Connection, done: Compared
) -> list[Differs]:
    """What differs as the log has it, and also once what is deleted in time is deleted there too."""
    shapes = [shape(Disowned), *this.projection.tables]
    before = await _rows(session, shapes, done)
    if this.prune is None or not before:
        return before
    undone = session.transaction()
    await undone.start()
    try:
        await this.prune(Tx(session, None), context.clock.now())
        after = {*await _rows(session, shapes, done)}
    finally:
        await undone.rollback()
    return [one for one in before if one in after]


async def _rows(session: asyncpg.Connection, shapes: Sequence[Shape], done: Compared) -> list[Differs]:
    found: list[Differs] = []
    done.rows = 0
    for table in shapes:
        key = ", ".join(table.key)
        columns = [name for name in table.columns if name not in table.key]
        here, there = (", ".join(f"{side}.{name}" for name in columns) for side in ("facts", "log"))
        keys = ", ".join(f"{name}::text" for name in table.key)
        # Names come from the declarations of facts.
        query = f"""
            select array[{keys}] as key, case when here is null then 'missing'
                when there is null then 'unknown to the log' else 'other' end as how
            from (select true as here, * from public.{table.name}) as facts
                full join (select true as there, * from pg_temp.{table.name}) as log using ({key})
            where here is null or there is null or ({here}) is distinct from ({there})
            order by {keys} limit {MOST}
        """  # noqa: S608
        rows = await session.fetch(query)
        found += [Differs(table.name, tuple(row["key"]), row["how"]) for row in rows]
        done.rows += await session.fetchval(f"select count(*) from pg_temp.{table.name}")  # noqa: S608
    return found


async def mend(context: HandlerContext, this: Watched, differs: Sequence[Differs]) -> list[str]:
    """Have the running service read those topics once more, whose facts are missing or other; returns the topics.

    What the log does not know is not taken away by that. A row that is other gives way to the log's, whatever its
    rank, and is seen until then.
    """
    names = {one.table for one in differs if one.how != "unknown to the log"}
    facts = {topic: shape(fact) for topic, fact in this.projection.by_topic.items() if shape(fact).name in names}
    async with context.db.transaction() as tx:
        for topic, table in facts.items():
            others = [one.key for one in differs if (one.table, one.how) == (table.name, "other")]
            await _rank_last(tx, table, others)
            await tx.connection.execute(
                "insert into repair select $1, $2 on conflict do nothing", topic, disowned.WHOLE
            )
    return list(facts)


async def _rank_last(tx: Tx, table: Shape, keys: Sequence[tuple[str, ...]]) -> None:
    """Let every event outrank these rows."""
    columns = [list(values) for values in zip(*keys, strict=True)]
    given = ", ".join(f"${number}::text[]" for number in range(2, len(table.key) + 2))
    same = " and ".join(f"held.{name}::text = others.{name}" for name in table.key)
    revision = "" if "revision" in table.key else ", revision = -1"
    if keys:
        await tx.connection.execute(
            f"update {table.name} as held set ce_id = $1{revision} "  # noqa: S608 - names of the declarations
            f"from unnest({given}) as others({', '.join(table.key)}) where {same}",
            UUID(int=0),
            *columns,
        )
