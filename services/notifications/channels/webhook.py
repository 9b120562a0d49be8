"""Webhooks: a message as a signed request to another system (Standard Webhooks 1.0).

The address is looked up, each IP address that it leads to is judged, and the connection goes to one of those that
were judged: a name that leads elsewhere a moment later changes nothing. Redirects are not followed, no proxy is
used, and nothing of an answer is read but its status and 4 kB.
"""

import asyncio
import contextlib
import datetime as dt
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic_core import PydanticCustomError
from yarl import URL

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.domain import webhooks
from services.notifications.domain.kinds import Way
from services.notifications.domain.receivers import Guard, literal, networks_of
from services.notifications.store import subscriptions as store
from services.notifications.views.wording import Worded
from shared.database import Tx
from shared.message_key import MessageKey
from shared.settings import Settings

CONNECT_S = 5.0
"""Seconds for looking a name up, and again for connecting, TLS included."""
TOTAL_S = 15.0
"""Seconds for all of it: the specification has receivers answer within 15."""
READ = 4096
"""Bytes of an answer that are read, so that the connection can be used again. None of them is kept."""
TRIES = 5
"""A request that the receiver finds wrong is tried so often: it may be a deployment that is under way."""
LONGEST_WAIT = dt.timedelta(hours=6)
"""No receiver puts a message off for longer than this."""

_BUSY = frozenset({408, 425, 429, 503})
_AWAY = frozenset({502, 503, 504})

Lookup = Callable[[str, int], Awaitable[Collection[str]]]
"""The IP addresses of a name. Raises OSError where none is known."""


class NotAdmitted(Exception):
    """The name leads to a machine that may not be called."""


class GuardedResolver(AbstractResolver):
    """Looks a name up for each new connection, and gives what it leads to if every address of it may be called."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await judged(self._guard, self._lookup, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    async def close(self) -> None:
        pass


async def judged(guard: Guard, lookup: Lookup, host: str, port: int) -> list[str]:
    """The IP addresses of a host, all of which may be called.

    Raises NotAdmitted where one may not, OSError where none is known in time.
    """
    if literal(host) is not None:
        found: Collection[str] = [host.strip("[]")]
    else:
        try:
            async with asyncio.timeout(CONNECT_S):
                found = await lookup(host, port)
        except TimeoutError as error:
            raise socket.gaierror(socket.EAI_AGAIN, "the name was not looked up in time") from error
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    if not all(guard.admits(address) for address in found):
        raise NotAdmitted
    return list(dict.fromkeys(found))


_NAMES = ThreadPoolExecutor(32, thread_name_prefix="names")
"""Looking a name up holds a thread: one whose server hangs takes none from the rest of the process."""


async def system_lookup(host: str, port: int) -> Collection[str]:
    """As the machine looks names up."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    found = await asyncio.get_running_loop().run_in_executor(_NAMES, ask)
    return [str(address[0]) for *_, address in found]


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
        self._ca_file = ca_file
        self._lookup = lookup
        self._timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=min(CONNECT_S, total_s))
        self._http: aiohttp.ClientSession | None = None

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

    async def post(self, receiver: Receiver, message_id: UUID, body: bytes, *, attempt: int = 1) -> Outcome:
        """Send a body, signed now; what became of it."""
        try:
            url = self._guard.read(receiver.url)  # what is allowed may have changed since it was kept
        except PydanticCustomError as error:
            return Outcome("refused", error.type)
        headers = webhooks.headers(str(message_id), time.time(), body, receiver.secrets)
        try:
            async with self._session().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                outcome = outcome_of(answer.status, answer.headers.get("retry-after"), attempt)
                await _drain(answer)
                return outcome
        except (NotAdmitted, TimeoutError, aiohttp.ClientError) as error:
            return _failed(error)

    async def close(self) -> None:
        """Let go of open connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._guard, self._lookup),
                use_dns_cache=False,
                ssl=ssl.create_default_context(cafile=self._ca_file),
                limit=0,  # the queue counts
            )
            self._http = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"User-Agent": "Hadir-Webhooks/1", "Accept": "*/*", "Accept-Encoding": "identity"},
            )
        return self._http


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
        return Outcome("later", error, retry_after=_wait(retry_after), away=status in _AWAY)
    if 400 <= status < 500 and status != 410 and attempt < TRIES:
        return Outcome("later", error, retry_after=_wait(retry_after))
    return Outcome("refused", error)


def _wait(retry_after: str | None) -> dt.timedelta | None:
    """How long a receiver asks to be left alone: seconds, or until a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return min(dt.timedelta(seconds=min(int(retry_after[:9]), 10**6)), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
        seconds = until.timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(dt.timedelta(seconds=seconds), dt.timedelta()), LONGEST_WAIT)


def _failed(error: Exception) -> Outcome:
    """What an error means: before the connection stands nothing is handed over, after that it may be."""
    match error:
        case NotAdmitted():
            return Outcome("refused", "receiver.private")
        case aiohttp.ClientConnectorCertificateError():
            return Outcome("later", "its certificate is not valid for this address", away=True)
        case aiohttp.ClientConnectorDNSError():
            return Outcome("later", "its name leads nowhere", away=True)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Outcome("later", f"no connection: {_kind_of(error)}", away=True)
        case TimeoutError():
            return Outcome("unknown", "no answer in time", away=True)
        case _:
            return Outcome("unknown", f"no answer: {type(error).__name__}")


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a short body to its end; of any other the connection is closed."""
    left = READ
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(1):
            while left > 0 and not answer.content.at_eof():
                left -= len(await answer.content.read(left))
    if not answer.content.at_eof():
        answer.close()


def _kind_of(error: Exception) -> str:
    """What went wrong, without the address."""
    cause = getattr(error, "os_error", error)
    return type(cause).__name__
