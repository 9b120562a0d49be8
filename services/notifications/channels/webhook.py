"""Webhooks: a message as a signed request to another system (Standard Webhooks 1.0)."""

import datetime as dt
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import PydanticCustomError
from yarl import URL

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.channels.calling import TOTAL_S, Answer, Calls, Lookup, system_lookup, wait_of
from services.notifications.domain import webhooks
from services.notifications.domain.kinds import Way
from services.notifications.domain.receivers import Guard, networks_of
from services.notifications.store import subscriptions as store
from services.notifications.views.wording import Worded
from shared.database import Tx
from shared.message_key import MessageKey
from shared.settings import Settings

TRIES = 5
"""A request that the receiver finds wrong is tried so often: it may be a deployment that is under way."""

_BUSY = frozenset({408, 425, 429, 503})
_AWAY = frozenset({502, 503, 504})


def guard_of(settings: Settings) -> Guard:
    """What the administrator allows."""
    return Guard(
        networks_of(settings.webhook_networks), frozenset(settings.webhook_ports), settings.webhook_plain_http
    )


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a subscription's webhooks go, and the secrets that they are signed by."""

    url: str
    secrets: Sequence[bytes]


class WebhookChannel:
    """The way of webhooks: one message at a time, in order, to each subscription."""

    way: Way = "webhook"
    bundles = False
    repeats_safely = True
    at_once = 64
    at_once_to_a_host = 8
    per_second: float | None = None

    def __init__(
        self,
        key: MessageKey,
        guard: Guard,
        *,
        ca_file: Path | None = None,
        lookup: Lookup = system_lookup,
        total_s: float = TOTAL_S,
    ) -> None:
        self._key = key
        self._guard = guard
        self._calls = Calls(guard, agent="Hadir-Webhooks/1", ca_file=ca_file, lookup=lookup, total_s=total_s)

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        """The receiver of each subscription that is active."""
        return {one.subscription_id: [self._address(one)] for one in await store.receivers(tx, recipients)}

    def _address(self, found: store.Receiver) -> Address:
        url = URL(found.address, encoded=True)
        secrets = [self._key.secret(webhooks.name_of(found.subscription_id, one)) for one in found.secrets]
        key = str(found.subscription_id)
        return Address(key, f"{url.raw_host}:{url.port}", Receiver(found.address, secrets))

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        """Stop the subscriptions whose receivers exist no more: officers see it, and may start them again."""
        await store.gone(tx, [UUID(key) for key in keys])

    async def send(self, parcel: Parcel) -> Outcome:
        """Hand one message over."""
        ((message,), (address,)) = parcel.messages, parcel.addresses
        assert isinstance(address.where, Receiver)  # noqa: S101 - as made above
        body = webhooks.body(message.kind, message.at, said(message))
        outcome = await self.post(address.where, parcel.id, body, attempt=parcel.attempt)
        if outcome.became == "delivered":
            return Outcome("delivered", reached=frozenset({address.key}))
        if outcome.error == "status 410":
            return Outcome("refused", outcome.error, gone=frozenset({address.key}))
        return outcome

    async def try_out(self, receiver: store.Receiver, trial_id: UUID, now: dt.datetime) -> Outcome:
        """Send a message that says nothing, of type `test`."""
        where = self._address(receiver).where
        assert isinstance(where, Receiver)  # noqa: S101 - as made above
        data = {"subscription_id": str(receiver.subscription_id)}
        return await self.post(where, trial_id, webhooks.body("test", now, data), attempt=TRIES)

    async def post(
        self,
        receiver: Receiver,
        message_id: UUID,
        body: bytes,
        *,
        attempt: int = 1,
        content_type: str = "application/json",
    ) -> Outcome:
        """Send a body, signed now; what became of it."""
        try:
            url = self._guard.read(receiver.url)  # what is allowed may have changed since it was kept
        except PydanticCustomError as error:
            return Outcome("refused", error.type)
        headers = webhooks.headers(str(message_id), time.time(), body, receiver.secrets, content_type)
        answer = await self._calls.post(url, body, headers)
        return outcome_of(answer.status, answer.retry_after, attempt) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        """Let go of open connections."""
        await self._calls.close()


def opened(settings: Settings) -> WebhookChannel | None:
    """The channel as the settings say; None without a message key."""
    if settings.message_key_file is None:
        return None
    key = MessageKey.from_file(settings.message_key_file)
    return WebhookChannel(key, guard_of(settings), ca_file=settings.webhook_ca_file)


def said(message: Worded) -> dict[str, Any]:
    """A message for machines, with its words in the language that the subscriber chose."""
    return {
        "notification_id": str(message.notification_id),
        "subject": message.subject,
        "params": json.loads(json.dumps(dict(message.params), default=str)),
        "language": message.language,
        "title": message.title,
        "text": message.text,
        "why": message.why,
        "link": message.link,
    }


def outcome_of(status: int, retry_after: str | None, attempt: int) -> Outcome:
    """What an answer means."""
    error = f"status {status}"
    if 200 <= status < 300:
        return Outcome("delivered")
    if status in _BUSY or status >= 500:
        return Outcome("later", error, retry_after=wait_of(retry_after), away=status in _AWAY)
    if 400 <= status < 500 and status != 410 and attempt < TRIES:
        return Outcome("later", error, retry_after=wait_of(retry_after))
    return Outcome("refused", error)
