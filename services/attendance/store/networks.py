"""Networks of offices."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from services.attendance.store.tables import OfficeNetwork
from shared.database import Tx

_OPD = "select exists (select from unit_fact where opd_code = $1 and ($2::text is null or unit_id = $2))"


async def lock(tx: Tx, network_id: UUID) -> OfficeNetwork | None:
    """A network, held until the transaction ends; one that is not there yet cannot come meanwhile either."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"network {network_id}")
    return await tx.session.get(OfficeNetwork, network_id, with_for_update=True)


async def is_of(tx: Tx, opd_code: str, unit_id: str | None) -> bool:
    """Whether there is such an OPD, with that unit."""
    return bool(await tx.connection.fetchval(_OPD, opd_code, unit_id))


async def listed(tx: Tx, *, opd_code: str | None, after: UUID, limit: int) -> Sequence[OfficeNetwork]:
    """Networks, of one OPD where it is given, by id."""
    query = (
        select(OfficeNetwork)
        .where(col(OfficeNetwork.network_id) > after)
        .order_by(col(OfficeNetwork.network_id))
        .limit(limit)
    )
    if opd_code is not None:
        query = query.where(col(OfficeNetwork.opd_code) == opd_code)
    return (await tx.session.exec(query)).all()
