"""Where a webhook may go: what is an address of a receiver, and which machines may stand behind it.

Who subscribes names an address that this system then calls from inside the city's network: it must not become a
way to machines that only the inside reaches. Special-purpose addresses: the IANA registries of RFC 6890 and 8190.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from shared.refusals import wrong

Network = IPv4Network | IPv6Network
LONGEST = 2000
"""Characters of the longest address that is taken."""

_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",  # public in form, but inside Azure it is the host of the machine itself
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarking and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_UNREADABLE = re.compile(r"[\x00-\x20\x7f\\]|[^\S ]")
"""Characters that programs read each in their own way, and that no address needs."""
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that stands in the place of a name; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Guard:
    """What an administrator allows."""

    networks: Collection[Network] = ()
    """Where receivers may stand beside public addresses: the city's own networks."""
    ports: Collection[int] = (443,)
    plain: bool = False
    """Whether `http://` is taken."""

    def admits(self, address: str) -> bool:
        """Whether a machine at this IP address may be called. What is no IP address may not."""
        found = literal(address.partition("%")[0])
        if found is None:
            return False
        if "%" in address:  # an interface of this machine
            return False
        if any(found in network for network in self.networks if network.version == found.version):
            return True
        if isinstance(found, IPv4Address):
            return not any(found in network for network in _NOT_PUBLIC_4)
        return found in _PUBLIC_6 and not any(found in network for network in _NOT_PUBLIC_6)

    def read(self, text: str) -> URL:
        """The address of a receiver in its one spelling, its name in ASCII (IDNA).

        It is read by the library that will connect, so that both mean the same host. Raises PydanticCustomError
        that says the mend. Where the name leads is not looked up here: see `admits`.
        """
        url = _parsed(text)
        if url.scheme != "https" and not (self.plain and url.scheme == "http"):
            raise wrong("receiver.scheme")
        if url.raw_user is not None or url.raw_password is not None:
            raise wrong("receiver.credentials")
        if url.port not in self.ports:
            raise wrong("receiver.port", ports=", ".join(map(str, sorted(self.ports))))
        host = url.raw_host or ""
        found = literal(host)
        if found is None and (not _is_name(host) or _NUMBER.fullmatch(host.split(".")[-1])):
            raise wrong("receiver.form")
        if found is not None and not self.admits(host):
            raise wrong("receiver.private")
        return url


def _parsed(text: str) -> URL:
    if len(text) > LONGEST or _UNREADABLE.search(text) or "#" in text:
        raise wrong("receiver.form")
    try:
        url = URL(text)
    except ValueError as error:  # UnicodeError of IDNA is one
        raise wrong("receiver.form") from error
    if not url.absolute or not url.raw_host or len(str(url)) > LONGEST:
        raise wrong("receiver.form")
    return url


def _is_name(host: str) -> bool:
    """Whether it is a name as certificates have it: letters, digits, hyphens, at most 253 characters."""
    label = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
    return len(host) <= 253 and all(label.fullmatch(part) for part in host.split("."))


def networks_of(listed: Collection[str]) -> tuple[Network, ...]:
    """Networks as an administrator writes them. Raises ValueError for what is none."""
    return tuple(ip_network(one) for one in listed)
