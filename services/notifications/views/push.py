"""The browsers of a person, as they are shown."""

import datetime as dt
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.push import Device
from services.notifications.store import push as store
from shared.database import Tx


class PushKey(BaseModel):
    """The key that a browser's subscription is made with (`applicationServerKey`, base64url); null where no push
    is sent."""

    key: str | None


class DeviceOut(BaseModel):
    """A browser that is pushed to. `push_service`: whose servers carry it. Its endpoint is shown to nobody."""

    device_id: UUID
    label: str
    push_service: str
    since: dt.datetime


class Removed(BaseModel):
    """Whether the browser was pushed to before."""

    device_id: UUID
    removed: bool


def shown(device: Device) -> DeviceOut:
    """A browser without what would let anybody else push to it."""
    return DeviceOut(
        device_id=device.device_id,
        label=device.label,
        push_service=urlsplit(device.endpoint).hostname or "",
        since=device.since,
    )


async def devices(tx: Tx, employee_id: UUID, vapid_key: str | None) -> list[DeviceOut]:
    """The browsers of a person that are pushed to, in the order in which they came."""
    return [] if vapid_key is None else [shown(device) for device in await store.of(tx, employee_id, vapid_key)]
