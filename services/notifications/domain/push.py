"""Browsers that are pushed to: what an endpoint may be, and what a push says."""

import datetime as dt
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from services.notifications.domain.receivers import Guard, literal
from shared.refusals import wrong

MOST_DEVICES = 10
"""Of one person."""


def _endpoint(text: str) -> str:
    """Raises what a validator does, where no push service can be there."""
    try:
        host = Guard().read(text).raw_host or ""
    except ValueError as error:
        raise wrong("push.endpoint") from error
    if "." not in host or literal(host) is not None:  # push services have names
        raise wrong("push.endpoint")
    return text


Endpoint = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[!-~]+$"), AfterValidator(_endpoint)]
"""Where a browser's push service takes messages for it."""


class Device(NamedTuple):
    """A browser of a person; it decrypts by `p256dh` and `auth`, and `vapid_key` is the key of ours it is for."""

    device_id: UUID
    employee_id: UUID
    endpoint: str
    p256dh: bytes
    auth: bytes
    vapid_key: str
    label: str
    since: dt.datetime
