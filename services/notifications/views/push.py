"""What a browser is pushed, and the browsers of a person as they are shown."""

import datetime as dt
import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.push import Device
from services.notifications.store import push as store
from services.notifications.views.wording import Worded
from shared.database import Tx
from shared.messages import text
from shared.web_push import MOST_BYTES

INBOX = "/reporting/app/inbox/"
"""Where a push of several messages leads, and one whose message leads nowhere."""
LISTED = 5
"""Titles that a push of several messages lists."""

# Of these only the newest counts, for each counter, spent budget or outage: it takes the place of those before.
_REPLACES = {
    **dict.fromkeys(("counter.soon", "counter.short", "counter.met"), "counter"),
    **dict.fromkeys(("budget.burning", "budget.recovered"), "budget"),
    **dict.fromkeys(("outage.declared", "outage.revoked"), "outage"),
}


def tag_of(messages: Sequence[Worded]) -> str:
    """By what a push is known on the phone: whatever comes with the same tag takes its place."""
    first = messages[0]
    state = _REPLACES.get(first.kind)
    if len(messages) > 1 or state is None or first.subject is None:
        return str(first.notification_id)
    return f"{state} {first.subject}"


def payload(messages: Sequence[Worded]) -> bytes:
    """What is pushed: JSON of at most MOST_BYTES. The text is cut to what there is room for, at a word's end.

    `{title, text, link, tag, ids, lang, at, acknowledge}`: what the worker of the pages shows
    (`static/app/push-worker.js`). In the order in which they came; `ids` are read when it is opened.
    """
    first, language = messages[0], messages[0].language
    if len(messages) == 1:
        title, body, link = first.title, first.text, first.link or INBOX
    else:
        title = text("push.several", language, count=len(messages))
        listed = [one.title for one in messages[:LISTED]]
        rest = len(messages) - len(listed)
        more = [text("push.more", language, count=rest)] if rest else []
        body, link = "\n".join([*listed, *more]), INBOX
    said: dict[str, Any] = {
        "title": _cut(title, 200),
        "text": body,
        "link": link,
        "tag": tag_of(messages),
        "ids": [str(one.notification_id) for one in messages[:20]],
        "lang": language,
        "at": messages[-1].at.isoformat(),
        "acknowledge": len(messages) == 1 and first.acknowledge,
    }
    if len(_written(said)) > MOST_BYTES:
        # So many characters: how many bytes each takes, escaped, is known when it is written.
        room = bisect_right(
            range(len(body)), MOST_BYTES, key=lambda most: len(_written({**said, "text": _cut(body, most)}))
        )
        said["text"] = _cut(body, room - 1)
    return _written(said)


def _written(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _cut(whole: str, most: int) -> str:
    """The first words of a text, with a sign that there is more."""
    if len(whole) <= most:
        return whole
    head = whole[: max(0, most - 1)]
    words, _, broken = head.rpartition(" ")
    return (words if words and len(broken) < 40 else head).rstrip(" ") + "…"


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
