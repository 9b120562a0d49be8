"""The queues of what leaves the house: what is taken to be handed over, and what became of it.

A *lane* is what one recipient gets by one way and of one urgency. It is handed over in the order of places: only
its first open delivery, with what may go along with it, is ever taken, so nothing overtakes what still waits; what
is urgent has a lane of its own. Times are of the database's clock.
"""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind, Way
from services.notifications.store.preferences import mutes
from shared.database import Tx

CHANNEL = "delivery"
"""On it is said that something is due at once."""

REACHED: dict[Way, str] = {
    "email": "(exists (select from recipient a where a.employee_id = t.employee_id and a.email is not null) or "
    "exists (select from subscription s where s.subscription_id = t.employee_id "
    "and s.active and s.way = 'email'))",
    "push": "exists (select from push_device d where d.employee_id = t.employee_id)",
    "webhook": "exists (select from subscription s where s.subscription_id = t.employee_id "
    "and s.active and s.way = 'webhook')",
    # Who is pushed to has it on the phone already.
    "gateway": "exists (select from recipient a where a.employee_id = t.employee_id and a.phone is not null) "
    "and not exists (select from push_device d, open_way o "
    "where d.employee_id = t.employee_id and o.way = 'push')",
}
"""For each way, whether the recipient `t.employee_id` of a message can be reached by it."""

_LANE = "l.way = d.way and l.recipient = d.recipient and l.urgent = d.urgent"
_OPEN = "state in ('waiting', 'sending')"


class Ended(NamedTuple):
    """A delivery as it now stands."""

    delivery_id: UUID
    notification_id: UUID
    way: Way
    recipient: UUID
    kind: Kind
    cause_event_id: UUID
    state: Literal["waiting", "delivered", "dead", "dropped"]
    urgent: bool | None = None
    """Known of one that was taken, as is the next."""
    took_s: float | None = None
    """Of one that was handed over: since it might go; where it met a failure before, since it was written."""


_ENDED = "d.delivery_id, d.notification_id, d.way, d.recipient, d.kind, d.cause_event_id, d.state"


def enqueue(give_up: str) -> str:
    """SQL that puts messages on their ways out, given up after `give_up`: two queries, `due` and `queued`.

    They follow `told`, rows of `message` just written (notification_id, employee_id, kind, cause_event_id, place
    and status), and `going` (kind, way, channel, urgent, held_s).
    """
    reached = " ".join(f"when '{way}' then {condition}" for way, condition in REACHED.items())
    return f"""
    due as (
        select t.*, g.way, g.urgent, g.held_s, g.channel, {mutes("t.kind", "g.channel")} as muted
        from told t join going g on g.kind = t.kind
        left join preference p on p.employee_id = t.employee_id
        where g.way in (select way from open_way) and case g.way {reached} end
    ),
    queued as (
        insert into delivery (delivery_id, notification_id, way, recipient, kind, cause_event_id, urgent, due_at,
            give_up_at)
        select md5(notification_id || '/' || way)::uuid, notification_id, way, employee_id, kind, cause_event_id,
            urgent, due_at, due_at + {give_up}
        from due d, lateral (
            select greatest(clock_timestamp() + make_interval(secs => held_s), (
                select due_at from delivery l where l.way = d.way and l.recipient = d.employee_id
                    and l.urgent = d.urgent and l.{_OPEN} order by l.place desc limit 1
            )) as due_at
        ) as after
        where not d.muted
        order by place
        on conflict do nothing
        returning delivery_id
    )
    """  # noqa: S608 - words above


async def open_ways(tx: Tx, ways: Collection[Way]) -> list[Ended]:
    """Say which ways are open: what is told from now on goes out by these. What waits for another is dropped."""
    await tx.connection.execute("delete from open_way where way <> all($1)", list(ways))
    await tx.connection.execute(
        "insert into open_way select unnest($1::text[]) on conflict do nothing", sorted(ways)
    )
    rows = await tx.connection.fetch(
        f"""
        update delivery d set state = 'dropped', error = 'the way is closed', lease_until = null,
            ended_at = clock_timestamp()
        where {_OPEN} and way <> all($1) returning {_ENDED}
        """,  # noqa: S608 - words above
        list(ways),
    )
    return [Ended(**row) for row in rows]


class Taken(NamedTuple):
    """A delivery that this process hands over before its lease is over."""

    delivery_id: UUID
    notification_id: UUID
    recipient: UUID
    urgent: bool
    place: int
    parcel: UUID
    attempts: int
    """This one counted."""
    reached: list[str]
    lease_until: dt.datetime


