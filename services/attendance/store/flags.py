"""Punches that have not been looked at yet, what each is compared with, and the flags."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record
from sqlmodel import col, select, tuple_

from services.attendance.domain.flags import HABITS, Asked, Chosen, Evidence, Finding, Kind, Network, Seen
from services.attendance.domain.punches import Position
from services.attendance.store.tables import Flag
from shared.access import SUPERIOR, decider
from shared.database import Tx

MOST_COMPARED = 50
"""Other punches that one is compared with, the latest by work date: a position that a whole city shares costs no
more than one that few do."""

AROUND_DAYS = 2
"""Work dates around a punch's own in which its neighbours are looked for."""

_SEEN = "punch_id, employee_id, work_date, kind, at, time_trust, zone, lat, lon, accuracy_m, device_id, mock"
_STANDS = "not exists (select from void where void.punch_id = near.punch_id)"
_ALONE = "select pg_try_advisory_xact_lock(hashtext('hadir.flags'))"
# What is looked at counts as looked at from here on, for those that are looked at with it, too: of two that are
# alike each then finds the other.
_TAKE = f"""
    update punch set judged = true where punch_id in (
        select punch_id from punch where not judged and source in ('app', 'offline')
        order by received_at limit $1 for update
    )
    returning {_SEEN}, opd_code, unit_id, host(address) as address
"""  # noqa: S608 - names of columns
_NETWORKS = """
    select asked.punch_id, bool_or(network.opd_code = asked.opd_code
        and (network.unit_id is null or network.unit_id = asked.unit_id)) as own
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as asked (punch_id, address, opd_code, unit_id)
    join office_network as network on network.network >>= asked.address::inet
    group by 1
"""


def _alike(**types: str) -> str:
    """Of each punch the others that are the same in these columns, within so many days (the last parameter)."""
    given = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types.values(), 3))
    same = " and ".join(f"near.{name} = asked.{name}" for name in types)
    days = f"${len(types) + 3}::int"
    return f"""
        select asked.punch_id as of, near.*
        from unnest($1::uuid[], $2::date[], {given}) as asked (punch_id, work_date, {", ".join(types)}),
        lateral (
            select {_SEEN} from punch as near
            where judged and {same}
                and near.work_date between asked.work_date - {days} and asked.work_date + {days}
                and near.punch_id <> asked.punch_id and {_STANDS}
            order by near.work_date desc limit {MOST_COMPARED}
        ) as near
    """  # noqa: S608 - names of columns


def _of_the_person(beside: str) -> str:
    """Of each punch its person's others with a position, as `beside` chooses from `_OTHERS`."""
    return f"""
        select asked.punch_id as of, near.*
        from unnest($1::uuid[], $2::uuid[], $3::date[], $4::timestamptz[])
            as asked (punch_id, employee_id, work_date, at),
        lateral ({beside}) as near
    """  # noqa: S608 - conditions of ours


