"""Devices: of each its last connected exchange."""

import datetime as dt
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.attendance.domain.devices import Exchange, Moment
from shared.database import Tx

# A device is of the person who named it first: another's call must not move what their punches are dated by. Of
# one start the numbers grow, and what is counted does; a call that says otherwise came late, or is made up.
_KEEP = """
    insert into device (device_id, employee_id, boot_id, elapsed_ms, sequence, received_at, ahead, ahead_at)
    select *, case when ahead is not null then received_at end
    from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::interval[])
        as given (device_id, employee_id, boot_id, elapsed_ms, sequence, received_at, ahead)
    on conflict (device_id) do update set
        boot_id = excluded.boot_id, elapsed_ms = excluded.elapsed_ms, sequence = excluded.sequence,
        received_at = excluded.received_at, ahead = coalesce(excluded.ahead, device.ahead),
        ahead_at = coalesce(excluded.ahead_at, device.ahead_at)
    where device.employee_id = excluded.employee_id and device.received_at <= excluded.received_at and (
        device.boot_id <> excluded.boot_id
        or device.sequence < excluded.sequence and device.elapsed_ms <= excluded.elapsed_ms
    )
"""
_LAST = """
    select device_id, employee_id, boot_id, elapsed_ms, sequence, received_at, ahead, ahead_at
    from device where device_id = any($1::text[])
"""
_PURGE = "delete from device where received_at < $1 returning device_id"
_FORGET = "delete from device where employee_id = any($1::uuid[])"


async def keep(tx: Tx, exchanges: Sequence[Exchange]) -> None:
    """Keep the exchanges, one of a device and ordered by device, so that two transactions cannot deadlock."""
    moments = [one.moment for one in exchanges]
    await tx.connection.execute(
        _KEEP,
        [moment.device_id for moment in moments],
        [one.employee_id for one in exchanges],
        [moment.boot_id for moment in moments],
        [moment.elapsed_ms for moment in moments],
        [moment.sequence for moment in moments],
        [one.received_at for one in exchanges],
        [one.ahead for one in exchanges],
    )


async def last(tx: Tx, device_ids: Iterable[str]) -> dict[str, Exchange]:
    """The last connected exchange of each of these devices that had one."""
    return {
        row["device_id"]: Exchange(
            row["employee_id"],
            Moment(row["device_id"], row["boot_id"], row["elapsed_ms"], row["sequence"]),
            row["received_at"],
            row["ahead"],
            row["ahead_at"],
        )
        for row in await tx.connection.fetch(_LAST, list(device_ids))
    }


async def purge(tx: Tx, before: dt.datetime) -> int:
    """Drop the devices whose last exchange was before then; how many."""
    return len(await tx.connection.fetch(_PURGE, before))


async def forget(tx: Tx, employee_ids: Iterable[UUID]) -> None:
    """Erase which devices people had."""
    await tx.connection.execute(_FORGET, list(employee_ids))
