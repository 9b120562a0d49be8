"""deploy/postgres/init.sh: each service has a database of its own, and no way into another's."""

import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.events.base import SERVICES
from tests.debian import debian_tool

pytestmark = pytest.mark.asyncio(loop_scope="session")
INIT = Path(__file__).parents[2] / "deploy" / "postgres" / "init.sh"


async def test_each_service_enters_its_own_database_and_no_other(postgres: str, tmp_path: Path) -> None:
    admin = urlsplit(postgres)
    # psql from wherever it is; the names are made unique so that the session's server can be used.
    psql = debian_tool("postgresql-client-15", "usr/lib/postgresql/15/bin/psql")
    script = INIT.read_text()
    for service in SERVICES:
        script = script.replace(f"make {service} ", f"make init_{service} ")
    (tmp_path / "init.sh").write_text(script)
    environ = {f"HADIR_{service.upper()}_DATABASE_PASSWORD": f"it's {service}" for service in SERVICES}
    environ |= {
        "PATH": f"{Path(psql).parent}:{os.environ['PATH']}",
        "PGHOST": str(admin.hostname),
        "PGPORT": str(admin.port or 5432),
        "PGPASSWORD": admin.password or "",
        "POSTGRES_USER": str(admin.username),
    }
    connection: asyncpg.Connection = await asyncpg.connect(postgres)
    try:
        made = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
            ["sh", str(tmp_path / "init.sh")], env=environ, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        address: dict[str, Any] = {"host": admin.hostname, "port": admin.port or 5432}
        for service in SERVICES:
            user, password = f"init_{service}", f"it's {service}"
            own = await asyncpg.connect(**address, user=user, password=password, database=user)
            await own.execute("create table mine (id int)")
            await own.close()
            for other in set(SERVICES) - {service}:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await asyncpg.connect(**address, user=user, password=password, database=f"init_{other}")
    finally:
        for service in SERVICES:
            await connection.execute(f"drop database if exists init_{service} with (force)")
            await connection.execute(f"drop role if exists init_{service}")
        await connection.close()
