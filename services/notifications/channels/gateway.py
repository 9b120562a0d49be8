"""Messages to a phone by what the city has a contract with: SMS, WhatsApp and others, through Apprise.

An administrator names the gateways in a file (`HADIR_GATEWAYS_FILE`, TOML, readable by its owner alone), the one
to try first first; `{phone}` is put in as digits with the country's code:

    sms = "https://..."          # any URL of Apprise, https://github.com/caronc/apprise/wiki

The first gateway that takes a message is enough, the others are for when it does not: one phone gets it once.
Apprise says of a failure only that it is one. So a failure that took as long as an answer is waited for, or that
Apprise itself ran out of time over, is `unknown`: the gateway may have it.
"""

import asyncio
import logging
import re
import stat
import threading
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, cast
from uuid import UUID

from services.notifications.channels import Address, Outcome, Parcel
from services.notifications.domain.kinds import Way
from services.notifications.store import addresses
from services.notifications.views.wording import Worded
from shared.database import Tx
from shared.messages import text
from shared.settings import Settings, SettingsError

if TYPE_CHECKING:  # 35 MB that nobody needs where no gateway is configured
    from apprise import AppriseResult, NotifyBase

T = TypeVar("T")

TIMEOUT_S = 8.0
"""Seconds after which one gateway's answer is no longer waited for."""
_SAMPLE = "6281200000000"
_PLACE = "{phone}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway; `template` is a secret."""

    name: str
    template: str

    def __repr__(self) -> str:
        return f"Gateway({self.name!r})"


def international(phone: str) -> str | None:
    """The digits of a mobile telephone's number with its country's code, Indonesia's where none is written.

    None for what no message can be sent to: a fixed line, or no number at all.
    """
    written = re.sub(r"\(0\)|[\s().-]", "", phone)
    digits = written.removeprefix("+").removeprefix("00")
    if not re.fullmatch(r"[0-9]{8,15}", digits):
        return None
    if digits == written and digits.startswith("0"):
        digits = f"62{digits[1:]}"
    elif digits == written and digits.startswith("8"):
        digits = f"62{digits}"
    return None if digits.startswith("62") and not re.fullmatch(r"628[0-9]{7,11}", digits) else digits


def gateways_of(file: Path) -> list[Gateway]:
    """The gateways of a file. Raises SettingsError with the gateway's name and the mend, not its address."""
    where = f"HADIR_GATEWAYS_FILE: {file}"
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"{where} holds secrets and others may read it: chmod 600")
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{where} cannot be read as TOML ({type(error).__name__})") from None
    found: list[Gateway] = []
    for name, template in given.items():
        if not isinstance(template, str) or _PLACE not in template:
            raise SettingsError(f'{where}: {name} has to be an address of Apprise in quotes with "{_PLACE}" in it')
        gateway = Gateway(name, template)
        if _service(gateway, _SAMPLE) is None:
            raise SettingsError(f"{where}: Apprise cannot read the address of {name}")
        found.append(gateway)
    if not found:
        raise SettingsError(f'{where} names no gateway: write a line  name = "address with {_PLACE}"')
    return found


class _Apprise(Protocol):
    """What is used of Apprise."""

    def add(self, servers: str, /) -> bool: ...
    def notify(self, body: str, *, title: str, body_format: str, timeout: float) -> "AppriseResult": ...
    def __iter__(self) -> "Iterator[NotifyBase]": ...
    def __len__(self) -> int: ...


def _service(gateway: Gateway, phone: str) -> _Apprise | None:
    """What Apprise makes of a gateway's address; None where it can make nothing of it."""
    from apprise import Apprise, AppriseAsset

    for name in ("apprise", "urllib3"):  # they write addresses, with secrets and numbers
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    asset = AppriseAsset(
        storage_mode="memory",
        service_timeout=TIMEOUT_S,
        secure_logging=True,
        allow_templates=False,
        http_redirects=False,
    )
    made = cast("_Apprise", Apprise(asset=asset))
    if not made.add(gateway.template.replace(_PLACE, phone)) or not len(made):
        return None
    for service in made:
        service.retry = 0  # the queue tries again
        service.redirects = False
    return made


