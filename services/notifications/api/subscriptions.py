"""Officers' doors to subscriptions: which other systems and offices hear of what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, TypeAdapter

from services.notifications.commands import followed, subscriptions
from services.notifications.commands.subscriptions import Act
from services.notifications.domain import Exact
from services.notifications.domain.subscriptions import FollowedGiven, SubscriptionGiven, SubscriptionTerms
from services.notifications.views import subscriptions as views
from services.notifications.views.subscriptions import FollowedOut, SentOut, SubscriptionMade, SubscriptionOut
from shared import feed
from shared.access import MANAGE_SUBSCRIPTIONS, READ_SUBSCRIPTIONS, Principal
from shared.auth import require
from shared.bodies import described, read
from shared.bus import client_arguments
from shared.cursors import Limit, Page, cut, read_cursor, read_id_cursor
from shared.message_key import MessageKey
from shared.personal import Reason
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1", tags=["subscriptions"])
Running = Annotated[Service, Depends(service_of)]
Manager = Annotated[Principal, Depends(require(MANAGE_SUBSCRIPTIONS))]
READERS = [Depends(require(READ_SUBSCRIPTIONS))]


class SubscriptionIn(SubscriptionGiven):
    """The whole subscription, and why."""

    reason: Reason


class TermsIn(SubscriptionTerms):
    """All of it as it shall be, and why."""

    reason: Reason


class WhyIn(Exact):
    """Why it is done."""

    reason: Reason


class SecretIn(WhyIn):
    """`secret_id` is the caller's choice, so that asking again makes no other secret."""

    secret_id: UUID


class FollowedIn(FollowedGiven):
    """All topics that it follows, and why."""

    reason: Reason


class TrialIn(WhyIn):
    """`trial_id` is the `webhook-id` of the test message."""

    trial_id: UUID


class TrialOut(BaseModel):
    """What became of a test message: `delivered`, `refused`, `later` (it was not handed over), `unknown`."""

    became: str
    error: str | None


NEW, TERMS, WHY = TypeAdapter(SubscriptionIn), TypeAdapter(TermsIn), TypeAdapter(WhyIn)
SECRET, TRIAL, TOPICS_FOLLOWED = TypeAdapter(SecretIn), TypeAdapter(TrialIn), TypeAdapter(FollowedIn)


@router.post(
    "/subscriptions",
    status_code=201,
    responses={200: {"model": SubscriptionMade, "description": "It was there already, as asked for"}},
    openapi_extra=described(NEW),
)
async def add(request: Request, response: Response, who: Manager, service: Running) -> SubscriptionMade:
    """Add a receiver of webhooks, or an e-mail address of an office.

    The answer shows the secret of a webhook's receiver, once. An address is looked up now and at each sending:
    each machine that it leads to has to be public, or in a network that the administrator allows. An e-mail
    address hears nothing before its reader has confirmed it.
    """
    body = await read(request, NEW)
    body = await subscriptions.reachable(service.settings, body.way, body)
    act, key = Act(who, service.clock.now(), body.reason), _key(service)
    async with service.db.transaction() as tx:
        subscription, secret = await subscriptions.add(tx, act, body, key)
        made = await views.made(tx, subscription, secret)
    response.status_code = 201 if secret or body.way == "email" else 200
    return made


@router.get("/subscriptions", dependencies=READERS)
async def listed(service: Running, limit: Limit = 1000, cursor: str | None = None) -> Page[SubscriptionOut]:
    """Who outside hears of what, by id."""
    async with service.db.read() as tx:
        found = await views.listed(tx, after=read_id_cursor(cursor), limit=limit + 1)
    return cut(found, limit, lambda one: [one.subscription_id])


@router.get("/subscriptions/{subscription_id}", dependencies=READERS)
async def one(subscription_id: UUID, service: Running) -> SubscriptionOut:
    """A subscription."""
    async with service.db.read() as tx:
        return await views.found(tx, subscription_id)


@router.put("/subscriptions/{subscription_id}", openapi_extra=described(TERMS))
async def alter(subscription_id: UUID, request: Request, who: Manager, service: Running) -> SubscriptionOut:
    """Give a subscription other terms, as a whole; its secrets stay. A new e-mail address is confirmed anew."""
    body = await read(request, TERMS)
    async with service.db.read() as tx:
        way = (await views.found(tx, subscription_id)).way
    body = await subscriptions.reachable(service.settings, way, body)
    act = Act(who, service.clock.now(), body.reason)
    async with service.db.transaction() as tx:
        return await views.one(tx, await subscriptions.alter(tx, act, subscription_id, body))


@router.post("/subscriptions/{subscription_id}/start", openapi_extra=described(WHY))
async def start(subscription_id: UUID, request: Request, who: Manager, service: Running) -> SubscriptionOut:
    """Send again from now on, after it was stopped or its receiver was gone; what came meanwhile is not sent."""
    act = Act(who, service.clock.now(), (await read(request, WHY)).reason)
    async with service.db.transaction() as tx:
        return await views.one(tx, await subscriptions.start(tx, act, subscription_id))