# One look into the index for each. As "nothing stands before it" a planner without statistics compares each with
# each of its lane: 7.7 s for 20 lanes of 500.
_FIRST = f"(select l.place from delivery l where {_LANE} and l.{_OPEN} order by l.place limit 1)"  # noqa: S608 - words above
_TAKE = f"""
    with heads as materialized (
        select d.* from delivery d
        where d.way = $1 and d.urgent = $2 and d.{_OPEN} and d.due_at <= statement_timestamp()
            and (d.state = 'waiting' or d.lease_until < statement_timestamp())
            and d.recipient <> all($3::uuid[])
            and d.place = {_FIRST}
        order by d.due_at, d.place limit $4
        for update of d skip locked
    ),
    full_up as (
        select h.recipient, lately.free_at from heads h, lateral (
            select max(l.ended_at) + interval '1 hour' as free_at from delivery l
            where l.recipient = h.recipient and l.way = $1 and l.state = 'delivered' and not l.urgent
                and l.ended_at > statement_timestamp() - interval '1 hour'
            group by l.parcel order by free_at desc offset $5::integer - 1 limit 1
        ) as lately
        where $5::integer is not null and not $2
    ),
    held as (
        update delivery d set due_at = f.free_at from full_up f
        where d.way = $1 and d.recipient = f.recipient and not d.urgent and d.state = 'waiting'
            and d.due_at < f.free_at
    ),
    taken as (
        select d.delivery_id, h.notification_id as first from heads h, lateral (
            select l.delivery_id from delivery l
            where l.way = $1 and l.recipient = h.recipient and l.urgent = $2 and l.{_OPEN}
                and l.due_at <= statement_timestamp() and l.place >= h.place
                and (l.state = 'waiting' or l.lease_until < statement_timestamp())
                and (not $6 or l.parcel is not distinct from h.parcel)
            order by l.place limit $7
        ) as d
        where not exists (select from full_up f where f.recipient = h.recipient)
    )
    update delivery d set state = 'sending', attempts = d.attempts + 1,
        lease_until = clock_timestamp() + $8::interval,
        parcel = coalesce(d.parcel, case when $6 then t.first else d.notification_id end)
    from taken t where d.delivery_id = t.delivery_id
    returning d.delivery_id, d.notification_id, d.recipient, d.urgent, d.place, d.parcel, d.attempts, d.reached,
        d.lease_until
"""  # noqa: S608 - words above


async def take(
    tx: Tx,
    way: Way,
    *,
    urgent: bool,
    but: Collection[UUID],
    lanes: int,
    an_hour: int | None,
    bundled: bool,
    at_most: int,
    lease: dt.timedelta,
) -> list[Taken]:
    """What is due by a way, of so many lanes at most, in the order of places; none of the recipients in `but`.

    Of each lane its first and up to `at_most` together: with `bundled` those that are one parcel. Who got
    `an_hour` parcels within an hour gets what is not urgent later. Nobody else takes it until `lease` is over.
    """
    rows = await tx.connection.fetch(_TAKE, way, urgent, list(but), lanes, an_hour, bundled, at_most, lease)
    return sorted((Taken(**row) for row in rows), key=lambda one: one.place)


class Settled(NamedTuple):
    """What became of a delivery that was taken.

    `waiting` again after `pause` (None where it goes no further); `counted`: whether the try counts.
    """

    delivery_id: UUID
    lease_until: dt.datetime
    state: Literal["waiting", "delivered", "dead", "dropped"]
    pause: dt.timedelta | None = None
    error: str | None = None
    reached: Collection[str] = ()
    counted: bool = True


