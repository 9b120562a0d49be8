"""Inboxes as they change, for everyone who follows theirs: looked at together for all who were told something.

Nobody is queued for: what a slow reader has not taken yet waits once for each message, and where it gets too much
they are told to read their inbox anew.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from pydantic import BaseModel

from services.notifications.store import inbox, preferences, rules
from services.notifications.store import live as store
from services.notifications.store.live import MOST, New, Since
from services.notifications.views.inbox import Message, message_of
from shared.database import Tx
from shared.messages import Language


class InboxNews(BaseModel):
    """What is new in an inbox: messages that came or are other ones now (read, say), oldest first; how many are
    unread in all. `reset`: it is more than can be told, and the inbox is to be read anew."""

    items: Sequence[Message]
    unread: int
    reset: bool


class Follower:
    """One stream: what it has been told, and what waits for it. `position` as in `store.live`."""

    def __init__(self, employee_id: UUID, language: Language, position: int | None) -> None:
        self.employee_id, self.position = employee_id, position
        self.language: Language = language
        self.news = asyncio.Event()
        """Set when there is something to take, or when it is time to go."""
        self._seen: dict[UUID, int] = {}
        self._waiting: dict[UUID, Message] = {}
        self._unread: int | None = None
        self._told: int | None = None
        self._reset = False

    def hear(self, messages: Iterable[tuple[New, Message]], unread: int, position: int) -> None:
        """Take in what was looked up from this follower's position on, up to `position`."""
        written: dict[UUID, int] = {}
        for new, message in messages:
            written[new.notification_id] = new.written_in
            if self._seen.get(new.notification_id) != new.written_in:
                self._waiting[new.notification_id] = message
        # A position from before the database was put back lies ahead of it.
        foreign = self.position is not None and self.position > position
        if foreign or len(written) >= MOST or len(self._waiting) >= MOST:
            self._reset = True
            self._waiting.clear()
        # What was written before is not looked at again.
        self._seen = {one: by for one, by in written.items() if by >= position}
        self.position, self._unread = position, unread
        self.news.set()

    def take(self) -> tuple[int, InboxNews] | None:
        """What waits, and the position that stands for it; None where nothing is new."""
        if self.position is None or self._unread is None:
            return None
        if not self._waiting and not self._reset and self._unread == self._told:
            return None
        told = InboxNews(items=[*self._waiting.values()], unread=self._unread, reset=self._reset)
        self._waiting.clear()
        self._told, self._reset = self._unread, False
        return self.position, told


class Live:
    """Who follows their inbox in this process. `wanted` is set while somebody's is to be looked at."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self._followers: dict[str, list[Follower]] = {}
        self._stirred: dict[Follower, None] = {}

    @contextlib.contextmanager
    def subscription(self, follower: Follower) -> Generator[None]:
        """Until the end of the block `follower` hears what is new."""
        mine = self._followers.setdefault(str(follower.employee_id), [])
        mine.append(follower)
        self.stir([follower])
        try:
            yield
        finally:
            self._stirred.pop(follower, None)
            mine.remove(follower)
            if not mine:
                self._followers.pop(str(follower.employee_id), None)

    def heard(self, payload: str) -> None:
        """The inboxes of these people are other ones now."""
        for person in self._followers.keys() & payload.split(","):
            self.stir(self._followers[person])

    def began(self) -> None:
        """What was said until now has not been heard."""
        self.stir(self._all())

    def stir(self, followers: Iterable[Follower]) -> None:
        """Have their inboxes looked at."""
        self._stirred.update(dict.fromkeys(followers))
        if self._stirred:
            self.wanted.set()

    def stirred(self, most: int) -> list[Follower]:
        """Up to `most` of those whose inboxes are to be looked at, who then are no longer."""
        some = [follower for follower, _ in zip(self._stirred, range(most), strict=False)]
        for follower in some:
            del self._stirred[follower]
        if not self._stirred:
            self.wanted.clear()
        return some

    def wake(self) -> None:
        """Every follower looks up."""
        for follower in self._all():
            follower.news.set()

    def _all(self) -> list[Follower]:
        return [follower for mine in self._followers.values() for follower in mine]


async def look(tx: Tx, followers: Sequence[Follower]) -> None:
    """Tell followers what is new for each. `tx` is a snapshot."""
    people = {follower.employee_id for follower in followers}
    position = await store.position(tx)
    new = await store.new(tx, [Since(follower.employee_id, follower.position) for follower in followers])
    rows = await inbox.some(tx, {one.notification_id for one in new})
    unread, chosen = await inbox.all_unread(tx, people), await preferences.languages(tx, people)
    in_force = await rules.current(tx)
    of = {nth: [*mine] for nth, mine in groupby(new, attrgetter("nth"))}
    for nth, follower in enumerate(followers, start=1):
        language: Language = chosen.get(follower.employee_id, follower.language)
        mine = [(one, message_of(rows[one.notification_id], language, in_force)) for one in of.get(nth, ())]
        follower.hear(mine, unread.get(follower.employee_id, 0), position)
