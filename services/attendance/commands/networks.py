"""Which addresses are an office's, as its officers say."""

from ipaddress import ip_network
from uuid import UUID

from services.attendance.commands import Act
from services.attendance.domain.networks import NetworkTerms
from services.attendance.store import networks as store
from services.attendance.store.tables import OfficeNetwork
from shared import audit
from shared.access import only_opd
from shared.database import Tx
from shared.refusals import FieldError, Invalid, Missing


async def put(tx: Tx, act: Act, network_id: UUID, terms: NetworkTerms, reason: str) -> tuple[OfficeNetwork, bool]:
    """Name an office's network, or alter the one with this id; it and whether it is new. Raises Refused."""
    own = only_opd(act.who)
    if own not in (None, terms.opd_code) or not await store.is_of(tx, terms.opd_code, None):
        raise Invalid("validation", errors=[FieldError("opd_code", "network.opd")])
    if not await store.is_of(tx, terms.opd_code, terms.unit_id):
        raise Invalid("validation", errors=[FieldError("unit_id", "network.unit")])
    known = await store.lock(tx, network_id)
    if known is not None and own not in (None, known.opd_code):
        raise Missing("network.not_found")
    given = terms.model_dump(include=set(NetworkTerms.model_fields))
    network = known or OfficeNetwork(network_id=network_id, **given)
    for name, value in given.items():
        setattr(network, name, ip_network(value) if name == "network" else value)
    tx.session.add(network)
    await audit.add(tx, act.now, act.who, "network.set", subject=network_id, reason=reason, detail=given)
    return network, known is None


async def remove(tx: Tx, act: Act, network_id: UUID, reason: str) -> OfficeNetwork:
    """Take a network away. Raises Missing."""
    network = await store.lock(tx, network_id)
    own = only_opd(act.who)
    if network is None or own not in (None, network.opd_code):
        raise Missing("network.not_found")
    await tx.session.delete(network)
    detail = {"network": str(network.network), "opd_code": network.opd_code, "unit_id": network.unit_id}
    await audit.add(tx, act.now, act.who, "network.removed", subject=network_id, reason=reason, detail=detail)
    return network
