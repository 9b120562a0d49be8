"""On which browsers a person is pushed to (W3C Push API)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from services.notifications.commands import push
from services.notifications.domain.push import Device, Endpoint
from services.notifications.views import push as views
from services.notifications.views.push import DeviceOut, PushKey, Removed
from shared import base64url
from shared.auth import Caller, Employee
from shared.cursors import Page
from shared.personal import NamesNobody
from shared.refusals import Conflict, wrong
from shared.service import Service, service_of
from shared.web_push import AUTH_BYTES, Vapid, point

router = APIRouter(prefix="/notifications/v1", tags=["notifications"])

Running = Annotated[Service, Depends(service_of)]


async def sender(request: Request) -> Vapid | None:
    """FastAPI dependency: who signs pushes; None where no push is sent."""
    return request.app.state.vapid


Sender = Annotated[Vapid | None, Depends(sender)]


def _public_key(text: str) -> str:
    try:
        point(base64url.read(text))
    except ValueError as error:
        raise wrong("push.p256dh") from error
    return text


def _secret(text: str) -> str:
    try:
        long_enough = len(base64url.read(text)) == AUTH_BYTES
    except ValueError:
        long_enough = False
    if not long_enough:
        raise wrong("push.auth")
    return text


class Keys(BaseModel):
    """What the browser decrypts by, base64url, as `PushSubscription.toJSON()` has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    p256dh: Annotated[str, StringConstraints(max_length=100), AfterValidator(_public_key)]
    auth: Annotated[str, StringConstraints(max_length=30), AfterValidator(_secret)]


class DeviceIn(BaseModel):
    """A browser's subscription as a whole. `label`: by what its owner knows it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    endpoint: Endpoint
    keys: Keys
    label: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$"),
        NamesNobody,
    ]


@router.get("/push-key")
async def read_key(_: Caller, vapid: Sender) -> PushKey:
    """The key that browsers subscribe to pushes with."""
    return PushKey(key=vapid.public if vapid else None)


@router.get("/me/push-subscriptions")
async def listed(me: Employee, service: Running, vapid: Sender) -> Page[DeviceOut]:
    """The browsers on which I am pushed to: ten at most."""
    async with service.db.read() as tx:
        return Page(items=await views.devices(tx, me, vapid.public if vapid else None))


@router.put(
    "/me/push-subscriptions/{device_id}",
    responses={201: {"model": DeviceOut, "description": "It is pushed to now"}},
)
async def put(
    device_id: UUID, wanted: DeviceIn, response: Response, me: Employee, *, service: Running, vapid: Sender
) -> DeviceOut:
    """Push to this browser, or alter its subscription; `device_id` is the caller's choice.

    An endpoint is one browser: given by somebody else before, it is theirs no more.
    """
    if vapid is None:
        raise Conflict("push.off")
    device = Device(
        device_id=device_id,
        employee_id=me,
        endpoint=wanted.endpoint,
        p256dh=base64url.read(wanted.keys.p256dh),
        auth=base64url.read(wanted.keys.auth),
        vapid_key=vapid.public,
        label=wanted.label,
        since=service.clock.now(),
    )
    async with service.db.transaction() as tx:
        kept, new = await push.keep(tx, device)
    response.status_code = 201 if new else 200
    return views.shown(kept)


@router.delete("/me/push-subscriptions/{device_id}")
async def remove(device_id: UUID, me: Employee, service: Running) -> Removed:
    """Push to this browser no more. Doing it again changes nothing."""
    async with service.db.transaction() as tx:
        removed = await push.drop(tx, me, device_id)
    return Removed(device_id=device_id, removed=removed)
