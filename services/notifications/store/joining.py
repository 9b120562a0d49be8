"""Notices that become a part of a message that is not read yet."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.notifications.domain.joining import Joined, Open
from services.notifications.domain.news import Notice
from shared.database import Tx


async def known(tx: Tx, notices: Sequence[UUID]) -> set[UUID]:
    """Those of these notices that were told, as messages of their own or as parts of others."""
    rows = await tx.connection.fetch(
        """
        select id from unnest($1::uuid[]) as id where exists (select from joined where notice_id = id)
            or exists (select from message where notification_id = id)
        """,
        notices,
    )
    return {row["id"] for row in rows}


async def open_for(tx: Tx, notices: Sequence[Notice], since: Sequence[dt.datetime]) -> list[Open]:
    """The messages that notices may join: of the same person and kind, told after `since`, not read, and not yet
    on their way out."""
    rows = await tx.connection.fetch(
        """
        select n.id as notice_id, m.notification_id, m.params
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) as n(id, employee_id, kind, since),
        lateral (
            select notification_id, params from message m
            where m.employee_id = n.employee_id and m.status = 'delivered' and m.read_at is null
                and m.at > n.since and m.kind = n.kind
            order by m.at desc limit 1
        ) as m
        where not exists (
            select from delivery d where d.notification_id = m.notification_id and d.state <> 'waiting'
        )
        """,
        [notice.id for notice in notices],
        [notice.employee_id for notice in notices],
        [notice.kind for notice in notices],
        since,
    )
    return [Open(**row) for row in rows]


async def join(tx: Tx, joined: Sequence[Joined], again: Mapping[UUID, dict[str, Any]]) -> None:
    """Remember which notices are parts of which messages, and what those messages are about now."""
    await tx.connection.execute(
        "update message set params = now.params from unnest($1::uuid[], $2::jsonb[]) as now(id, params) "
        "where notification_id = now.id",
        list(again),
        [json.dumps(params) for params in again.values()],
    )
    await tx.connection.execute(
        """
        insert into joined select j.* from unnest($1::uuid[], $2::uuid[]) as j(notice_id, notification_id)
        where exists (select from message m where m.notification_id = j.notification_id)
        on conflict do nothing
        """,
        [one.notice_id for one in joined],
        [one.notification_id for one in joined],
    )
