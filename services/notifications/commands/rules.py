"""BKPSDM changes who is told of what."""

import datetime as dt
import json
from typing import NamedTuple

from pydantic import BaseModel

from services.notifications.domain.kinds import Kind
from services.notifications.domain.rules import LIMITS, Limits, Named, Rule, check, check_limits, shipped
from services.notifications.store import rules as store
from services.notifications.store.rules import Version
from shared import audit
from shared.access import Principal, employee_of
from shared.database import Tx
from shared.refusals import Conflict, FieldError


class Act(NamedTuple):
    """Who changes a rule, when, why, and which version they have seen."""

    who: Principal
    at: dt.datetime
    version: int
    reason: str


async def put(tx: Tx, act: Act, kind: Kind, rule: Rule) -> None:
    """Have a rule hold from now on. Raises Invalid for one that makes no sense, Conflict where another version is
    in force than was seen. What holds already is no change: so a change may be sent again."""
    check(kind, rule)
    known = await store.in_force(tx, kind)
    held = store.rule_of(known.content) if known and known.content else shipped().kinds[kind]
    if held != rule or not _seen(act, known):
        await _add(tx, act, kind, known, rule)


async def put_limits(tx: Tx, act: Act, limits: Limits) -> None:
    """The same for the limits."""
    check_limits(limits)
    known = await store.in_force(tx, LIMITS)
    held = store.limits_of(known.content) if known and known.content else shipped().limits
    if held != limits or not _seen(act, known):
        await _add(tx, act, LIMITS, known, limits)


async def back(tx: Tx, act: Act, kind: Named) -> None:
    """Have what is shipped hold again, and what will be shipped later. Raises Conflict."""
    known = await store.in_force(tx, kind)
    changed = known is not None and known.content is not None
    if changed or not _seen(act, known):
        await _add(tx, act, kind, known, None)


def _seen(act: Act, known: Version | None) -> bool:
    """Whether the officer has seen the version in force, or the one that it replaced."""
    version = known.version if known else 0
    return act.version in {version, version - 1}


async def _add(tx: Tx, act: Act, kind: Named, known: Version | None, content: BaseModel | None) -> None:
    version, before = (known.version, known.content) if known else (0, None)
    if act.version != version:
        errors = [FieldError("version", "message_rule.changed", {"version": version})]
        raise Conflict("message_rule.changed", params={"version": version}, errors=errors)
    written = content.model_dump_json() if content else None
    await store.add(tx, Version(kind, version + 1, written, employee_of(act.who), act.at, act.reason))
    await audit.add(
        tx,
        act.at,
        act.who,
        "message_rule.shipped" if content is None else "message_rule.set",
        subject="limits" if kind == LIMITS else kind,
        reason=act.reason,
        detail={
            "version": version + 1,
            "before": json.loads(before) if before else None,
            "after": json.loads(written) if written else None,
        },
    )
