"""Rules as officers changed them."""

import datetime as dt
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import KINDS
from services.notifications.domain.rules import LIMITS, Limits, Named, Rule, Rules, shipped
from shared.database import Tx


class Version(NamedTuple):
    """One version. `content` is JSON; null where what is shipped holds again."""

    kind: str
    version: int
    content: str | None
    changed_by: UUID
    changed_at: dt.datetime
    reason: str


@lru_cache(1024)
def rule_of(content: str) -> Rule:
    """A rule as it is kept."""
    return Rule.model_validate_json(content)


@lru_cache(64)
def limits_of(content: str) -> Limits:
    """Limits as they are kept."""
    return Limits.model_validate_json(content)


async def newest(tx: Tx) -> dict[str, Version]:
    """The version in force of each rule that was ever changed, by kind; the limits under `*`."""
    rows = await tx.connection.fetch(
        """
        select distinct on (kind) kind, version, content::text, changed_by, changed_at, reason
        from rule order by kind, version desc
        """
    )
    return {row["kind"]: Version(**row) for row in rows}


async def current(tx: Tx) -> Rules:
    """All rules as they are in force: one small query, and nothing is read twice of the same content."""
    changed = {kind: one.content for kind, one in (await newest(tx)).items() if one.content is not None}
    if not changed:
        return shipped()
    limits = changed.get(LIMITS)
    kinds = dict(shipped().kinds)
    kinds.update({kind: rule_of(changed[kind]) for kind in KINDS if kind in changed})
    return Rules.model_construct(limits=limits_of(limits) if limits else shipped().limits, kinds=kinds)


async def history(tx: Tx, kind: Named, *, before: int, limit: int) -> list[Version]:
    """The versions of one rule below `before`, newest first."""
    rows = await tx.connection.fetch(
        """
        select kind, version, content::text, changed_by, changed_at, reason from rule
        where kind = $1 and version < $2 order by version desc limit $3
        """,
        kind,
        before,
        limit,
    )
    return [Version(**row) for row in rows]


async def in_force(tx: Tx, kind: Named) -> Version | None:
    """The newest version of one rule, and nobody else may add one before this transaction is over."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtext('rule ' || $1))", kind)
    newest_first = await history(tx, kind, before=2**62, limit=1)
    return next(iter(newest_first), None)


async def add(tx: Tx, version: Version) -> None:
    """One more version."""
    await tx.connection.execute(
        """
        insert into rule (kind, version, content, changed_by, changed_at, reason)
        values ($1, $2, $3::text::jsonb, $4, $5, $6)
        """,
        *version,
    )


async def heads_an_opd(tx: Tx, opd_code: str) -> bool:
    """Whether anybody heads that OPD."""
    return await tx.connection.fetchval(
        "select exists (select from recipient where active and heads ? $1)", opd_code
    )
