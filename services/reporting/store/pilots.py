# ruff: noqa: S608 - statements are put together from constants of this file
"""The SQL of pilots: revisions are only added."""

from collections.abc import Sequence

import asyncpg

from services.reporting.domain.pilots import Pilot, Protocol
from shared.database import Tx

_COLUMNS = "protocol, revision, amended_after_start, registered_at"
_ONE = f"""
    select {_COLUMNS} from pilot where pilot_id = $1 and ($2::bigint is null or revision = $2)
    order by revision desc limit 1
"""
_REVISIONS = f"select {_COLUMNS} from pilot where pilot_id = $1 order by revision"
_NEWEST = f"""
    select distinct on (pilot_id) {_COLUMNS} from pilot where pilot_id > $1
    order by pilot_id, revision desc limit $2
"""
_TREATED_ELSEWHERE = """
    with newest as (
        select distinct on (pilot_id) protocol from pilot where pilot_id <> $1 order by pilot_id, revision desc
    )
    select distinct opd_code
    from newest cross join lateral jsonb_array_elements_text(protocol -> 'treated') as code (opd_code)
    where opd_code = any($2::text[])
        and protocol -> 'trial' ->> 'from' <= $4::date::text and protocol -> 'trial' ->> 'to' >= $3::date::text
    order by opd_code
"""
_ADD = """
    insert into pilot (pilot_id, revision, protocol, protocol_sha256, amended_after_start, registered_at)
    values ($1, $2, $3::jsonb, $4, $5, $6)
"""


def _pilot(row: asyncpg.Record) -> Pilot:
    columns = dict(row)
    return Pilot(Protocol.model_validate(columns.pop("protocol")), **columns)


async def lock(tx: Tx, pilot_id: str) -> None:
    """One officer at a time registers a pilot, whether it is there yet or not."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended('pilot/' || $1, 0))", pilot_id)


async def find(tx: Tx, pilot_id: str, revision: int | None = None) -> Pilot | None:
    """A revision of a pilot, the newest where none is named."""
    row = await tx.connection.fetchrow(_ONE, pilot_id, revision)
    return _pilot(row) if row else None


async def revisions(tx: Tx, pilot_id: str) -> list[Pilot]:
    """Every revision of a pilot, the first one first."""
    return [_pilot(row) for row in await tx.connection.fetch(_REVISIONS, pilot_id)]


async def newest(tx: Tx, after: str, limit: int) -> list[Pilot]:
    """The newest revision of each pilot, by pilot_id."""
    return [_pilot(row) for row in await tx.connection.fetch(_NEWEST, after, limit)]


async def treated_elsewhere(tx: Tx, protocol: Protocol) -> Sequence[str]:
    """OPDs of the control arm that another pilot treats while this one looks at them, by code."""
    first = (protocol.baseline or protocol.trial).first
    rows = await tx.connection.fetch(
        _TREATED_ELSEWHERE, protocol.pilot_id, protocol.control, first, protocol.trial.last
    )
    return [row["opd_code"] for row in rows]


async def add(tx: Tx, pilot: Pilot) -> None:
    """Keep a revision."""
    protocol = pilot.protocol
    await tx.connection.execute(
        _ADD,
        protocol.pilot_id,
        pilot.revision,
        protocol.canonical().decode(),
        protocol.sha256,
        pilot.amended_after_start,
        pilot.registered_at,
    )
