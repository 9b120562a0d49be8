"""What there is to tell of counters beside that they are short: that they will be, who could help, budgets."""

import datetime as dt
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.notifications.commands import telling
from services.notifications.domain import alerts, news
from services.notifications.domain.kinds import Kind
from services.notifications.domain.telling import Telling
from services.notifications.store import counters as store
from services.notifications.store import rules, substitutes
from services.notifications.store.counters import BudgetAlert, Foreseen
from shared.database import Tx
from shared.events import CoverageBudget
from shared.projections import Fold


async def foreseen(tx: Tx, now: dt.datetime) -> list[Telling]:
    """The shortages that are to be told by now; noted as told. Where an alert stands already, there is nothing to
    say; and what has begun is an alert's.

    A rule may ask for fewer minutes than forecasts look ahead: then time brings it.
    """
    await store.settle(tx)
    waiting = await store.untold(tx, now, now - news.FRESH)
    if not waiting:
        return []
    rule = (await rules.current(tx)).kinds["counter.soon"]
    due = [one for one in waiting if alerts.is_due(one.starts_at, now, rule.minutes)]
    await store.set_told(tx, due)
    return [_soon(one) for one in due]


async def tell_foreseen(tx: Tx, now: dt.datetime) -> Tally[Kind]:
    """Tell what time alone has made due; the new messages by kind."""
    tellings = await foreseen(tx, now)
    return await telling.tell(tx, await propose(tx, tellings, now), now)


async def budgets(tx: Tx, fold: Fold, now: dt.datetime) -> list[Telling]:
    """What a batch says of budgets: one message for a unit and window when it burns or is spent, and its end."""
    tellings: list[Telling] = []
    noted: dict[tuple[str, str], BudgetAlert] = {}
    for event, received, before in fold.news(CoverageBudget):
        key = (event.unit_id, event.window)
        told: UUID | None = noted[key].told if key in noted else before["told"] if before else None
        burns, fresh = event.status != "recovered", news.is_fresh(received.time, now)
        if fresh and burns and told is None:
            tellings.append(_budget("budget.burning", event, received.id))
        elif fresh and not burns and told is not None:
            tellings.append(replace(_budget("budget.recovered", event, received.id), takes_back=told))
        told = (told or (received.id if fresh else None)) if burns else None
        noted[key] = BudgetAlert(*key, received.id, told)
    await store.set_budgets(tx, noted.values())
    return tellings


async def propose(tx: Tx, tellings: Sequence[Telling], now: dt.datetime) -> list[Telling]:
    """The same, and with each counter that is short, or will be, who could help there."""
    return [await _proposing(tx, one, now) for one in tellings]


async def _proposing(tx: Tx, one: Telling, now: dt.datetime) -> Telling:
    if one.unit_id is None or one.kind not in ("counter.soon", "counter.short"):
        return one
    at = dt.datetime.fromisoformat(one.params["at"]) if one.kind == "counter.soon" else now
    found = await substitutes.ranked(tx, one.unit_id, at, called_since=now - alerts.RECENT, limit=alerts.PROPOSED)
    return replace(one, params={**one.params, "substitutes": [str(who.employee_id) for who in found]})


def _soon(one: Foreseen) -> Telling:
    params = {
        "required": one.required,
        "expected": one.expected,
        "at": one.starts_at.isoformat(),
        "until": one.ends_at.isoformat() if one.ends_at else None,
        "as_of": one.as_of.isoformat(),
    }
    return Telling("counter.soon", one.cause, params, one.unit_id, unit_id=one.unit_id, opd_codes=(one.opd_code,))


def _budget(kind: Kind, event: CoverageBudget, cause: UUID) -> Telling:
    params = {
        "window": event.window,
        "burn_rate": event.burn_rate,
        "spent_minutes": event.spent_minutes,
        "budget_minutes": event.budget_minutes,
        "as_of": event.as_of.isoformat(),
    }
    return Telling(kind, cause, params, event.unit_id, unit_id=event.unit_id, opd_codes=(event.opd_code,))
