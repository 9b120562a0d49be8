"""A pack's figures without servers: a city of a few OPDs, one of them small, and its counters."""

import datetime as dt
import sys
from collections.abc import Mapping
from fractions import Fraction

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.reporting.domain.counters import Point, Times
from services.reporting.domain.figures import Counted, States
from services.reporting.domain.packs import Sums, fewest_shown
from services.reporting.domain.periods import OpdTotals, Period
from services.reporting.domain.sampling import share_of_counts
from services.reporting.store.packs import Bound, Down, Rules
from services.reporting.views.packs.figures import Counter, PackFigures, Tried, shaped
from services.reporting.views.packs.made import Pack, made
from services.reporting.views.pilots import PilotVerdict
from services.reporting.views.vintage import Vintage
from shared.events import Mode, State
from shared.proof_keys import ProofKeys

NOVEMBER = Period(dt.date(2025, 11, 1), dt.date(2025, 11, 30))
TWO_WEEKS = Period(dt.date(2025, 11, 3), dt.date(2025, 11, 14))
SIZES: Mapping[str, int] = {"1.01": 400, "1.02": 120, "1.03": 30, "1.04": 3}
NAMES = {"1.01": 'Dinas <Satu> & "A"', "1.02": "Dinas Dua", "1.03": "Dinas Tiga", "1.04": "=Dinas(Empat)"}
_HOUR_US = 3_600_000_000


def keys(seed: bytes = b"1") -> ProofKeys:
    return ProofKeys(Ed25519PrivateKey.from_private_bytes(seed * 32))


def states(mode: Mode, state: State) -> States:
    return States(mode, (state,) * 5)


def day(sizes: Mapping[str, int] = SIZES) -> dict[str, OpdTotals]:
    """One date: of each OPD one is late, a fifth at home, a tenth unknown, whatever remains well."""
    return {
        code: OpdTotals(
            Counted(
                {
                    states("WFO", "met"): max(n - 1 - n // 5 - n // 10, 0),
                    states("WFO", "not_met"): min(n, 1),
                    states("WFH", "met"): n // 5,
                    states("WFO", "unknown"): n // 10,
                }
            ),
            earned_minutes=Fraction(n * 210),
            waiting_minutes=Fraction(n * 9),
            submitted=n,
            returned=n // 30,
            reports_without_review=n // 20,
        )
        for code, n in sizes.items()
    }


def sums(period: Period, sizes: Mapping[str, int] = SIZES) -> Sums:
    added = Sums(fewest_shown(period))
    for date in period:
        if date.weekday() < 5:
            added.add(date, day(sizes))
    return added


def verdict() -> PilotVerdict:
    return PilotVerdict(
        pilot_id="rotasi",
        revision=1,
        protocol_sha256="ef" * 32,
        amended_after_start=True,
        as_of=dt.datetime(2025, 12, 1, 1, tzinfo=dt.UTC),
        metric="on_time_rate",
        estimate=-0.004,
        se=0.01,
        lower=-0.024,
        upper=0.016,
        level=0.95,
        p_within=0.2,
        p_worse=0.9,
        margin=0.02,
        verdict="cannot_tell_yet",
        because=["between", "not_over"],
        opds=[],
        facts_digest="ab" * 32,
    )


def figures(period: Period = NOVEMBER, sizes: Mapping[str, int] = SIZES) -> PackFigures:
    def counter(number: int, short_us: int) -> Counter:
        open_us = 140 * _HOUR_US
        times = Times(open_us, open_us - short_us, 0, short_us, open_us * 3, open_us * 3 - short_us, short_us)
        return Counter(Point(f"U-{number}", f"Loket {number}", "1.01", 0.99), NAMES["1.01"], times)

    start = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
    return shaped(
        period,
        Vintage(
            as_of=dt.datetime(2025, 12, 1, 1, tzinfo=dt.UTC),
            facts_digest="ab" * 32,
            rules_versions=["r1"],
            policy_versions=["p1"],
            last_fact_at=dt.datetime(2025, 11, 28, 9, 30, tzinfo=dt.UTC),
        ),
        sums(period, sizes),
        [counter(1, 0), counter(2, 5 * _HOUR_US), counter(3, _HOUR_US)],
        NAMES,
        share_of_counts(40, 2),
        [Down(start, start + dt.timedelta(hours=1), {"opd_codes": ["1.01"]}, "jaringan")],
        [Rules("r1", dt.date(2025, 1, 1), 0, ["WFO", "WFH"], "23:59:59", 3)],
        [Tried("Rotasi separuh", NOVEMBER, verdict())],
        [Bound("outage.declared.v1", 0, 12, "cd" * 32, start)],
    )


def pack() -> Pack:
    return made(figures(), keys())


if __name__ == "__main__":
    sys.stdout.write(pack().manifest.pack_id)
