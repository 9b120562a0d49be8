#!/usr/bin/env bash
# What: of several hosts in one address asyncpg tries the second only where the first refuses. `timeout` is for all of them
# together, so one that says nothing (its power is cut, its packets are dropped, it is stopped) takes all of it: however
# much there is, the host that answers is never tried. libpq gives each host a `connect_timeout` of its own.
# Why it matters here: a standby takes over, and services that name both never find it while the primary is silent. What is
# tried by killing a process passes: its port refuses, and the second host is tried at once.
# Versions: asyncpg 0.32.0, psycopg2 2.9.11 (libpq 17), PostgreSQL of pgserver 0.1.4, on 127.0.0.1 and a socket.
# Seen, with the second host up and the first
#   refusing: asyncpg connected, libpq connected
#   silent: asyncpg TimeoutError, libpq connected
# Needs python3 (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check asyncpg==0.32.0 psycopg2-binary==2.9.11 pgserver==0.1.4

cat >check.py <<'PY'
import asyncio
import socket

import asyncpg
import pgserver
import psycopg2
import psycopg2.extensions

GIVEN_S = 8
"""All that asyncpg is given, and twice what libpq is for each host."""


async def by_asyncpg(port: int, folder: str) -> str:
    try:
        connection = await asyncpg.connect(
            host=["127.0.0.1", folder], port=[port, 5432], user="postgres", database="postgres", timeout=GIVEN_S
        )
    except TimeoutError as error:
        return type(error).__name__
    await connection.close()
    return "connected"


def by_libpq(port: int, folder: str) -> str:
    several = f"host=127.0.0.1,{folder} port={port},5432 user=postgres dbname=postgres connect_timeout={GIVEN_S // 2}"
    psycopg2.connect(several).close()
    return "connected"


with pgserver.get_server("data", cleanup_mode="delete") as server, socket.socket() as first:
    first.bind(("127.0.0.1", 0))
    port, folder = first.getsockname()[1], psycopg2.extensions.parse_dsn(server.get_uri())["host"]
    for state in ("refusing", "silent"):
        if state == "silent":
            first.listen()  # connections are made, and nobody says anything
        print(f"{state}: asyncpg {asyncio.run(by_asyncpg(port, folder))}, libpq {by_libpq(port, folder)}")
PY
py/bin/python check.py 2>errors | tee seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
refusing: asyncpg connected, libpq connected
silent: asyncpg TimeoutError, libpq connected
SEEN
