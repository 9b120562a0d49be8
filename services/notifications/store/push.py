"""The browsers that people are pushed to."""

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from services.notifications.domain.push import Device
from shared.database import Tx


async def hold(tx: Tx, employee_id: UUID) -> None:
    """Nobody else alters this person's browsers until the transaction ends."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"push {employee_id}")


async def of(tx: Tx, employee_id: UUID, vapid_key: str) -> list[Device]:
    """The browsers of a person that the key reaches, in the order in which they came."""
    rows = await tx.connection.fetch(
        "select * from push_device where employee_id = $1 and vapid_key = $2 order by since, device_id",
        employee_id,
        vapid_key,
    )
    return [Device(**row) for row in rows]


async def of_all(tx: Tx, people: Collection[UUID], vapid_key: str) -> list[Device]:
    """The browsers of several people that the key reaches."""
    rows = await tx.connection.fetch(
        "select * from push_device where employee_id = any($1) and vapid_key = $2 order by since, device_id",
        list(people),
        vapid_key,
    )
    return [Device(**row) for row in rows]


async def put(tx: Tx, device: Device) -> dt.datetime | None:
    """Keep a browser; since when it is kept. None where the id is another browser's of somebody else.

    An endpoint is one browser, so it is whoever's who gave it last: nobody else on it reads their messages. What
    was made for another key of ours goes.
    """
    await tx.connection.execute(
        """
        delete from push_device where endpoint = $1 and device_id <> $2
            or employee_id = $3 and vapid_key <> $4
        """,
        device.endpoint,
        device.device_id,
        device.employee_id,
        device.vapid_key,
    )
    return await tx.connection.fetchval(
        """
        insert into push_device as kept
            (device_id, employee_id, endpoint, p256dh, auth, vapid_key, label, since)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (device_id) do update set employee_id = excluded.employee_id, endpoint = excluded.endpoint,
            p256dh = excluded.p256dh, auth = excluded.auth, vapid_key = excluded.vapid_key, label = excluded.label,
            since = case when kept.employee_id = excluded.employee_id then kept.since else excluded.since end
        where kept.employee_id = excluded.employee_id or kept.endpoint = excluded.endpoint
        returning since
        """,
        *device,
    )


async def forget(tx: Tx, devices: Collection[UUID]) -> None:
    """Delete browsers, whosever they are."""
    await tx.connection.execute("delete from push_device where device_id = any($1)", list(devices))


async def drop(tx: Tx, employee_id: UUID, device_id: UUID) -> bool:
    """Whether this person had this browser, which goes."""
    tag = await tx.connection.execute(
        "delete from push_device where device_id = $1 and employee_id = $2", device_id, employee_id
    )
    return tag == "DELETE 1"
