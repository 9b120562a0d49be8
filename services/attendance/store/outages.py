"""Declared outages."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select, tuple_

from services.attendance.store.tables import Outage
from shared.database import Tx


async def hold_id(tx: Tx, outage_id: UUID) -> None:
    """Until the transaction ends nobody else declares an outage with this id: a retry waits and finds it."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", str(outage_id))


async def lock(tx: Tx, outage_id: UUID) -> Outage | None:
    """An outage, held until the transaction ends, so that two officers change it one after the other."""
    return await tx.session.get(Outage, outage_id, with_for_update=True)


async def listed(
    tx: Tx, *, limit: int, after: tuple[dt.datetime, UUID] | None, ends_from: dt.datetime | None
) -> Sequence[Outage]:
    """Outages, the latest start first, revoked ones included; `ends_from` leaves out those that ended before."""
    query = select(Outage).order_by(col(Outage.starts_at).desc(), col(Outage.outage_id).desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(col(Outage.starts_at), col(Outage.outage_id)) < after)
    if ends_from is not None:
        query = query.where(col(Outage.ends_at) >= ends_from)
    return (await tx.session.exec(query)).all()
