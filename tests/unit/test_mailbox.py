"""An e-mail address is one address wherever it is written."""

from email import policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mailbox import LONGEST, is_address


@pytest.mark.parametrize(
    "value",
    [
        "budi@bekasikota.go.id",
        "b.santoso+hadir@bekasikota.go.id",
        "o'neil_1@mail.bekasikota.go.id",
        "pegawai1@sintetis.invalid",
        "a@b",
        "x" * 64 + "@b.id",
    ],
)
def test_what_offices_write_is_taken(value: str) -> None:
    assert is_address(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "budi",
        "@b.id",
        "budi@",
        "budi@b.id\n",
        "budi@b.id\r\nBcc: semua@b.id",
        "budi\u2028@b.id",
        "budi\x00@b.id",
        "budi,ani@b.id",
        "budi@b.id,ani@b.id",
        "budi@b.id;ani@b.id",
        "<budi@b.id>",
        "Budi <budi@b.id>",
        '"budi santoso"@b.id',
        "budi@[127.0.0.1]",
        "budi(satu)@b.id",
        ".budi@b.id",
        "budi..s@b.id",
        "budi@b..id",
        "budi@-b.id",
        "budí@b.id",
        "budi@bekası.id",
        "x" * 65 + "@b.id",
        "a@" + ".".join(["b" * 60] * 5),
    ],
)
def test_what_a_header_would_read_otherwise_is_refused(value: str) -> None:
    assert not is_address(value)


SIGNS = st.text(st.sampled_from("ab1aab1.@,;:<>\"'\\()[] \r\n\t\x00+-=?_é"), max_size=5)


@given(SIGNS, SIGNS)
def test_an_address_is_read_back_as_itself_alone(name: str, domain: str) -> None:
    value = f"{name}@{domain}"
    if not is_address(value):
        return
    assert len(value) <= LONGEST
    assert getaddresses([value]) == [("", value)]
    message = EmailMessage(policy=policy.SMTP)
    message["To"] = value
    header = message["To"]
    assert isinstance(header, AddressHeader)
    assert [one.addr_spec for one in header.addresses] == [value]
