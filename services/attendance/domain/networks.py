"""Networks of offices: evidence of where a request came from, and never a lock."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from services.attendance.domain import Exact
from services.attendance.domain.terminals import Network
from shared.personal import NamesNobody
from shared.refusals import wrong

SHORTEST = {4: 8, 6: 32}
"""Bits of the shortest prefix, by version: 10.0.0.0/8, and what a provider has. More than that is no office."""


def _of_an_office(text: str) -> str:
    network = ipaddress.ip_network(text)
    if network.prefixlen < SHORTEST[network.version]:
        raise wrong("network.too_wide", shortest=SHORTEST[network.version])
    return text


class NetworkTerms(Exact):
    """Addresses from which requests of an office come: of a whole OPD, or where it is named of one unit.

    An address that many offices share, such as that of the city's one way out, is no office's: leave it out.
    """

    network: Annotated[Network, AfterValidator(_of_an_office)]
    opd_code: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    unit_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), NamesNobody]
