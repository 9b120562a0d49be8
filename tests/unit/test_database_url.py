"""The address of a database: one host, or a standby beside it."""

import pytest

from shared.database import hosts
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
