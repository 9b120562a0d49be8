"""The SQL of packs: what of a period they tell besides its sums, and those that were made."""

import datetime as dt
from typing import NamedTuple

from shared.database import Tx

_OUTAGES = """
    select starts_at, ends_at, scope, reason from fact_outage
    where not revoked and starts_at < least($2::timestamptz, $3) and ends_at > $1
    order by starts_at, ends_at, outage_id
"""
# In force on some date of the period: those from within it, and the latest before its first date.
_RULES = """
    select rules_version, effective_from, tolerance_minutes, report_modes, report_cutoff, review_sla_working_days
    from fact_rules
    where effective_from <= $2 and effective_from >= coalesce(
        (select max(effective_from) from fact_rules where effective_from <= $1), effective_from)
    order by effective_from, rules_version
"""
_FINDINGS = """
    select count(*) as examined, count(*) filter (where error) as in_error
    from sample_finding join work_report using (report_id)
    where work_date between $1 and $2 and found_at <= $3
"""


_BOUND = """
    select distinct on (topic, partition) topic, partition, size, encode(root, 'hex') as root, made_at
    from log_checkpoint where made_at <= $1 order by topic, partition, size desc
"""


class Down(NamedTuple):
    """An outage that stands; `scope` as the event has it."""

    starts_at: dt.datetime
    ends_at: dt.datetime
    scope: dict[str, list[str] | bool]
    reason: str


class Rules(NamedTuple):
    """A version of the rules of judgement."""

    rules_version: str
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str]
    report_cutoff: str
    review_sla_working_days: int


class Examined(NamedTuple):
    """How many accepted reports were looked at again, and in how many an error was found."""

    examined: int
    in_error: int


class Bound(NamedTuple):
    """The newest checkpoint of a log: its root, in hexadecimal digits, binds the first `size` records."""

    topic: str
    partition: int
    size: int
    root: str
    made_at: dt.datetime


async def bound(tx: Tx, as_of: dt.datetime) -> list[Bound]:
    """The newest checkpoint of each log that had been made by the instant."""
    return [Bound(**dict(row)) for row in await tx.connection.fetch(_BOUND, as_of)]


async def outages(tx: Tx, since: dt.datetime, until: dt.datetime, as_of: dt.datetime) -> list[Down]:
    """Those that overlap the span and had begun by `as_of`."""
    return [Down(**dict(row)) for row in await tx.connection.fetch(_OUTAGES, since, until, as_of)]


async def rules(tx: Tx, first: dt.date, last: dt.date) -> list[Rules]:
    """The versions that were in force on some date of the period, in the order in which they came."""
    return [Rules(**dict(row)) for row in await tx.connection.fetch(_RULES, first, last)]


async def examined(tx: Tx, first: dt.date, last: dt.date, as_of: dt.datetime) -> Examined:
    """The weekly audits' findings in reports of the period, as far as they had been written by `as_of`."""
    row = await tx.connection.fetchrow(_FINDINGS, first, last, as_of)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Examined(**dict(row))


# --- Packs that are kept -----------------------------------------------------------------------------------

_COLUMNS = "first_date, last_date, as_of, ordered_at, dates_read, pack_id, failure"
_ORDER = f"""
    insert into pack (first_date, last_date, as_of, ordered_at) values ($1, $2, $3, $4)
    on conflict (first_date, last_date, as_of) do update
        set failure = null, dates_read = 0 where pack.failure is not null
    returning {_COLUMNS}
"""  # noqa: S608 - constants of this file
_OF_KEY = f"select {_COLUMNS} from pack where first_date = $1 and last_date = $2 and as_of = $3"  # noqa: S608
_WAITING = f"""
    select {_COLUMNS} from pack where pack_id is null and failure is null
        and ($1::date is null or (first_date, last_date) = ($1, $2::date))
    order by ordered_at, first_date, last_date, as_of limit 1
"""  # noqa: S608
_LISTED = f"""
    select {_COLUMNS} from pack
    where ($1::timestamptz is null or (as_of, first_date, last_date) < ($1, $2::date, $3::date))
    order by as_of desc, first_date desc, last_date desc limit $4
"""  # noqa: S608
_KEY = "first_date = $1 and last_date = $2 and as_of = $3"


