"""From what there is to tell to messages in inboxes, by the rules in force."""

import datetime as dt
import re
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal
from uuid import UUID, uuid5

from services.notifications.domain.delivery import going
from services.notifications.domain.joining import JOINS, Grouped, group
from services.notifications.domain.kinds import Channel, Kind
from services.notifications.domain.news import Notice
from services.notifications.domain.preferences import is_fixed
from services.notifications.domain.rules import Recipient, Rules
from services.notifications.domain.telling import GIVEN, Telling, addressed, next_due
from services.notifications.store import escalation, joining, recipients, rules
from services.notifications.store import notices as store
from services.notifications.store.escalation import Begun
from services.notifications.store.notices import Told
from services.notifications.store.recipients import Before, Concern, Person, Place
from shared import outbox, spans, trace, under_way
from shared.database import Tx
from shared.events import NotificationSent, source_of
from shared.outbox import Written

SOURCE = source_of("notifications")
CHUNK = 1000
"""Messages written at once. Between chunks other requests of the process get their turn."""


async def tell(tx: Tx, tellings: Sequence[Telling], now: dt.datetime) -> Tally[Kind]:
    """Tell whom the rules in force say, and wait for somebody to see to what asks for it.

    The same cause is told once, however often it comes. Returns how many messages are new, by kind.
    """
    if not tellings:
        return Tally()
    in_force = await rules.current(tx)
    notices = addressed(tellings, in_force, await _look_up(tx, tellings, in_force))
    told = await _deliver(tx, notices, now, in_force)
    await _wait(tx, tellings, in_force, notices, now)
    return told


async def _look_up(
    tx: Tx, tellings: Sequence[Telling], in_force: Rules
) -> dict[tuple[int, Recipient], list[UUID]]:
    """Whom the words of the rules mean that the tellings do not name themselves: one query for each word."""
    plain = {kind for kind, rule in in_force.kinds.items() if GIVEN.issuperset(rule.to)}
    wanted = [
        (nth, telling, telling.words(in_force.kinds[telling.kind]))
        for nth, telling in enumerate(tellings)
        if telling.steps or telling.takes_back or telling.kind not in plain
    ]
    if not wanted:
        return {}
    by_word: dict[Recipient, recipients.Found] = {}

    def about(word: Recipient) -> list[tuple[int, Telling]]:
        return [(nth, telling) for nth, telling, said in wanted if word in said]

    def persons(word: Recipient) -> list[Person]:
        return [Person(nth, one) for nth, telling in about(word) for one in telling.people]

    if people := persons("superior"):
        by_word["superior"] = await recipients.superiors(tx, people)
    if people := persons("deputy"):
        by_word["deputy"] = await recipients.deputies(tx, people)
    if units := about("unit_head"):
        by_word["unit_head"] = await recipients.unit_heads(tx, await _units(tx, units))
    if opds := about("opd_head"):
        by_word["opd_head"] = await recipients.opd_heads(tx, await _opds(tx, opds))
    if city := about("city"):
        places = [Place(nth, in_force.limits.city_opd) for nth, _ in city]
        by_word["city"] = await recipients.opd_heads(tx, places)
    if asked := about("subscriber"):
        concerns = [Concern(nth, telling.kind, telling.opd_codes) for nth, telling in asked]
        by_word["subscriber"] = await recipients.subscribers(tx, concerns)
    before = [
        Before(nth, telling.subject, telling.takes_back)
        for nth, telling in about("told")
        if telling.subject is not None and telling.takes_back is not None
    ]
    if before:
        by_word["told"] = await recipients.told(tx, before)
    return {(nth, word): people for word, found in by_word.items() for nth, people in found.items()}


async def _units(tx: Tx, about: Sequence[tuple[int, Telling]]) -> list[Place]:
    """The unit each is about: its own, else those of its people."""
    own = [Place(nth, telling.unit_id) for nth, telling in about if telling.unit_id is not None]
    people = [Person(nth, one) for nth, telling in about if telling.unit_id is None for one in telling.people]
    posts = await recipients.posts(tx, people) if people else []
    return own + list({Place(post.nth, post.unit_id) for post in posts if post.unit_id is not None})


async def _opds(tx: Tx, about: Sequence[tuple[int, Telling]]) -> list[Place]:
    """The OPDs each is about: its own, else those of its people."""
    own = [Place(nth, code) for nth, telling in about for code in telling.opd_codes or ()]
    people = [Person(nth, one) for nth, telling in about if not telling.opd_codes for one in telling.people]
    posts = await recipients.posts(tx, people) if people else []
    return own + list({Place(post.nth, post.opd_code) for post in posts if post.opd_code is not None})


