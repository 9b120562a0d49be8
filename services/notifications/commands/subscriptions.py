"""Who outside hears of what, as officers decide; every decision is in the audit."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import PydanticCustomError
from yarl import URL

from services.notifications.channels import Outcome, calling, webhook
from services.notifications.domain import subscriptions as domain
from services.notifications.domain import webhooks
from services.notifications.domain.subscriptions import WAYS_OUT, SubscriptionGiven, SubscriptionTerms
from services.notifications.store import rules
from services.notifications.store import subscriptions as store
from services.notifications.store.tables import Subscription, WebhookSecret
from shared import audit
from shared.access import Principal, employee_of
from shared.database import Tx
from shared.message_key import MessageKey
from shared.refusals import Conflict, FieldError, Invalid, Missing, or_missing
from shared.settings import Settings

Terms = TypeVar("Terms", bound=SubscriptionTerms)


@dataclass(frozen=True, slots=True)
class Act:
    """An officer doing something at a business time, for a reason."""

    who: Principal
    now: dt.datetime
    reason: str


async def reachable(settings: Settings, way: WAYS_OUT, terms: Terms) -> Terms:
    """Terms with their address in its one spelling, once it is known to lead where it may.

    Raises Invalid that names the field.
    """

    def wrong(code: str, params: Mapping[str, Any] | None = None) -> Invalid:
        return Invalid("validation", errors=[FieldError("address", code, params or {})])

    guard = webhook.guard_of(settings)
    try:
        address = domain.address_of(way, terms.address, guard)
        if way == "webhook":
            url = URL(address, encoded=True)
            await calling.judged(guard, calling.system_lookup, url.raw_host or "", url.port or 0)
    except PydanticCustomError as error:
        raise wrong(error.type, error.context) from error
    except calling.NotAdmitted as error:
        raise wrong("receiver.private") from error
    except (OSError, UnicodeError) as error:
        raise wrong("receiver.unknown") from error
    return terms.model_copy(update={"address": address})


async def add(
    tx: Tx, act: Act, given: SubscriptionGiven, key: MessageKey | None
) -> tuple[Subscription, str | None]:
    """Add a subscription; it, and the secret of a webhook's receiver where it is new. Raises Refused.

    Its address is as `reachable` spells it. An e-mail address hears nothing until its reader has confirmed it.
    """
    if given.way == "webhook" and key is None:
        raise Conflict("subscription.off")
    known = await store.lock(tx, given.subscription_id)
    if known is not None:
        if known.way != given.way or not _same(known, given):
            raise Conflict("subscription.other")
        return known, None
    if await store.secret(tx, given.subscription_id) is not None:  # of one that was removed
        raise Conflict("subscription.other")
    await _check(tx, given)
    if await store.count(tx) >= domain.MOST:
        raise Conflict("subscription.too_many", params={"most": domain.MOST})
    subscription = Subscription(
        subscription_id=given.subscription_id,
        way=given.way,
        active=given.way == "webhook",
        created_by=employee_of(act.who),
        created_at=act.now,
        **_kept(given),
    )
    await store.put(tx, subscription)
    await note(tx, act, "added", subscription, way=given.way, **_kept(given))
    if given.way == "email" or key is None:
        return subscription, None
    return subscription, await _new_secret(tx, act, subscription, given.subscription_id, key)


async def alter(tx: Tx, act: Act, subscription_id: UUID, terms: SubscriptionTerms) -> Subscription:
    """Give a subscription other terms; the address is as `reachable` spells it. A new e-mail address has to be
    confirmed anew. Raises Refused."""
    subscription = await own(tx, subscription_id)
    await _check(tx, terms)
    if subscription.way == "email" and terms.address != subscription.address:
        subscription.active, subscription.confirmed_at = False, None
    kept = _kept(terms)
    for name, value in kept.items():
        setattr(subscription, name, value)
    await store.put(tx, subscription)
    await note(tx, act, "altered", subscription, **kept)
    return subscription


async def start(tx: Tx, act: Act, subscription_id: UUID) -> Subscription:
    """Send again from now on; what came meanwhile is not sent. Raises Refused."""
    subscription = await own(tx, subscription_id)
    if subscription.way == "email" and subscription.confirmed_at is None:
        raise Conflict("subscription.unconfirmed")
    if not subscription.active:
        subscription.active, subscription.gone = True, False
        await store.put(tx, subscription)
        await note(tx, act, "started", subscription)
    return subscription


async def stop(tx: Tx, act: Act, subscription_id: UUID) -> Subscription:
    """Send nothing more until it is started. Raises Missing."""
    subscription = await own(tx, subscription_id)
    if subscription.active:
        subscription.active = False
        await store.put(tx, subscription)
        await note(tx, act, "stopped", subscription)
    return subscription


async def remove(tx: Tx, act: Act, subscription_id: UUID) -> Subscription:
    """End a subscription for good; what still waits for it is dropped. Raises Missing."""
    subscription = await own(tx, subscription_id)
    await store.remove(tx, subscription, act.now)
    await note(tx, act, "removed", subscription, way=subscription.way, address=subscription.address)
    return subscription


async def make_secret(
    tx: Tx, act: Act, subscription_id: UUID, secret_id: UUID, key: MessageKey | None
) -> tuple[Subscription, str | None]:
    """Another secret, by which everything is signed too from now on; None where it was shown before.

    Raises Refused, so where two are in use: one has to be retired first.
    """
    subscription = await own(tx, subscription_id)
    if subscription.way != "webhook" or key is None:
        raise Conflict("subscription.no_secrets" if subscription.way != "webhook" else "subscription.off")
    known = await store.secret(tx, secret_id)
    if known is not None:
        if known.subscription_id != subscription_id:
            raise Conflict("subscription.other")
        return subscription, None
    if len(await store.secrets(tx, [subscription_id])) >= webhooks.SECRETS:
        raise Conflict("subscription.secrets")
    return subscription, await _new_secret(tx, act, subscription, secret_id, key)


async def retire_secret(tx: Tx, act: Act, subscription_id: UUID, secret_id: UUID) -> Subscription:
    """Sign nothing more by a secret. Raises Refused, so for the only one."""
    subscription = await own(tx, subscription_id)
    known = await store.secret(tx, secret_id)
    if known is None or known.subscription_id != subscription_id:
        raise Missing("subscription.no_secret")
    if known.retired_at is None:
        if len(await store.secrets(tx, [subscription_id])) == 1:
            raise Conflict("subscription.last_secret")
        known.retired_at = act.now
        await store.put_secret(tx, known)
        await note(tx, act, "secret_retired", subscription, secret_id=secret_id)
    return subscription


async def tried_at(tx: Tx, subscription_id: UUID) -> store.Receiver:
    """The receiver of a subscription, also of one that is stopped. Raises Refused."""
    found = or_missing(await store.find(tx, subscription_id), "subscription.not_found")
    if found.way != "webhook":
        raise Conflict("subscription.no_trial")
    (receiver,) = await store.receivers(tx, [subscription_id], stopped=True)
    return receiver


async def try_out(settings: Settings, receiver: store.Receiver, trial_id: UUID, now: dt.datetime) -> Outcome:
    """Send a message of type `test` at once. Raises Conflict where no webhook is sent from here."""
    channel = webhook.opened(settings)
    if channel is None:
        raise Conflict("subscription.off")
    try:
        return await channel.try_out(receiver, trial_id, now)
    finally:
        await channel.close()


async def tried(tx: Tx, act: Act, subscription_id: UUID, became: str) -> None:
    """Note that an officer sent a test message, and what became of it. Raises Missing."""
    await note(tx, act, "tried", await own(tx, subscription_id), became=became)


async def own(tx: Tx, subscription_id: UUID) -> Subscription:
    """The subscription, held until the transaction ends. Raises Missing."""
    subscription = await store.lock(tx, subscription_id)
    if subscription is None:
        raise Missing("subscription.not_found")
    return subscription


def _kept(terms: SubscriptionTerms) -> dict[str, Any]:
    return terms.model_dump(include=set(SubscriptionTerms.model_fields))


def _same(known: Subscription, given: SubscriptionGiven) -> bool:
    return all(getattr(known, name) == value for name, value in _kept(given).items())


async def _check(tx: Tx, terms: SubscriptionTerms) -> None:
    """Raises Invalid for kinds that no subscriber is told, and for OPDs that nobody knows."""
    errors: list[FieldError] = []
    told = domain.kinds_outside(await rules.current(tx))
    for place, kind in enumerate(terms.kinds):
        if kind not in told:
            params = {"kinds": ", ".join(sorted(told))}
            errors.append(FieldError(f"kinds.{place}", "subscription.kind", params))
    if terms.opd_codes is not None:
        missing = domain.unknown(terms.opd_codes, await store.opds(tx, terms.opd_codes))
        for code in missing:
            errors.append(FieldError(f"opd_codes.{terms.opd_codes.index(code)}", "subscription.opd"))
    if errors:
        raise Invalid("validation", errors=errors)


async def _new_secret(tx: Tx, act: Act, subscription: Subscription, secret_id: UUID, key: MessageKey) -> str:
    subscription_id = subscription.subscription_id
    made = WebhookSecret(
        secret_id=secret_id,
        subscription_id=subscription_id,
        created_by=employee_of(act.who),
        created_at=act.now,
    )
    await store.put_secret(tx, made)
    await note(tx, act, "secret_made", subscription, secret_id=secret_id)
    return webhooks.written(key.secret(webhooks.name_of(subscription_id, secret_id)))


async def note(tx: Tx, act: Act, verb: str, subscription: Subscription, **detail: object) -> None:
    """Note in the audit what an officer did to a subscription."""
    action, subject = f"subscription.{verb}", subscription.subscription_id
    await audit.add(tx, act.now, act.who, action, subject=subject, reason=act.reason, detail=detail)