class Order(NamedTuple):
    """A pack that was asked for: it is made when it has a `pack_id`, and given up when it has a `failure`."""

    first_date: dt.date
    last_date: dt.date
    as_of: dt.datetime
    ordered_at: dt.datetime
    dates_read: int
    pack_id: str | None
    failure: str | None

    @property
    def key(self) -> tuple[dt.date, dt.date, dt.datetime]:
        return self.first_date, self.last_date, self.as_of


class Body(NamedTuple):
    """A file of a pack."""

    media_type: str
    body: bytes


async def alone(tx: Tx) -> None:
    """Nobody else orders a pack until the transaction ends."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('hadir.pack_orders'))")


async def ordered_since(tx: Tx, since: dt.datetime) -> int:
    """How many packs were asked for from the instant on."""
    return await tx.connection.fetchval("select count(*) from pack where ordered_at >= $1", since)


async def order(tx: Tx, first: dt.date, last: dt.date, as_of: dt.datetime, now: dt.datetime) -> None:
    """Ask for a pack that nobody has asked for, or whose making was given up."""
    await tx.connection.execute(_ORDER, first, last, as_of, now)


async def of_key(tx: Tx, first: dt.date, last: dt.date, as_of: dt.datetime) -> Order | None:
    row = await tx.connection.fetchrow(_OF_KEY, first, last, as_of)
    return Order(**dict(row)) if row else None


async def waiting(tx: Tx, first: dt.date | None = None, last: dt.date | None = None) -> Order | None:
    """The pack that has waited for longest; or the one of that period that is being made."""
    row = await tx.connection.fetchrow(_WAITING, first, last)
    return Order(**dict(row)) if row else None


async def listed(tx: Tx, after: tuple[dt.datetime, dt.date, dt.date] | None, limit: int) -> list[Order]:
    """The packs, those as of the latest instant first; at most `limit` after a place."""
    rows = await tx.connection.fetch(_LISTED, *(after or (None, None, None)), limit)
    return [Order(**dict(row)) for row in rows]


async def progress(tx: Tx, one: Order, dates_read: int) -> None:
    await tx.connection.execute(f"update pack set dates_read = $4 where {_KEY}", *one.key, dates_read)  # noqa: S608


async def give_up(tx: Tx, one: Order, failure: str) -> None:
    await tx.connection.execute(f"update pack set failure = $4 where {_KEY}", *one.key, failure)  # noqa: S608


async def keep(tx: Tx, one: Order, pack_id: str, files: dict[str, Body]) -> None:
    """The pack is made: its files, whole."""
    await tx.connection.executemany(
        "insert into pack_file (pack_id, name, media_type, body) values ($1, $2, $3, $4)",
        [(pack_id, name, file.media_type, file.body) for name, file in files.items()],
    )
    await tx.connection.execute(f"update pack set pack_id = $4 where {_KEY}", *one.key, pack_id)  # noqa: S608


async def file(tx: Tx, pack_id: str, name: str) -> Body | None:
    row = await tx.connection.fetchrow(
        "select media_type, body from pack_file where pack_id = $1 and name = $2", pack_id, name
    )
    return Body(**dict(row)) if row else None


async def files(tx: Tx, pack_id: str) -> dict[str, Body]:
    """Every file of a pack, by name; none for one that was not made."""
    rows = await tx.connection.fetch(
        "select name, media_type, body from pack_file where pack_id = $1 order by name", pack_id
    )
    return {row["name"]: Body(row["media_type"], row["body"]) for row in rows}
