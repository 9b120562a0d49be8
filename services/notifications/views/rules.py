"""The rules in force, beside those that are shipped."""

import datetime as dt
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.kinds import KINDS, Kind, ToldKind
from services.notifications.domain.rules import (
    LIMITS,
    Limits,
    Named,
    Recipient,
    Rule,
    Setting,
    recipients_of,
    settings_of,
    shipped,
)
from services.notifications.store import rules as store
from services.notifications.store.rules import Version, limits_of, rule_of
from shared.cursors import Page, cut, read_cursor
from shared.database import Tx
from shared.messages import Language, text


class InForce(BaseModel):
    """Which version holds, and since when. Version 0 is what is shipped."""

    version: int
    changed_by: UUID | None
    changed_at: dt.datetime | None
    reason: str | None


class RuleOut(InForce):
    """A kind of message and its rule. `recipients` and `settings`: what can be chosen for it."""

    kind: ToldKind
    title: str
    rule: Rule
    shipped: Rule
    is_shipped: bool
    """Whether what is shipped holds."""
    recipients: list[Recipient]
    settings: list[Setting]


class LimitsOut(InForce):
    """The limits. `warnings`: what will not work as they are, in words."""

    limits: Limits
    shipped: Limits
    is_shipped: bool
    warnings: list[str]


class RuleChange(InForce):
    """One version of a rule. `rule` null: what is shipped held again."""

    rule: Rule | None


class LimitsChange(InForce):
    """One version of the limits. `limits` null: what is shipped held again."""

    limits: Limits | None


def _in_force(row: Version | None) -> dict[str, object]:
    if row is None:
        return {"version": 0, "changed_by": None, "changed_at": None, "reason": None}
    return {name: getattr(row, name) for name in InForce.model_fields}


async def listed(tx: Tx, language: Language) -> list[RuleOut]:
    """The rule of each kind."""
    newest = await store.newest(tx)
    return [_rule(kind, newest.get(kind), language) for kind in KINDS]


async def of_kind(tx: Tx, kind: Kind, language: Language) -> RuleOut:
    """The rule of one kind."""
    return _rule(kind, (await store.newest(tx)).get(kind), language)


def _rule(kind: Kind, row: Version | None, language: Language) -> RuleOut:
    ours = shipped().kinds[kind]
    rule = rule_of(row.content) if row and row.content else ours
    return RuleOut.model_validate(
        {
            **_in_force(row),
            "kind": kind,
            "title": text(f"notification.kind.{kind}", language),
            "rule": rule,
            "shipped": ours,
            "is_shipped": rule == ours,
            "recipients": recipients_of(kind),
            "settings": settings_of(kind),
        }
    )


async def limits(tx: Tx, language: Language) -> LimitsOut:
    """The limits in force."""
    row = (await store.newest(tx)).get(LIMITS)
    ours = shipped().limits
    held = limits_of(row.content) if row and row.content else ours
    warnings: list[str] = []
    if not await store.heads_an_opd(tx, held.city_opd):
        warnings.append(text("message_rule.nobody", language, opd=held.city_opd))
    return LimitsOut.model_validate(
        {**_in_force(row), "limits": held, "shipped": ours, "is_shipped": held == ours, "warnings": warnings}
    )


async def history(tx: Tx, kind: Kind, *, cursor: str | None, limit: int) -> Page[RuleChange]:
    """Every version of the rule of a kind, newest first."""
    page = await _page(tx, kind, cursor, limit)
    changes = [
        RuleChange.model_validate({**_in_force(row), "rule": rule_of(row.content) if row.content else None})
        for row in page.items
    ]
    return Page(items=changes, next=page.next)


async def history_of_limits(tx: Tx, *, cursor: str | None, limit: int) -> Page[LimitsChange]:
    """Every version of the limits, newest first."""
    page = await _page(tx, LIMITS, cursor, limit)
    changes = [
        LimitsChange.model_validate({**_in_force(row), "limits": limits_of(row.content) if row.content else None})
        for row in page.items
    ]
    return Page(items=changes, next=page.next)


async def _page(tx: Tx, kind: Named, cursor: str | None, limit: int) -> Page[Version]:
    (before,) = read_cursor(cursor, int) if cursor else (2**62,)
    rows = await store.history(tx, kind, before=before, limit=limit + 1)
    return cut(rows, limit, lambda row: [row.version])
