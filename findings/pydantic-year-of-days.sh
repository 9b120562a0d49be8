#!/usr/bin/env bash
# What: pydantic writes a timedelta of 365 days or more with years: 365 days are "P1Y", 400 are "P1Y35D". It reads them back
# as years of 365 days; to everybody else a year is one of the calendar. Of the same JSON PostgreSQL and Luxon make a day
# more wherever a 29 February lies between, and msgspec refuses it (and writes P365D itself). Up to 364 days all agree.
# Why it matters here: a term that is counted in days (what is kept for 400 days, leave that lapses after 365) ends on
# another date for a subscriber than for the publisher, and only where a leap day lies between. So the contract has no ISO 8601 durations.
# Versions: pydantic 2.14.3, msgspec 0.22.0, PostgreSQL of pgserver 0.1.4 by asyncpg 0.32.0, luxon 3.7.2.
# Seen: the end of a term that begins on 1 June 2027
#   364 days: "P364D", pydantic 2028-05-30, msgspec 2028-05-30, PostgreSQL 2028-05-30, Luxon 2028-05-30
#   365 days: "P1Y", pydantic 2028-05-31, msgspec ValidationError, PostgreSQL 2028-06-01, Luxon 2028-06-01
#   400 days: "P1Y35D", pydantic 2028-07-05, msgspec ValidationError, PostgreSQL 2028-07-06, Luxon 2028-07-06
# Needs python3 (venv) and npm; installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check pydantic==2.14.3 msgspec==0.22.0 asyncpg==0.32.0 pgserver==0.1.4
npm install --silent --no-audit --no-fund luxon@3.7.2 >npm.log 2>&1

cat >check.cjs <<'JS'
const { DateTime, Duration } = require("luxon");
const [begin, term] = process.argv.slice(2);
console.log(DateTime.fromISO(begin, { zone: "utc" }).plus(Duration.fromISO(JSON.parse(term))).toISODate());
JS
cat >check.py <<'PY'
import asyncio
import json
import subprocess
from datetime import date, timedelta

import asyncpg
import msgspec
import pgserver
from pydantic import TypeAdapter

BEGIN, TERM = date(2027, 6, 1), TypeAdapter(timedelta)


def by_msgspec(term: bytes) -> str:
    try:
        return str(BEGIN + msgspec.json.decode(term, type=timedelta))
    except msgspec.ValidationError as error:
        return type(error).__name__


def by_luxon(term: bytes) -> str:
    return subprocess.check_output(["node", "check.cjs", str(BEGIN), term], text=True).strip()


async def main(address: str) -> None:
    connection = await asyncpg.connect(address)
    for days in (364, 365, 400):
        term = TERM.dump_json(timedelta(days=days))
        in_sql = "select ($1::date + $2::text::interval)::date"
        print(
            f"{days} days: {term.decode()},",
            f"pydantic {BEGIN + TERM.validate_json(term)},",
            f"msgspec {by_msgspec(term)},",
            f"PostgreSQL {await connection.fetchval(in_sql, BEGIN, json.loads(term))},",
            f"Luxon {by_luxon(term)}",
        )
    await connection.close()


with pgserver.get_server("data", cleanup_mode="delete") as server:
    asyncio.run(main(server.get_uri()))
PY
py/bin/python check.py 2>errors | tee seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
364 days: "P364D", pydantic 2028-05-30, msgspec 2028-05-30, PostgreSQL 2028-05-30, Luxon 2028-05-30
365 days: "P1Y", pydantic 2028-05-31, msgspec ValidationError, PostgreSQL 2028-06-01, Luxon 2028-06-01
400 days: "P1Y35D", pydantic 2028-07-05, msgspec ValidationError, PostgreSQL 2028-07-06, Luxon 2028-07-06
SEEN
