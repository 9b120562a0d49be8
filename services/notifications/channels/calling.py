"""Requests to servers of others: to the addresses that were judged, and to no other.

A name is looked up for each new connection, every IP address that it leads to is judged, and the connection goes
to one of those: a name that leads elsewhere a moment later changes nothing. No redirect is followed, no proxy is
used, no cookie kept, and nothing of an answer read but its status and 4 kB.
"""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.notifications.channels import Outcome
from services.notifications.domain.receivers import Guard, literal

CONNECT_S = 5.0
"""Seconds for looking a name up, and again for connecting, TLS included."""
TOTAL_S = 15.0
"""Seconds for all of it."""
READ = 4096
"""Bytes of an answer that are read, so that the connection can be used again. None of them is kept."""
LONGEST_WAIT = dt.timedelta(hours=6)
"""No server puts a message off for longer than this."""

Lookup = Callable[[str, int], Awaitable[Collection[str]]]
"""The IP addresses of a name. Raises OSError where none is known."""


class NotAdmitted(Exception):
    """The name leads to a machine that may not be called."""


class JudgedResolver(AbstractResolver):
    """Looks a name up for each new connection, and gives what it leads to if every address of it may be called."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard, self._lookup = guard, lookup

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
        """Nothing is held open."""


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: `retry_after` as it wrote it."""

    status: int
    retry_after: str | None


class Calls:
    """The requests of one channel; connections are opened when they are needed, and used again."""

    def __init__(
        self,
        guard: Guard,
        *,
        agent: str,
        ca_file: Path | None = None,
        lookup: Lookup = system_lookup,
        total_s: float = TOTAL_S,
    ) -> None:
        self._guard, self._agent, self._ca_file, self._lookup = guard, agent, ca_file, lookup
        self._timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=min(CONNECT_S, total_s))
        self._http: aiohttp.ClientSession | None = None

    async def post(self, url: URL | str, body: bytes, headers: Mapping[str, str]) -> Answer | Outcome:
        """What a server answers, or what became of the parcel where there is no answer."""
        try:
            async with self._session().post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await _drain(answer)
                return Answer(answer.status, answer.headers.get("retry-after"))
        except (NotAdmitted, aiohttp.ClientError, TimeoutError, ValueError) as error:
            return _without_answer(error)

    async def close(self) -> None:
        """Let go of open connections; a request after it opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(
                resolver=JudgedResolver(self._guard, self._lookup),
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
                headers={"User-Agent": self._agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            )
        return self._http


def _without_answer(error: Exception) -> Outcome:
    """What an exception means. Nothing of the address is said."""
    match error:
        case NotAdmitted():
            outcome = Outcome("refused", "receiver.private")
        case aiohttp.ClientConnectorCertificateError():
            outcome = Outcome("later", "its certificate is not valid for this address", away=True)
        case aiohttp.ClientConnectorDNSError():
            outcome = Outcome("later", "its name leads nowhere", away=True)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            cause = getattr(error, "os_error", error)
            outcome = Outcome("later", f"no connection: {type(cause).__name__}", away=True)
        case TimeoutError():
            outcome = Outcome("unknown", "no answer in time", away=True)
        case _:
            outcome = Outcome("unknown", f"no answer: {type(error).__name__}")
    return outcome


def wait_of(retry_after: str | None) -> dt.timedelta | None:
    """How long a server asks to be left alone: seconds, or until a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return min(dt.timedelta(seconds=min(int(retry_after[:9]), 10**6)), LONGEST_WAIT)
    try:
        seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(dt.timedelta(seconds=seconds), dt.timedelta()), LONGEST_WAIT)


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a short body to its end; of any other the connection is closed."""
    left = READ
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(1):
            while left > 0 and not answer.content.at_eof():
                left -= len(await answer.content.read(left))
    if not answer.content.at_eof():
        answer.close()