@router.post("/subscriptions/{subscription_id}/stop", openapi_extra=described(WHY))
async def stop(subscription_id: UUID, request: Request, who: Manager, service: Running) -> SubscriptionOut:
    """Send nothing more until it is started again."""
    act = Act(who, service.clock.now(), (await read(request, WHY)).reason)
    async with service.db.transaction() as tx:
        return await views.one(tx, await subscriptions.stop(tx, act, subscription_id))


@router.post("/subscriptions/{subscription_id}/removal", openapi_extra=described(WHY))
async def remove(subscription_id: UUID, request: Request, who: Manager, service: Running) -> SubscriptionOut:
    """End a subscription for good; what still waits for it is not sent."""
    act = Act(who, service.clock.now(), (await read(request, WHY)).reason)
    async with service.db.transaction() as tx:
        return await views.one(tx, await subscriptions.remove(tx, act, subscription_id))


@router.post(
    "/subscriptions/{subscription_id}/secrets",
    status_code=201,
    responses={200: {"model": SubscriptionMade, "description": "It was made before, and is not shown again"}},
    openapi_extra=described(SECRET),
)
async def make_secret(
    subscription_id: UUID, request: Request, response: Response, who: Manager, service: Running
) -> SubscriptionMade:
    """Another secret, shown this once: from now on everything is signed by both, until the old one is retired."""
    body = await read(request, SECRET)
    act, key = Act(who, service.clock.now(), body.reason), _key(service)
    async with service.db.transaction() as tx:
        subscription, secret = await subscriptions.make_secret(tx, act, subscription_id, body.secret_id, key)
        made = await views.made(tx, subscription, secret)
    response.status_code = 201 if secret else 200
    return made


@router.post("/subscriptions/{subscription_id}/secrets/{secret_id}/retirement", openapi_extra=described(WHY))
async def retire_secret(
    subscription_id: UUID, secret_id: UUID, request: Request, who: Manager, service: Running
) -> SubscriptionOut:
    """Sign nothing more by a secret, once its receiver knows the other one."""
    act = Act(who, service.clock.now(), (await read(request, WHY)).reason)
    async with service.db.transaction() as tx:
        return await views.one(tx, await subscriptions.retire_secret(tx, act, subscription_id, secret_id))


@router.post("/subscriptions/{subscription_id}/trials", openapi_extra=described(TRIAL))
async def trial(subscription_id: UUID, request: Request, who: Manager, service: Running) -> TrialOut:
    """Send a webhook of type `test` at once, also to one that is stopped, and say what became of it."""
    body = await read(request, TRIAL)
    now = service.clock.now()
    async with service.db.read() as tx:
        receiver = await subscriptions.tried_at(tx, subscription_id)
    outcome = await subscriptions.try_out(service.settings, receiver, body.trial_id, now)
    async with service.db.transaction() as tx:
        await subscriptions.tried(tx, Act(who, now, body.reason), subscription_id, outcome.became)
    return TrialOut(became=outcome.became, error=outcome.error)


@router.get("/subscriptions/{subscription_id}/deliveries", dependencies=READERS)
async def sent(
    subscription_id: UUID, service: Running, limit: Limit = 100, cursor: str | None = None
) -> Page[SentOut]:
    """What a subscription was sent, and what waits for it, the latest first."""
    before = int(read_cursor(cursor, int)[0]) if cursor else 2**62
    async with service.db.read() as tx:
        await views.found(tx, subscription_id)
        rows = await views.sent(tx, subscription_id, before=before, limit=limit + 1)
    page = cut(rows, limit, lambda row: [row.place])
    return Page(items=[SentOut.model_validate(row) for row in page.items], next=page.next)


@router.get("/subscriptions/{subscription_id}/topics", dependencies=READERS)
async def followed_topics(subscription_id: UUID, service: Running) -> Page[FollowedOut]:
    """The topics that a webhook follows, and whether it keeps up."""
    async with service.db.read() as tx:
        await views.found(tx, subscription_id)
        return Page(items=await views.followed(tx, subscription_id))


@router.put("/subscriptions/{subscription_id}/topics", openapi_extra=described(TOPICS_FOLLOWED))
async def follow(subscription_id: UUID, request: Request, who: Manager, service: Running) -> Page[FollowedOut]:
    """Send a webhook every event of these topics, and of no other: as CloudEvents, many in one request.

    Each batch is sent until the receiver takes it, the next one after it. Topics with employees' ids are followed
    in the name of BKPSDM; the directory by nobody. Messages of kinds go their own way (`webhook-id` of each).
    """
    body = await read(request, TOPICS_FOLLOWED)
    act = Act(who, service.clock.now(), body.reason)
    followed.check(act, body)
    async with service.db.read() as tx:
        await views.found(tx, subscription_id)
        new = await followed.new_ones(tx, subscription_id, body.topics)
    client = {**client_arguments(service.settings), "client_id": "hadir-followed"}
    starts = await feed.starts(client, new, from_start=body.from_start)
    async with service.db.transaction() as tx:
        await followed.follow(tx, act, subscription_id, body, starts)
        return Page(items=await views.followed(tx, subscription_id))


def _key(service: Service) -> MessageKey | None:
    file = service.settings.message_key_file
    return MessageKey.from_file(file) if file else None
