"""The address of a database: one host, or a standby beside it."""

import socket

import pytest

from shared import failures
from shared.database import Hosts, hosts
from shared.settings import readable_url

STANDBY = "postgresql://me:a%2Cb@one:5432,two:5433/hadir?target_session_attrs=read-write"


def test_several_hosts_are_each_asked_for_the_same() -> None:
    assert hosts(readable_url(STANDBY)) == [
        "postgresql://me:a%2Cb@one:5432/hadir?target_session_attrs=read-write",
        "postgresql://me:a%2Cb@two:5433/hadir?target_session_attrs=read-write",
    ]


@pytest.mark.parametrize("url", ["postgresql://me@one/hadir", "postgresql:///hadir?host=/run/postgresql"])
def test_one_host_stays_as_it_is_written(url: str) -> None:
    assert hosts(url) == [url]


@pytest.mark.parametrize(
    "url",
    ["", "one:5432", "mysql://one/hadir", "postgresql://one:port/hadir", "postgresql://one:1,two:port/hadir"],
)
def test_an_address_that_cannot_be_read_is_refused_with_how_to_write_it(url: str) -> None:
    with pytest.raises(ValueError, match="target_session_attrs=read-write"):
        readable_url(url)


async def test_where_every_host_refuses_each_was_asked_and_storage_is_away() -> None:
    with socket.socket() as one, socket.socket() as two:
        ports = list[int]()
        for refusing in (one, two):  # bound, so that nobody else listens there; but nobody listens
            refusing.bind(("127.0.0.1", 0))
            ports.append(refusing.getsockname()[1])
        with pytest.raises(OSError, match=str(ports[1])) as raised:
            await Hosts(f"postgresql://nobody@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/nothing").connect()
    assert failures.is_away(raised.value)
