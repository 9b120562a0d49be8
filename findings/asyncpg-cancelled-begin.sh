#!/usr/bin/env bash
# What: a transaction whose start is cancelled while its BEGIN is under way takes itself to have failed, and the connection
# says that it is in none; yet the server is inside it. The next `execute` on that connection is answered as done and is
# rolled back when the connection goes back to its pool.
# Why it matters here: a time limit around `async with connection.transaction()` that fires in its first moment, and a
# connection that is used further (to note the failure, say), lose what is written without any error. Only giving the
# connection up helps: `rollback()` is refused, and `is_in_transaction()` knows nothing of it.
# Versions: asyncpg 0.32.0, PostgreSQL of pgserver 0.1.4, on a socket.
# Seen:
#   start: CancelledError
#   inside a transaction: False
#   rollback: cannot rollback; the transaction is in error state
#   execute: INSERT 0 1
#   rows: 0
# Needs python3 (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check asyncpg==0.32.0 pgserver==0.1.4

cat >check.py <<'PY'
import asyncio

import asyncpg
import pgserver


async def main(address: str) -> None:
    async with asyncpg.create_pool(address, min_size=1, max_size=1) as pool:
        await pool.execute("create table failures (what text)")
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            start = asyncio.create_task(transaction.start())
            await asyncio.sleep(0)  # BEGIN is sent, its answer is not read
            start.cancel()
            (outcome,) = await asyncio.gather(start, return_exceptions=True)
            print("start:", type(outcome).__name__)
            print("inside a transaction:", connection.is_in_transaction())
            try:
                await transaction.rollback()
            except asyncpg.InterfaceError as error:
                print("rollback:", error)
            print("execute:", await connection.execute("insert into failures values ('too slow')"))
        print("rows:", await pool.fetchval("select count(*) from failures"))


with pgserver.get_server("data", cleanup_mode="delete") as server:
    asyncio.run(main(server.get_uri()))
PY
py/bin/python check.py 2>errors | tee seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
start: CancelledError
inside a transaction: False
rollback: cannot rollback; the transaction is in error state
execute: INSERT 0 1
rows: 0
SEEN