_OTHERS = f"""
    select {_SEEN} from punch as near
    where near.employee_id = asked.employee_id and near.lat is not null and near.punch_id <> asked.punch_id
        and {_STANDS}
"""  # noqa: S608 - likewise
_AROUND = f"near.work_date between asked.work_date - {AROUND_DAYS} and asked.work_date + {AROUND_DAYS}"
_AT_SAME = _alike(lat="float8", lon="float8")
_WITH_SAME = _alike(device_id="text")
_NEIGHBOURS = _of_the_person(f"""
    ({_OTHERS} and {_AROUND} and near.at <= asked.at order by near.at desc limit 1)
    union all
    ({_OTHERS} and {_AROUND} and near.at > asked.at order by near.at limit 1)
""")
_BEFORE = _of_the_person(f"""
    {_OTHERS} and near.work_date between asked.work_date - $5::int and asked.work_date and near.at <= asked.at
    order by near.work_date desc, near.at desc limit $6
""")
_RAISE = f"""
    insert into flag (flag_id, employee_id, work_date, kind, punch_ids, evidence, others, raised_at, due_at)
    select flag_id, employee_id, work_date, kind, array[punch_id], evidence::jsonb,
        string_to_array(others, ' ')::uuid[], $1, $2
    from unnest($3::uuid[], $4::uuid[], $5::date[], $6::text[], $7::uuid[], $8::text[], $9::text[])
        as found (flag_id, employee_id, work_date, kind, punch_id, evidence, others)
    where kind <> all('{{{",".join(HABITS)}}}'::text[]) or not exists (
        select from flag as asked
        where asked.employee_id = found.employee_id and asked.kind = found.kind and asked.flag_id <> found.flag_id
            and asked.raised_at > $10 and (asked.decision is null or asked.decision = 'dismissed')
    )
    order by flag_id
    on conflict (flag_id) do update set
        punch_ids = array(select distinct unnest(flag.punch_ids || excluded.punch_ids)),
        others = array(select distinct unnest(flag.others || excluded.others)),
        evidence = excluded.evidence
    where flag.decision is null
        and not (flag.punch_ids @> excluded.punch_ids and flag.others @> excluded.others)
    returning kind
"""  # noqa: S608 - names of kinds
_DROP_UNDECIDED = "delete from flag where decision is null and raised_at < $1 returning flag_id"
_FORGET = "delete from flag where employee_id = any($1::uuid[])"
_FORGET_BESIDE = """
    update flag set
        others = array(select other from unnest(others) as other where other <> all($1::uuid[])),
        evidence = jsonb_set(evidence, '{beside}', coalesce((
            select jsonb_agg(one) from jsonb_array_elements(evidence->'beside') as one
            where (one->>'employee_id')::uuid <> all($1::uuid[])
        ), '[]'))
    where others && $1::uuid[]
"""
_INVOLVED = """(
    coalesce(person.supervisor_id, person.acting_supervisor_id) is not null
    and coalesce(person.supervisor_id = any(flag.others), true)
    and coalesce(person.acting_supervisor_id = any(flag.others), true)
)"""
"""Whether all who would decide are in the flag themselves: then it does not wait for them."""
_MAY_DECIDE = f"""
    flag.decision is null and $1 <> all(flag.others)
    and coalesce({decider(me="$1", opd="$2", waited=f"(flag.due_at <= $3 or {_INVOLVED})")}, false)
"""
_QUEUE = f"""
    select flag.flag_id, {_MAY_DECIDE} as may_decide
    from flag join employee_fact as person using (employee_id)
    left join employee_fact as officer on officer.employee_id = $1
    where person.employee_id <> $1 and ($4::boolean or person.opd_code = $2 or coalesce({SUPERIOR}, false))
        and coalesce(flag.decision, 'open') = $5
        and ($6::text is null or flag.kind = $6) and ($7::uuid is null or flag.employee_id = $7)
        and (flag.raised_at, flag.flag_id) > ($8, $9)
    order by flag.raised_at, flag.flag_id limit $10
"""  # noqa: S608 - conditions of ours


@dataclass(frozen=True, slots=True)
class Taken:
    """A punch that is looked at now, and what its request's address is to be compared with."""

    seen: Seen
    opd_code: str
    unit_id: str
    address: str | None


def _seen(row: Record) -> Seen:
    position = None if row["lat"] is None else Position(row["lat"], row["lon"], row["accuracy_m"])
    return Seen(
        row["punch_id"],
        row["employee_id"],
        row["work_date"],
        row["kind"],
        row["at"],
        row["time_trust"],
        row["zone"],
        position,
        row["device_id"],
        row["mock"],
    )


def _by(rows: Iterable[Record]) -> dict[UUID, list[Seen]]:
    found: dict[UUID, list[Seen]] = {}
    for row in rows:
        found.setdefault(row["of"], []).append(_seen(row))
    return found


async def alone(tx: Tx) -> bool:
    """Whether nobody else looks at punches now; nobody begins to until the transaction ends."""
    return bool(await tx.connection.fetchval(_ALONE))


async def take(tx: Tx, limit: int) -> list[Taken]:
    """The oldest punches that nobody has looked at; they count as looked at from now on."""
    rows = await tx.connection.fetch(_TAKE, limit)
    return [Taken(_seen(row), row["opd_code"], row["unit_id"], row["address"]) for row in rows]


async def networks(tx: Tx, taken: Sequence[Taken]) -> dict[UUID, Network]:
    """Whose network the request of each of these punches came from, where it is an office's."""
    asked = [one for one in taken if one.address is not None]
    rows = await tx.connection.fetch(
        _NETWORKS,
        [one.seen.punch_id for one in asked],
        [one.address for one in asked],
        [one.opd_code for one in asked],
        [one.unit_id for one in asked],
    )
    return {row["punch_id"]: "own" if row["own"] else "other" for row in rows}


async def at_same_position(tx: Tx, punches: Sequence[Seen], days: int) -> Mapping[UUID, list[Seen]]:
    """Of each punch the others, at most 50, with its coordinates within so many days of it."""
    asked = [(one, one.position) for one in punches if one.position is not None]
    rows = await tx.connection.fetch(
        _AT_SAME,
        [one.punch_id for one, _ in asked],
        [one.work_date for one, _ in asked],
        [where.lat for _, where in asked],
        [where.lon for _, where in asked],
        days,
    )
    return _by(rows)


