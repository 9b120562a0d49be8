#!/usr/bin/env bash
# What: `sys.exit("why")` in a callback of confluent-kafka (here `error_cb`) does not end the program: `consume` and `poll`
# raise a SystemError in its place, without the reason. An exception that was raised as an object comes out as it is.
# Why it matters here: a subscriber that ends in `error_cb` because its password is refused says nothing of the password,
# and what catches SystemExit does not see it. So the program for subscribers keeps what the callback heard, and judges it
# where it called from.
# Versions: confluent-kafka 2.16.1 (librdkafka 2.16.0), without a broker: a refused connection is what is told.
# Seen:
#   sys.exit("why"): SystemError
#   raise ValueError("why"): ValueError
# Needs python3 (venv); installs into a folder of its own and removes it.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv py
py/bin/pip install -q --disable-pip-version-check confluent-kafka==2.16.1

cat >check.py <<'PY'
import sys
from collections.abc import Callable

from confluent_kafka import Consumer


def leave(_: object) -> None:
    sys.exit("why")


def fail(_: object) -> None:
    raise ValueError("why")


def outcome(callback: Callable[[object], None]) -> str:
    nobody = {"bootstrap.servers": "127.0.0.1:9", "group.id": "days", "log_level": 0}
    consumer = Consumer({**nobody, "error_cb": callback})
    consumer.subscribe(["days"])
    try:
        consumer.consume(1, timeout=5)
    except BaseException as error:  # a SystemExit too
        return type(error).__name__
    return "nothing"


print('sys.exit("why"):', outcome(leave))
print('raise ValueError("why"):', outcome(fail))
PY
py/bin/python check.py 2>errors | tee seen
diff <(printf '%s\n' 'sys.exit("why"): SystemError' 'raise ValueError("why"): ValueError') seen ||
  { tail -5 errors; exit 1; }