async def _wait(
    tx: Tx, tellings: Sequence[Telling], in_force: Rules, notices: Sequence[Notice], now: dt.datetime
) -> None:
    """Wait for somebody to see to what the rules carry further. Where nobody was there to be told, the next step
    is due at once."""
    heard = {(notice.cause, notice.kind) for notice in notices if not notice.subscribed}
    begun: list[Begun] = []
    for telling in tellings:
        rule = in_force.kinds[telling.kind]
        due_at = next_due(rule, now, 0)
        if rule.on and due_at is not None and not telling.again:
            begun.append(Begun(telling, due_at if (telling.cause, telling.kind) in heard else now))
    if begun:
        await escalation.begin(tx, begun, now)


async def _deliver(tx: Tx, notices: Iterable[Notice], now: dt.datetime, in_force: Rules) -> Tally[Kind]:
    """Put notices into inboxes and on their ways out, and publish each that was not there yet. Returns how many by
    kind."""
    out = going(in_force)
    fixed: list[Kind] = [kind for kind, rule in in_force.kinds.items() if is_fixed(rule, "inbox")]
    told = Tally[Kind]()
    waiting = iter(notices)
    while read := list(islice(waiting, CHUNK)):
        chunk, joined, again = await _grouped(tx, read, in_force, now)
        began_ns = time.time_ns()
        new = await store.deliver(tx, chunk, now, going=out, fixed=fixed)
        if (exporter := spans.of("notifications")) is not None:
            traces = {
                str(message.notification_id): exporter.child(
                    f"inbox {message.notice.kind}",
                    trace.because_of(message.notice.cause),
                    began_ns=began_ns,
                    attributes={"messaging.message.id": str(message.notification_id)},
                )
                for message in new
            }
            await under_way.note(tx, traces)
        said = [one for message in new if not message.notice.subscribed for one in _said(message, now)]
        await outbox.add_alike(tx, NotificationSent.topic, said, time=now, source=SOURCE)
        if joined:
            await joining.join(tx, joined, again)
        told.update(message.notice.kind for message in new)
    return told


async def _grouped(tx: Tx, notices: Sequence[Notice], in_force: Rules, now: dt.datetime) -> Grouped:
    """Notices about days put together, as far as their rules say."""
    windows: dict[Kind, int] = {
        kind: minutes for kind in JOINS if (minutes := in_force.kinds[kind].group_minutes) > 0
    }
    about_days = [notice for notice in notices if notice.kind in windows]
    if not about_days:
        return Grouped(list(notices), [], {})
    since = [now - dt.timedelta(minutes=windows[notice.kind]) for notice in about_days]
    open_ = await joining.open_for(tx, about_days, since)
    grouped = group(notices, open_, frozenset(windows))
    if not grouped.joined:
        return grouped
    # What was told before joins nothing, nor does anything join it now.
    told = await joining.known(tx, [notice.id for notice in about_days])
    news = [notice for notice in notices if notice.id not in told]
    return group(news, [one for one in open_ if one.notice_id not in told], frozenset(windows))


Status = Literal["delivered", "suppressed"]


def _said(message: Told, now: dt.datetime) -> Iterator[Written]:
    """What is published of a new message: what became of it in the inbox, and the ways that its reader muted."""
    notice, id_ = message.notice, message.notification_id
    carried = trace.because_of(notice.cause)
    person = str(notice.employee_id)

    def written(ce_id: UUID, channel: Channel, status: Status) -> Written:
        before, between, after, last = _frame(notice.kind, channel, status, now)
        value = f"{before}{id_}{between}{person}{after}{notice.cause}{last}"
        return Written(ce_id, person, value, carried)

    yield written(id_, "inbox", message.status)
    for channel in message.hushed:
        yield written(uuid5(id_, channel), channel, "suppressed")


@lru_cache(64)
def _frame(kind: Kind, channel: Channel, status: Status, now: dt.datetime) -> Sequence[str]:
    """What stands around the ids in the JSON of one that is published: of 24,000 that differ in nothing else."""
    ids = [UUID(int=nth) for nth in (1, 2, 3)]
    message, person, cause = ids
    event = NotificationSent(
        notification_id=message,
        employee_id=person,
        kind=kind,
        channel=channel,
        status=status,
        cause_event_id=cause,
        at=now,
    )
    return re.split("|".join(map(str, ids)), event.model_dump_json())
