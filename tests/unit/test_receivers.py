"""Which addresses a webhook may go to: none from which the inside of a network is reached."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from services.notifications.domain.receivers import Guard, literal

GUARD = Guard()
ANY_ADDRESS = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    *(
        st.ip_addresses(network=network)
        for network in ("10.0.0.0/8", "169.254.0.0/16", "fc00::/7", "64:ff9b::/96")
    ),
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "192.0.2.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "fd00:ec2::254",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "2600::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "",
        "8.8.8",
        "0177.0.0.1",
    ],
)
def test_an_address_that_is_not_public_is_not_admitted(address: str) -> None:
    assert not GUARD.admits(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2600::1", "2a00:1450::1"]
)
def test_a_public_address_is_admitted(address: str) -> None:
    assert GUARD.admits(address)


def test_an_administrator_allows_a_network_and_nothing_beside_it() -> None:
    guard = Guard((ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")))
    assert guard.admits("10.20.3.4")
    assert guard.admits("fd00:1::7")
    assert not guard.admits("10.21.0.1")
    assert not guard.admits("fd00:2::7")
    assert not guard.admits("::ffff:10.20.3.4")


@given(ANY_ADDRESS)
def test_nothing_is_admitted_that_python_takes_for_private(address: IPv4Address | IPv6Address) -> None:
    """Another opinion: the registries as the standard library has them."""
    if GUARD.admits(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert getattr(address, "ipv4_mapped", None) is None
        assert getattr(address, "sixtofour", None) is None
        assert getattr(address, "teredo", None) is None


def refusal(text: str, guard: Guard = GUARD) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        guard.read(text)
    return caught.value.type


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://contoh.example/", "receiver.scheme"),
        ("ftp://contoh.example/", "receiver.scheme"),
        ("file:///etc/passwd", "receiver.form"),
        ("//contoh.example/", "receiver.scheme"),
        ("contoh.example", "receiver.form"),
        ("https://", "receiver.form"),
        ("https:///hook", "receiver.form"),
        ("https://user@contoh.example/", "receiver.credentials"),
        ("https://user:pass@contoh.example/", "receiver.credentials"),
        ("https://contoh.example:8443/", "receiver.port"),
        ("https://contoh.example:22/", "receiver.port"),
        ("https://contoh.example:0/", "receiver.port"),
        ("https://contoh.example:99999/", "receiver.form"),
        ("https://contoh.example/\r\nX: 1", "receiver.form"),
        ("https://contoh.example/a b", "receiver.form"),
        ("https://contoh.example\\@10.0.0.1/", "receiver.form"),
        ("https://contoh.example/#bagian", "receiver.form"),
        ("https://contoh.example\t/", "receiver.form"),
        ("https://contoh\u2028.example/", "receiver.form"),
        ("https://127.0.0.1/", "receiver.private"),
        ("https://[::1]/", "receiver.private"),
        ("https://[fe80::1%25eth0]/", "receiver.private"),
        ("https://2130706433/", "receiver.form"),
        ("https://127.1/", "receiver.form"),
        ("https://0x7f.0.0.1/", "receiver.form"),
        ("https://0177.0.0.1/", "receiver.form"),
        ("https://1.2.3.0x4/", "receiver.form"),
        ("https://-a.example/", "receiver.form"),
        ("https://a..example/", "receiver.form"),
        ("https://" + "a" * 64 + ".example/", "receiver.form"),
        ("https://contoh.example/" + "a" * 2000, "receiver.form"),
    ],
)
def test_what_is_no_address_of_a_receiver_is_refused_with_its_mend(text: str, code: str) -> None:
    assert refusal(text) == code


def test_an_address_has_one_spelling() -> None:
    assert str(GUARD.read("HTTPS://Contoh.Example:443/Hook?a=1")) == "https://contoh.example/Hook?a=1"
    assert GUARD.read("https://bücher.example/").raw_host == "xn--bcher-kva.example"
    assert GUARD.read("https://ＣＯＮＴＯＨ.example/").raw_host == "contoh.example"


def test_full_width_digits_are_no_way_around() -> None:
    assert refusal("https://１２７.0.0.1/") in ("receiver.private", "receiver.form")
    assert refusal("https://127。0。0。1/") in ("receiver.private", "receiver.form")


def test_plain_http_and_other_ports_where_the_administrator_says_so() -> None:
    guard = Guard((ip_network("127.0.0.0/8"),), (443, 8080), plain=True)
    assert str(guard.read("http://127.0.0.1:8080/hook")) == "http://127.0.0.1:8080/hook"
    assert refusal("http://127.0.0.1/", guard) == "receiver.port"


@given(st.text(max_size=60))
def test_no_text_gets_past_without_being_a_public_https_address(text: str) -> None:
    try:
        url = GUARD.read("https://" + text)
    except PydanticCustomError as error:
        assert error.type.startswith("receiver.")  # noqa: PT017 - any of them
        return
    host = url.raw_host or ""
    assert (url.scheme, url.port) == ("https", 443)
    assert host.isascii()
    assert url.raw_user is None
    assert literal(host) is None or GUARD.admits(host)