def _notify(gateway: Gateway, phone: str, body: str) -> Outcome:
    """Hand a text to one gateway."""
    from apprise import AppriseResultStatus

    service = _service(gateway, phone)
    if service is None:
        return Outcome("later", "no address can be made of this number")
    try:
        # Without a title: a short message has none, and one whose body is blank would be sent nowhere.
        result = service.notify(body, title="", body_format="text", timeout=TIMEOUT_S)
    except Exception as error:  # a plug-in may raise anything, an address in its text
        return Outcome("unknown", type(error).__name__)
    # SUCCESS is 0. PARTIAL: of several in one address some have it, which is enough; another try would double it.
    if result.status in (AppriseResultStatus.SUCCESS, AppriseResultStatus.PARTIAL):
        return Outcome("delivered")
    waited = min(one.socket_read_timeout for one in service)
    slow = any(attempt.elapsed >= waited for one in result for attempt in one)
    if slow or result.status == AppriseResultStatus.TIMEOUT:
        return Outcome("unknown", "no answer in time")
    return Outcome("later", result.status.name.lower())


async def _aside(work: Callable[[], T]) -> T:
    """Work that blocks, in a thread of its own that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def told(outcome: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else outcome())
        except RuntimeError:  # the loop is closed: the process ends
            return

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            told(lambda: done.set_exception(failure))
        else:
            told(lambda: done.set_result(result))

    threading.Thread(target=run, name="gateway", daemon=True).start()
    return await done


class Channel:
    """The way `gateway`."""

    way: Way = "gateway"
    bundles = True
    repeats_safely = False
    at_once = 4
    at_once_to_a_host = 4
    per_second: float | None = None

    def __init__(self, gateways: Sequence[Gateway], base_url: str) -> None:
        self._gateways = gateways
        self._base_url = base_url

    async def addresses(self, tx: Tx, recipients: Collection[UUID]) -> Mapping[UUID, Sequence[Address]]:
        """Each person's telephone; not of a subscription."""
        phones = await addresses.phones(tx, recipients)
        numbers = {person: international(phone) for person, phone in phones.items()}
        first = self._gateways[0].name
        return {person: [Address("phone", first, number)] for person, number in numbers.items() if number}

    async def forget(self, tx: Tx, keys: Collection[str]) -> None:
        """Nothing: telephones are the directory's."""

    async def send(self, parcel: Parcel) -> Outcome:
        """Hand a parcel to the first gateway that takes it."""
        if not parcel.addresses:
            return Outcome("refused", "no telephone")
        (address,) = parcel.addresses
        body = written(parcel.messages, self._base_url)
        failed: list[str] = []
        for gateway in self._gateways:
            outcome = await _aside(partial(_notify, gateway, str(address.where), body))
            if outcome.became == "delivered":
                return Outcome("delivered", reached=frozenset({address.key}))
            failed.append(f"{gateway.name}: {outcome.error}")
            if outcome.became == "unknown":
                return Outcome("unknown", "; ".join(failed))
        return Outcome("later", "; ".join(failed), away=True)

    async def close(self) -> None:
        """Nothing is held open."""


def written(messages: Sequence[Worded], base_url: str) -> str:
    """Messages as one text for a phone: one with what to do and its link, several by their titles."""
    if len(messages) == 1:
        (one,) = messages
        link = f"\n{base_url}{one.link}" if one.link else ""
        return f"{one.title}\n{one.text}{link}"
    language = messages[0].language
    lines = [text("gateway.several", language, count=len(messages)), *(f"- {one.title}" for one in messages)]
    return "\n".join([*lines, f"{base_url}/reporting/app/inbox/"])


def opened(settings: Settings) -> Channel | None:
    """The way, where gateways are named. Raises SettingsError."""
    if settings.gateways_file is None:
        return None
    return Channel(gateways_of(settings.gateways_file), settings.base_url)
