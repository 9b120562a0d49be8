"""The rates of the allowance, and what they would leave of it in a month."""

import datetime as dt
from collections.abc import Sequence

from pydantic import BaseModel

from services.reporting.domain.allowance import Rate, RateKind, Rates, deductions, share
from services.reporting.domain.monthly import PersonMonth
from services.reporting.store import allowance as store
from shared.database import Tx


class RateView(BaseModel):
    """What one occurrence takes of the allowance, 0 to 1; `from_minutes` where a band of late or early begins."""

    kind: RateKind
    from_minutes: int | None
    rate: float


class RatesView(BaseModel):
    """One version of the rates: it holds for months from the first that begins at `effective_from` or later."""

    rates_version: str
    effective_from: dt.date
    rates: list[RateView]


class GivenRates(RatesView):
    """A version as it was given: `created` is false where it had been given before, or in a dry run."""

    created: bool
    dry_run: bool


class DeductionView(RateView):
    """A rate that the month met with: `times` in days or reports, and the `share` of the allowance in sum."""

    times: int
    share: float


class Allowance(BaseModel):
    """What the rates would leave of the allowance: `share` from 0 to 1 of a base that is not known here."""

    rates_version: str
    share: float
    deductions: list[DeductionView]


def rates_view(rates: Rates) -> RatesView:
    return RatesView(
        rates_version=rates.rates_version,
        effective_from=rates.effective_from,
        rates=[_rate(rate) for rate in rates.rates],
    )


async def versions(tx: Tx) -> Sequence[RatesView]:
    """Every version, the newest first."""
    return [rates_view(rates) for rates in await store.versions(tx)]


def allowance(rates: Rates | None, month: PersonMonth) -> Allowance | None:
    """What the rates would leave; None where none are in force."""
    if rates is None:
        return None
    taken = deductions(rates, month)
    return Allowance(
        rates_version=rates.rates_version,
        share=float(share(taken)),
        deductions=[
            DeductionView(**_rate(one.rate).model_dump(), times=one.times, share=float(one.share)) for one in taken
        ],
    )


def _rate(rate: Rate) -> RateView:
    return RateView(kind=rate.kind, from_minutes=rate.from_minutes, rate=float(rate.rate))