async def with_same_device(tx: Tx, punches: Sequence[Seen], days: int) -> Mapping[UUID, list[Seen]]:
    """Of each punch the others, at most 50, that name its device within so many days of it."""
    asked = [one for one in punches if one.device_id is not None]
    rows = await tx.connection.fetch(
        _WITH_SAME,
        [one.punch_id for one in asked],
        [one.work_date for one in asked],
        [one.device_id for one in asked],
        days,
    )
    return _by(rows)


async def neighbours(tx: Tx, punches: Sequence[Seen]) -> Mapping[UUID, list[Seen]]:
    """Of each punch its person's one before and one after, of those that have a position."""
    rows = await tx.connection.fetch(
        _NEIGHBOURS,
        [one.punch_id for one in punches],
        [one.employee_id for one in punches],
        [one.work_date for one in punches],
        [one.at for one in punches],
    )
    return _by(rows)


async def before(tx: Tx, punches: Sequence[Seen], days: int, most: int) -> Mapping[UUID, list[Seen]]:
    """Of each punch its person's positions before it, the latest first, of so many days."""
    rows = await tx.connection.fetch(
        _BEFORE,
        [one.punch_id for one in punches],
        [one.employee_id for one in punches],
        [one.work_date for one in punches],
        [one.at for one in punches],
        days,
        most,
    )
    return _by(rows)


async def put(
    tx: Tx, found: Sequence[Finding], *, now: dt.datetime, due_at: dt.datetime, asked_since: dt.datetime
) -> list[Kind]:
    """Raise flags, one of a flag_id; the kinds of those that are new or have grown.

    A habit is not asked for again while an earlier flag of it, raised after `asked_since`, waits or was dismissed.
    """
    rows = await tx.connection.fetch(
        _RAISE,
        now,
        due_at,
        [one.flag_id for one in found],
        [one.punch.employee_id for one in found],
        [one.punch.work_date for one in found],
        [one.kind for one in found],
        [one.punch.punch_id for one in found],
        [one.evidence.model_dump_json() for one in found],
        [" ".join(str(other) for other in sorted(one.others)) for one in found],
        asked_since,
    )
    return [row["kind"] for row in rows]


def evidence_of(flag: Flag) -> Evidence:
    """What a flag rests on."""
    return Evidence.model_validate_json(json.dumps(flag.evidence))


async def lock(tx: Tx, flag_id: UUID) -> Flag | None:
    """A flag, held until the transaction ends, so that two officers decide one after the other."""
    return await tx.session.get(Flag, flag_id, with_for_update=True)


async def may_decide(tx: Tx, asked: Asked, flag_id: UUID) -> bool:
    """Whether the officer decides on the flag, now."""
    query = f"""
        select {_MAY_DECIDE} from flag join employee_fact as person using (employee_id)
        left join employee_fact as officer on officer.employee_id = $1 where flag.flag_id = $4
    """  # noqa: S608 - conditions of ours
    return bool(await tx.connection.fetchval(query, asked.me, asked.opd_code, asked.now, flag_id))


async def queue(
    tx: Tx, asked: Asked, chosen: Chosen, *, after: tuple[dt.datetime, UUID], limit: int
) -> list[tuple[Flag, bool]]:
    """Flags of the officer's people, the oldest first, each with whether they decide on it now."""
    rows = await tx.connection.fetch(
        _QUEUE,
        asked.me,
        asked.opd_code,
        asked.now,
        asked.everybody,
        chosen.state,
        chosen.kind,
        chosen.employee_id,
        *after,
        limit,
    )
    flags = await _flags(tx, [row["flag_id"] for row in rows])
    return [(flags[row["flag_id"]], row["may_decide"]) for row in rows]


async def _flags(tx: Tx, flag_ids: Sequence[UUID]) -> dict[UUID, Flag]:
    found = await tx.session.exec(select(Flag).where(col(Flag.flag_id).in_(flag_ids)))
    return {flag.flag_id: flag for flag in found}


async def of_person(
    tx: Tx, employee_id: UUID, *, before: tuple[dt.datetime, UUID] | None, limit: int
) -> Sequence[Flag]:
    """All flags of a person, the latest first."""
    query = (
        select(Flag)
        .where(col(Flag.employee_id) == employee_id)
        .order_by(col(Flag.raised_at).desc(), col(Flag.flag_id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(col(Flag.raised_at), col(Flag.flag_id)) < before)
    return (await tx.session.exec(query)).all()


async def drop_undecided(tx: Tx, before: dt.datetime) -> int:
    """Drop the flags raised before then on which nobody has decided; how many."""
    return len(await tx.connection.fetch(_DROP_UNDECIDED, before))


async def forget(tx: Tx, employee_ids: Iterable[UUID]) -> None:
    """Erase people's flags, and them from those of others."""
    whose = list(employee_ids)
    await tx.connection.execute(_FORGET, whose)
    await tx.connection.execute(_FORGET_BESIDE, whose)
