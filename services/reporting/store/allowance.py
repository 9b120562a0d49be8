"""The SQL of the versions of the allowance's rates."""

import json
from decimal import Decimal

import asyncpg

from services.reporting.domain.allowance import Rate, Rates
from shared.database import Tx

_COLUMNS = "rates_version, effective_from, rates"


def _rates(row: asyncpg.Record) -> Rates:
    rates = tuple(Rate(one["kind"], one["from_minutes"], Decimal(one["rate"])) for one in row["rates"])
    return Rates(row["rates_version"], row["effective_from"], rates)


async def versions(tx: Tx) -> list[Rates]:
    """Every version, the newest first."""
    rows = await tx.connection.fetch(
        f"select {_COLUMNS} from allowance_rates "  # noqa: S608 - a constant
        'order by effective_from desc, rates_version collate "C" desc'
    )
    return [_rates(row) for row in rows]


async def lock(tx: Tx) -> None:
    """One version at a time; whoever reads goes on."""
    await tx.connection.execute("lock table allowance_rates in share row exclusive mode")


async def save(tx: Tx, rates: Rates) -> None:
    """Keep a version that is not there yet. A rate is kept as text: as many decimals as it has."""
    listed = [{**rate._asdict(), "rate": str(rate.rate)} for rate in rates.rates]
    await tx.connection.execute(
        f"insert into allowance_rates ({_COLUMNS}) values ($1, $2, $3::jsonb)",  # noqa: S608 - a constant
        rates.rates_version,
        rates.effective_from,
        json.dumps(listed),
    )
