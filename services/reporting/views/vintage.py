"""Of which facts a figure is made: what makes it possible to have it again."""

import datetime as dt

from pydantic import BaseModel

from services.reporting.domain.periods import Period
from services.reporting.store import vintage as store
from shared.database import Tx


class Vintage(BaseModel):
    """The facts of a period as of an instant, and which rules and policies held in it.

    `facts_digest`: SHA-256 as hexadecimal text over the events that the period's facts are from; the same facts
    have the same digest, whatever else is known (docs/proof.md#vintage). `last_fact_at`: the newest check-in,
    report or review among them.
    """

    as_of: dt.datetime
    facts_digest: str
    rules_versions: list[str]
    policy_versions: list[str]
    last_fact_at: dt.datetime | None


async def of_period(tx: Tx, period: Period, as_of: dt.datetime) -> Vintage:
    """The vintage of a period's figures. Best in the snapshot that they are made in."""
    facts = await store.of_period(tx, period, as_of)
    return Vintage(
        as_of=as_of,
        facts_digest=facts.digest,
        rules_versions=facts.rules_versions,
        policy_versions=facts.policy_versions,
        last_fact_at=facts.last_fact_at,
    )
