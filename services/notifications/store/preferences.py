"""What people asked for."""

import json
from collections.abc import Collection
from uuid import UUID

from services.notifications.domain.kinds import Channel, Kind
from services.notifications.domain.preferences import Muted, Wishes
from services.notifications.store.tables import Preference
from shared.database import Tx
from shared.messages import Language


def mutes(kind: str, channel: str) -> str:
    """SQL, true where the row `p` of `preference` mutes a kind by a channel, each given as an expression."""
    pair = f"({kind} || '/' || {channel})"
    return f"(p.muted_kinds ? {kind} or p.muted_channels ? {channel} or p.muted ? {pair}) is true"


async def of(tx: Tx, employee_id: UUID) -> Wishes:
    """What a person asked for; the defaults if they never did."""
    asked = await tx.session.get(Preference, employee_id)
    if asked is None:
        return Wishes()
    return Wishes(
        asked.language,
        tuple(asked.muted_channels),
        tuple(asked.muted_kinds),
        frozenset(_pair(one) for one in asked.muted),
    )


def _pair(stored: str) -> Muted:
    kind, channel = stored.split("/")
    return Muted.model_validate({"kind": kind, "channel": channel})


async def languages(tx: Tx, people: Collection[UUID]) -> dict[UUID, Language]:
    """Who of these people chose a language, and which."""
    rows = await tx.connection.fetch(
        "select employee_id, language from preference where employee_id = any($1) and language is not null",
        list(people),
    )
    return {row["employee_id"]: row["language"] for row in rows}


async def put(
    tx: Tx,
    employee_id: UUID,
    *,
    language: Language | None,
    muted_channels: Collection[Channel],
    muted_kinds: Collection[Kind],
    muted: Collection[Muted] = (),
) -> None:
    """Keep what a person asks for, as a whole."""
    await tx.connection.execute(
        """
        insert into preference (employee_id, language, muted_channels, muted_kinds, muted)
        values ($1, $2, $3, $4, $5)
        on conflict (employee_id) do update set language = excluded.language,
            muted_channels = excluded.muted_channels, muted_kinds = excluded.muted_kinds, muted = excluded.muted
        """,
        employee_id,
        language,
        json.dumps(sorted(set(muted_channels))),
        json.dumps(sorted(set(muted_kinds))),
        json.dumps(sorted({f"{one.kind}/{one.channel}" for one in muted})),
    )


async def mute(tx: Tx, employee_id: UUID, kind: Kind, channel: Channel) -> None:
    """Turn one kind off by one channel, beside what a person asked for before."""
    await tx.connection.execute(
        """
        insert into preference as p (employee_id, muted_channels, muted_kinds, muted)
        values ($1, '[]', '[]', jsonb_build_array($2::text))
        on conflict (employee_id) do update set muted = p.muted || excluded.muted
            where not p.muted @> excluded.muted
        """,
        employee_id,
        f"{kind}/{channel}",
    )


async def leads(tx: Tx, employee_id: UUID) -> bool:
    """Whether somebody heads a unit or an OPD, or anybody reports to them."""
    return await tx.connection.fetchval(
        """
        select exists (
            select from recipient where active and (
                employee_id = $1 and heads <> '[]' or supervisor_id = $1 or acting_supervisor_id = $1)
        )
        """,
        employee_id,
    )
