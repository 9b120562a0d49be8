"""What staff ask for, as who asked and who decides see it; and what the city lets them ask for."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from services.scheduling.domain.requests import ASKED_KINDS, NOBODY, AskedKind, KindRule
from services.scheduling.store import people
from services.scheduling.store import requests as store
from services.scheduling.store.superiors import MEMBERS
from services.scheduling.views.answer import Answer
from services.scheduling.views.changes import Change
from shared.access import Principal
from shared.database import Tx
from shared.requests import Directory, Judge, Request


class Decided(Request, frozen=True):
    """A request that is decided, and what granting it has changed; null where nothing has now."""

    change: Change | None


class AskableKind(Answer):
    """Who may ask for a kind, people of these employments in these OPDs (null: in all); and whether you may."""

    kind: AskedKind
    employment: Sequence[str]
    opd_codes: Sequence[str] | None
    may_ask: bool


async def kinds(tx: Tx, me: UUID | None) -> list[AskableKind]:
    """Every kind, in one order."""
    rules = await store.kinds(tx)
    mine = await _posted(tx, me) if me else None
    return [_shown(kind, rules.get(kind, NOBODY), mine) for kind in ASKED_KINDS]


async def _posted(tx: Tx, me: UUID) -> tuple[str, str] | None:
    person, employment = await people.person(tx, me), await store.employment(tx, me)
    return None if person is None or employment is None else (employment, person.opd_code)


def _shown(kind: AskedKind, rule: KindRule, mine: tuple[str, str] | None) -> AskableKind:
    may_ask = mine is not None and rule.lets(*mine)
    return AskableKind(kind=kind, employment=rule.employment, opd_codes=rule.opd_codes, may_ask=may_ask)


async def judge(tx: Tx, who: Principal, employee_id: UUID, now: dt.datetime) -> Judge:
    """The caller, with what the directory says of them and of the person who asks."""
    officer = await people.person(tx, who.subject) if who.subject else None
    return Judge(who, officer, await people.person(tx, employee_id), now)


DIRECTORY = Directory(MEMBERS, judge)
