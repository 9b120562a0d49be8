"""What is an e-mail address: plain `name@domain`, as servers without SMTPUTF8 take it.

Source: RFC 5321, 4.1.2 (dot-string and domain) and 4.5.3.1 (64 and 255 bytes, 254 in all by RFC 3696, erratum
1690). Quoted names, address literals, comments, lists and line breaks are none: in a header each of them can turn
one address into several.
"""

import re
from email.headerregistry import Address
from email.utils import getaddresses, parseaddr

LONGEST = 254
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def is_address(value: str) -> bool:
    """Whether a letter can be sent to `value`, as far as its spelling goes."""
    return len(value) <= LONGEST and _ADDRESS.fullmatch(value) is not None


def header(value: str) -> str:
    """`Name <name@domain>`, or an address alone, as a letter's header says it, quoted where it must be.

    Raises ValueError that says how to write it. The name is ASCII and short, so that no reader of mail, however
    old, takes it for several.
    """
    name, address = parseaddr(value)
    if (
        len(getaddresses([value])) != 1
        or not is_address(address)
        or not value.isascii()
        or not value.isprintable()
        or len(name) > 60
    ):
        raise ValueError("write it as Name <name@domain>, the name in at most 60 ASCII characters")
    return str(Address(name, addr_spec=address))
