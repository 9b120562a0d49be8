"""Who is told of what: read by BKPSDM and auditors, changed by BKPSDM."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.notifications.commands import rules as commands
from services.notifications.commands.rules import Act
from services.notifications.domain.kinds import Kind
from services.notifications.domain.rules import LIMITS, Limits, Rule
from services.notifications.views import rules as views
from services.notifications.views.rules import LimitsChange, LimitsOut, RuleChange, RuleOut
from shared.access import READ_MESSAGE_RULES, SET_MESSAGE_RULES, Principal, may
from shared.auth import require
from shared.bodies import described, read
from shared.cursors import Limit, Page
from shared.messages import language_of
from shared.personal import Reason
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1/rules", tags=["rules"])

Running = Annotated[Service, Depends(service_of)]
Reader = Annotated[Principal, Depends(require(READ_MESSAGE_RULES))]
Officer = Annotated[Principal, Depends(require(SET_MESSAGE_RULES))]
AcceptLanguage = Annotated[str | None, Header()]
Seen = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""The version that the officer has seen: 0 where it is what is shipped."""
EXACT = ConfigDict(extra="forbid", strict=True, frozen=True)


class RuleIn(Rule):
    """The whole rule as it shall be, why, and which version it is to replace."""

    model_config = EXACT

    version: Seen
    reason: Reason


class LimitsIn(Limits):
    """The limits as they shall be, why, and which version they are to replace."""

    model_config = EXACT

    version: Seen
    reason: Reason


class BackIn(BaseModel):
    """Why what is shipped shall hold again, and which version it is to replace."""

    model_config = EXACT

    version: Seen
    reason: Reason


class RulesOut(Page[RuleOut]):
    """The rule of each kind of message, and whether the reader may change them."""

    may_change: bool


RULE, LIMITS_IN, BACK = TypeAdapter(RuleIn), TypeAdapter(LimitsIn), TypeAdapter(BackIn)


def _act(who: Principal, service: Service, given: RuleIn | LimitsIn | BackIn) -> Act:
    return Act(who, service.clock.now(), given.version, given.reason)


@router.get("")
async def list_rules(who: Reader, service: Running, accept_language: AcceptLanguage = None) -> RulesOut:
    """The rule in force for each kind of message, beside the shipped one."""
    async with service.db.read() as tx:
        items = await views.listed(tx, language_of(accept_language))
    return RulesOut(items=items, may_change=may(who, SET_MESSAGE_RULES))


@router.get("/limits", dependencies=[Depends(require(READ_MESSAGE_RULES))])
async def read_limits(service: Running, accept_language: AcceptLanguage = None) -> LimitsOut:
    """Quiet hours, how many messages a person gets in an hour, and whose heads answer for the city."""
    async with service.db.read() as tx:
        return await views.limits(tx, language_of(accept_language))


@router.get("/limits/history", dependencies=[Depends(require(READ_MESSAGE_RULES))])
async def read_history_of_limits(
    service: Running, limit: Limit = 100, cursor: str | None = None
) -> Page[LimitsChange]:
    """Every change of the limits, newest first."""
    async with service.db.read() as tx:
        return await views.history_of_limits(tx, cursor=cursor, limit=limit)


@router.put("/limits", openapi_extra=described(LIMITS_IN))
async def set_limits(
    request: Request, who: Officer, service: Running, accept_language: AcceptLanguage = None
) -> LimitsOut:
    """Change the limits, as a whole. 409 where another version is in force than `version`."""
    given = await read(request, LIMITS_IN)
    limits = Limits.model_validate(given.model_dump(include=set(Limits.model_fields)))
    async with service.db.transaction() as tx:
        await commands.put_limits(tx, _act(who, service, given), limits)
        return await views.limits(tx, language_of(accept_language))


@router.post("/limits/shipped", openapi_extra=described(BACK))
async def reset_limits(
    request: Request, who: Officer, service: Running, accept_language: AcceptLanguage = None
) -> LimitsOut:
    """Have the shipped limits hold again."""
    given = await read(request, BACK)
    async with service.db.transaction() as tx:
        await commands.back(tx, _act(who, service, given), LIMITS)
        return await views.limits(tx, language_of(accept_language))


@router.get("/{message_kind}/history", dependencies=[Depends(require(READ_MESSAGE_RULES))])
async def read_history(
    message_kind: Kind, service: Running, limit: Limit = 100, cursor: str | None = None
) -> Page[RuleChange]:
    """Every change of the rule of a kind, newest first."""
    async with service.db.read() as tx:
        return await views.history(tx, message_kind, cursor=cursor, limit=limit)


@router.put("/{message_kind}", openapi_extra=described(RULE))
async def set_rule(
    message_kind: Kind, request: Request, who: Officer, service: Running, accept_language: AcceptLanguage = None
) -> RuleOut:
    """Change the rule of a kind, as a whole; it holds for what is told from now on. 409 where another version is
    in force than `version`."""
    given = await read(request, RULE)
    rule = Rule.model_validate(given.model_dump(include=set(Rule.model_fields)))
    async with service.db.transaction() as tx:
        await commands.put(tx, _act(who, service, given), message_kind, rule)
        return await views.of_kind(tx, message_kind, language_of(accept_language))


@router.post("/{message_kind}/shipped", openapi_extra=described(BACK))
async def reset_rule(
    message_kind: Kind, request: Request, who: Officer, service: Running, accept_language: AcceptLanguage = None
) -> RuleOut:
    """Have the shipped rule of a kind hold again."""
    given = await read(request, BACK)
    async with service.db.transaction() as tx:
        await commands.back(tx, _act(who, service, given), message_kind)
        return await views.of_kind(tx, message_kind, language_of(accept_language))
