"""On which browsers people are pushed to."""

from uuid import UUID

from services.notifications.domain.push import MOST_DEVICES, Device
from services.notifications.store import push as store
from shared.database import Tx
from shared.refusals import Conflict


async def keep(tx: Tx, device: Device) -> tuple[Device, bool]:
    """Push to this browser from now on; the browser as it is kept, and whether it is new to the person.

    Raises Conflict where they have too many, or where its id is another browser's of somebody else.
    """
    await store.hold(tx, device.employee_id)
    had = {kept.device_id for kept in await store.of(tx, device.employee_id, device.vapid_key)}
    new = device.device_id not in had
    since = await store.put(tx, device)
    if since is None:
        raise Conflict("push.taken")
    # Counted afterwards: a browser that changes its id takes no second place.
    if new and len(await store.of(tx, device.employee_id, device.vapid_key)) > MOST_DEVICES:
        raise Conflict("push.too_many", params={"most": MOST_DEVICES})
    return device._replace(since=since), new


async def drop(tx: Tx, employee_id: UUID, device_id: UUID) -> bool:
    """Push to this browser no more; whether it was the person's."""
    return await store.drop(tx, employee_id, device_id)
