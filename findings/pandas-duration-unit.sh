#!/usr/bin/env bash
# What: a duration that pandas writes to Parquet is a plain whole number there, with its unit in Arrow's own notes alone.
# pandas 2 counts nanoseconds, pandas 3 microseconds: DuckDB reads the same program's files of before and after the upgrade
# as two numbers of one type, and adds them up without a word. polars knows the unit, and reads each file right.
# Why it matters here: months of lateness, kept as files for years, are summed over the upgrade, and come out a thousand
# times too long or too short. So exports say minutes as numbers, with the unit in the column's name.
# Versions: pandas 2.3.3 and 3.1.1 with pyarrow 26.0.1, DuckDB 2.0.1, polars 2.1.0.
# Seen: fifteen minutes late in November, written by pandas 2, and in December, by pandas 3
#   DuckDB, November: BIGINT 900000000000
#   DuckDB, December: BIGINT 900000000
#   DuckDB, both: 900900000000
#   polars, November: 0:15:00
#   polars, December: 0:15:00
# Needs python3 from 3.11 on (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

cat >write.py <<'PY'
import sys
from datetime import timedelta

import pandas

pandas.DataFrame({"person": ["a"], "late": [timedelta(minutes=15)]}).to_parquet(sys.argv[1])
PY
write() {
  python3 -m venv "$1"
  "$1/bin/pip" install -q --disable-pip-version-check "pandas==$1" pyarrow==26.0.1
  "$1/bin/python" write.py "$2" 2>>errors
}
write 2.3.3 November.parquet
write 3.1.1 December.parquet

python3 -m venv py
py/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 polars==2.1.0
cat >check.py <<'PY'
import duckdb
import polars

for month in ("November", "December"):
    (kind, late), = duckdb.sql(f"select typeof(late), late from '{month}.parquet'").fetchall()
    print(f"DuckDB, {month}: {kind} {late}")
(total,), = duckdb.sql("select sum(late) from read_parquet(['November.parquet', 'December.parquet'])").fetchall()
print(f"DuckDB, both: {total}")
for month in ("November", "December"):
    print(f"polars, {month}: {polars.read_parquet(f'{month}.parquet')['late'][0]}")
PY
py/bin/python check.py 2>>errors | tee seen
diff - seen <<'SEEN' || { tail -5 errors; exit 1; }
DuckDB, November: BIGINT 900000000000
DuckDB, December: BIGINT 900000000
DuckDB, both: 900900000000
polars, November: 0:15:00
polars, December: 0:15:00
SEEN
