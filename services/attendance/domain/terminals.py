"""Of a terminal at the door: what an officer says of it, and what lets its words in."""

import hashlib
import hmac
import ipaddress
import re
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from services.attendance.domain import Exact
from shared.events.base import InstantUTC
from shared.personal import NamesNobody
from shared.refusals import wrong

Meaning = Literal["in", "out", "ignored"]
"""What a state code says: which kind of punch, or none."""

Keys = Literal["pressed", "first_last"]
"""Whether people press a key for in or out (`pressed`), or only put their finger on it (`first_last`)."""

STATES: dict[str, Meaning] = {"0": "in", "1": "out", "2": "out", "3": "in", "4": "in", "5": "out"}
"""As most terminals leave the factory: in, out, out to a break, back from it, in and out of overtime."""

WIB_MINUTES = 7 * 60

SERIAL = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_SERIAL = re.compile(SERIAL, re.ASCII)

_PIN = re.compile(r"[0-9]{1,24}")
"""A number at a terminal is a text: leading zeros are part of it, and it may be longer than a number can be."""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise wrong("network.form") from error


Network = Annotated[str, StringConstraints(max_length=50), AfterValidator(_network)]


class TerminalTerms(Exact):
    """What holds for a terminal. What is left out is as most terminals have it."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), NamesNobody]
    unit_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """The unit at whose door it hangs: that its places are where the person was."""
    enabled: bool = True
    utc_offset_minutes: int = Field(default=WIB_MINUTES, ge=-12 * 60, le=14 * 60, multiple_of=15)
    """How far ahead of UTC its display is: it tells times without a zone."""
    keys: Keys = "pressed"
    states: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,2})$")], Meaning] = Field(
        default=STATES, max_length=50
    )
    commissioned_at: InstantUTC | None = None
    """What it recorded before is not the city's; where it is not given, when it was registered."""
    networks: list[Network] = Field(default=[], max_length=20)
    """Where it is believed from; nowhere named: from anywhere."""
    key: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")] | None = None
    """The communication key that it has to give. Left out, what was set stays."""
    no_key: bool = False
    """Takes the key away."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.no_key and self.key is not None:
            raise wrong("terminal.key_or_none")
        return self


Stranger = Literal["unknown", "disabled", "network", "key"]
"""Why a terminal is not believed."""
STRANGERS: tuple[Stranger, ...] = get_args(Stranger)


def digest(serial: str, key: str) -> str:
    """What is kept of a communication key. These are short: by it they are out of sight, and no more."""
    return hashlib.sha256(f"{serial}\t{key}".encode()).hexdigest()


def within(address: str, networks: list[str]) -> bool:
    """Does a request from `address` come from one of `networks`, or is none named?"""
    if not networks:
        return True
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(host in ipaddress.ip_network(network) for network in networks)


def opens(serial: str, given: str, kept: str | None) -> bool:
    """Is the communication key that was `given` the one of which `kept` is the digest, or is none asked for?"""
    return kept is None or hmac.compare_digest(digest(serial, given), kept)


def is_pin(text: str) -> bool:
    """Can it be somebody's number at a terminal?"""
    return _PIN.fullmatch(text) is not None


def is_serial(text: str) -> bool:
    """Can it be a terminal's serial number?"""
    return _SERIAL.fullmatch(text) is not None