# What was delivered is so, whatever was thought meanwhile of a process that was silent for too long.
_SETTLE = f"""
    with became as (
        select b.*, clock_timestamp() + b.pause as due_at from unnest(
            $1::uuid[], $2::timestamptz[], $3::text[], $4::interval[], $5::text[], $6::text[], $7::boolean[]
        ) as b(delivery_id, lease_until, state, pause, error, reached, counted)
    ),
    settled as (
        update delivery d set
            state = case when b.state = 'waiting' and b.due_at > d.give_up_at then 'dead' else b.state end,
            due_at = coalesce(b.due_at, d.due_at), attempts = d.attempts - (not b.counted)::integer,
            error = case when b.state = 'delivered' then b.error else coalesce(b.error, d.error) end,
            reached = array(select unnest(d.reached) union select jsonb_array_elements_text(b.reached::jsonb)),
            parcel = case when b.state = 'waiting' and d.reached = '{{}}' and b.reached = '[]' then null
                else d.parcel end,
            lease_until = null,
            ended_at = case when b.state <> 'waiting' or b.due_at > d.give_up_at then clock_timestamp() end
        from became b join delivery was on was.delivery_id = b.delivery_id
        where d.delivery_id = b.delivery_id and (d.state = 'sending' and d.lease_until = b.lease_until
            or b.state = 'delivered'
            and (d.{_OPEN} or d.state = 'dead' and d.error = 'unknown'))
        returning {_ENDED}, d.urgent, d.due_at, case when d.state = 'delivered' then extract(epoch from
            clock_timestamp() - case when was.error is null then was.due_at else was.created_at end) end as took_s
    ),
    later as (
        update delivery l set due_at = d.due_at
        from (
            select way, recipient, urgent, max(due_at) as due_at from settled where state = 'waiting'
            group by way, recipient, urgent
        ) as d
        where {_LANE} and l.state = 'waiting' and l.due_at < d.due_at
    )
    select {_ENDED}, d.urgent, d.took_s::float8 from settled d
"""  # noqa: S608 - words above


async def settle(tx: Tx, became: Sequence[Settled]) -> list[Ended]:
    """Write down what became of deliveries; those that others have taken since are left alone."""
    rows = await tx.connection.fetch(
        _SETTLE,
        [one.delivery_id for one in became],
        [one.lease_until for one in became],
        [one.state for one in became],
        [one.pause for one in became],
        [one.error for one in became],
        [json.dumps(sorted(one.reached)) for one in became],
        [one.counted for one in became],
    )
    return [Ended(**row) for row in rows]


_SWEEP = f"""
    update delivery d set state = 'dead', ended_at = clock_timestamp(), lease_until = null,
        error = case when d.state = 'sending' then 'unknown' else coalesce(d.error, 'too old') end
    where d.way = $1 and d.{_OPEN} and (
        d.state = 'waiting' and d.give_up_at < statement_timestamp()
        or d.state = 'sending' and not $2 and d.lease_until < statement_timestamp()
    )
    returning {_ENDED}
"""  # noqa: S608 - words above


async def sweep(tx: Tx, way: Way, *, repeats_safely: bool) -> list[Ended]:
    """Give up what is too old, and what a process that died may have handed over and must not be repeated."""
    return [Ended(**row) for row in await tx.connection.fetch(_SWEEP, way, repeats_safely)]


async def next_due_s(tx: Tx, way: Way) -> float | None:
    """Seconds until something of a way that waits becomes due; None for nothing to come."""
    due: float | None = await tx.connection.fetchval(
        f"select extract(epoch from min(due_at) - clock_timestamp())::float8 from delivery "  # noqa: S608 - words above
        f"where way = $1 and {_OPEN} and due_at > statement_timestamp()",
        way,
    )
    return due


class Depth(NamedTuple):
    """What waits of one way: how many deliveries, how long the oldest that might have gone (s), how many dead."""

    way: Way
    waiting: int
    oldest_s: float
    dead: int


async def depths(tx: Tx, quiet: Collection[Way]) -> list[Depth]:
    """How full each queue is; a way of which nothing waits and nothing is dead is left out. In `quiet` are the
    ways whose deliveries are meant to wait now unless they are urgent."""
    rows = await tx.connection.fetch(
        f"""
        select way, count(*) filter (where {_OPEN}) as waiting, count(*) filter (where state = 'dead') as dead,
            coalesce(extract(epoch from clock_timestamp() - min(
                case when error is null then due_at else created_at end
            ) filter (
                where {_OPEN} and (error is not null or due_at < statement_timestamp())
                    and (urgent or way <> all($1))
            )), 0)::float8 as oldest_s
        from delivery where {_OPEN} or state = 'dead' group by way
        """,  # noqa: S608 - words above
        list(quiet),
    )
    return [Depth(**row) for row in rows]


async def wake(tx: Tx) -> None:
    """Say to those who hand over that something is due."""
    await tx.connection.execute(f"select pg_notify('{CHANNEL}', '')")


async def prune(tx: Tx, *, ended: dt.timedelta, dead: dt.timedelta) -> None:
    """Delete what ended so long ago, and dead letters that nobody looked after for so long."""
    await tx.connection.execute(
        """
        delete from delivery where ended_at < clock_timestamp() - $1::interval and (
            state in ('delivered', 'dropped') or state = 'dead' and ended_at < clock_timestamp() - $2::interval
        )
        """,
        ended,
        dead,
    )
