"""The address of a database: one host, or a standby beside it."""

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database import sqlalchemy_url
from shared.settings import readable_url

STANDBY = "postgresql://me:a%2Cb@one:5432,two:5433/hadir?target_session_attrs=read-write"


def test_several_hosts_are_tried_for_the_one_that_takes_writes() -> None:
    engine = create_async_engine(sqlalchemy_url(readable_url(STANDBY)))
    _, told = engine.dialect.create_connect_args(engine.url)
    assert (told["host"], told["port"]) == (["one", "two"], [5432, 5433])
    assert told["target_session_attrs"] == "read-write"
    assert (told["user"], told["password"], told["database"]) == ("me", "a,b", "hadir")


def test_one_host_stays_as_it_is_written() -> None:
    assert sqlalchemy_url("postgresql://me@one/hadir") == "postgresql+asyncpg://me@one/hadir"


@pytest.mark.parametrize(
    "url",
    ["", "one:5432", "mysql://one/hadir", "postgresql://one:port/hadir", "postgresql://one:1,two:port/hadir"],
)
def test_an_address_that_cannot_be_read_is_refused_with_how_to_write_it(url: str) -> None:
    with pytest.raises(ValueError, match="target_session_attrs=read-write"):
        readable_url(url)
