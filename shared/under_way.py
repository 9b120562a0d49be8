"""Traces that go on in another transaction: a table of what was begun because of which request or record.

Between a fold and what is announced because of it, or a message and its delivery, stand queues: what carries on
there finds the trace here. Written only where spans are exported (shared/spans.py); the table is unlogged, for a
trace that a crash cuts off is no loss.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Protocol

from shared import trace
from shared.database import Tx

KEPT = timedelta(minutes=15)
"""What has not gone on by then is not waited for."""

_NOTE = """
    with old as (delete from trace_under_way where noted_at < clock_timestamp() - $3::interval)
    insert into trace_under_way (subject, traceparent) select * from unnest($1::text[], $2::text[]) order by 1
    on conflict (subject) do update set traceparent = excluded.traceparent, noted_at = excluded.noted_at
"""
_OF = "select subject, traceparent from trace_under_way where subject = any($1)"


class _Operations(Protocol):
    def execute(self, sqltext: str) -> None: ...


def create_table(op: _Operations) -> None:
    """For a migration: `create_table(alembic.op)`."""
    op.execute(
        """
        create unlogged table trace_under_way (
            subject text primary key, traceparent text not null,
            noted_at timestamptz not null default clock_timestamp()
        )
        """
    )
    op.execute("create index trace_under_way_old on trace_under_way (noted_at)")


async def note(tx: Tx, traces: Mapping[str, str | None]) -> None:
    """Remember the newest trace of each subject; those without one, or not sampled, are left out."""
    sampled = {subject: one for subject, one in traces.items() if one is not None and trace.is_sampled(one)}
    if sampled:
        await tx.connection.execute(_NOTE, list(sampled), list(sampled.values()), KEPT)


async def of(tx: Tx, subjects: Collection[str]) -> dict[str, str]:
    """The traceparent of each subject of which one is known."""
    rows = await tx.connection.fetch(_OF, list(subjects))
    return {row["subject"]: row["traceparent"] for row in rows}
