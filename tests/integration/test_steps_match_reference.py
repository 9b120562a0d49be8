"""The steps of a person-day say at every instant what the slow reading of the rules says, and verdicts() too."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import cast

from hypothesis import given

from services.reporting.domain.figures import code_of
from shared.database import Database
from shared.dates import WIB
from shared.events import DUTIES, State
from tests.integration.test_verdicts_match_reference import QUIET, SPAN, World, db, facts_of
from tests.kit import worlds
from tests.kit.oracle import fold, verdict

__all__ = ["db"]

EVER = dt.datetime.min  # noqa: DTZ901 - it has no time zone
"""-infinity, as asyncpg reads it."""
US = dt.timedelta(microseconds=1)
INSTANTS = ("at", "received_at", "starts_at", "ends_at", "submitted_at", "reviewed_at")
VERDICTS = f"""
    select t, employee_id, work_date, state_code({", ".join(DUTIES)}) as code
    from unnest($3::timestamptz[]) as t cross join lateral verdicts($1, $2, t, $4)
"""  # noqa: S608 - names of the contract


def around(instants: Iterable[dt.datetime]) -> list[dt.datetime]:
    """Each instant, and a microsecond before and after it."""
    return sorted({instant + n * US for instant in instants for n in (-1, 0, 1)})


@QUIET
@given(given=worlds.worlds())
async def test_steps_equal_the_reference_and_the_verdicts_around_every_edge(db: Database, given: World) -> None:
    world, instants = given
    known = fold(world)
    told = [getattr(event, name, None) for _, event in world for name in INSTANTS]
    midnights = [
        dt.datetime.combine(day + n * dt.timedelta(days=1), dt.time(), WIB) for day in SPAN for n in (0, 8)
    ]
    async with facts_of(db, world) as tx:
        rows = await tx.connection.fetch("select * from verdict_steps($1, $2)", *SPAN)
        steps = {(row["employee_id"], row["work_date"]): row for row in rows}
        assert len(steps) == len(rows) == len(known.plans)
        edges = {since for row in rows for since in row["since"][1:]}
        at = around([*edges, *instants, *midnights, *(instant for instant in told if instant is not None)])

        def said(plan: worlds.ScheduleChanged, t: dt.datetime) -> int:
            row = steps[plan.employee_id, plan.work_date]
            return row["codes"][bisect_right(row["since"], t, lo=1) - 1]

        for plan in known.plans:
            row = steps[plan.employee_id, plan.work_date]
            assert row["since"][0] == EVER
            assert all(a < b for a, b in pairwise(row["since"][1:]))
            assert all(a != b for a, b in pairwise(row["codes"]))
            assert (row["opd_code"], row["unit_id"], row["mode"]) == (plan.opd_code, plan.unit_id, plan.mode)
            assert (row["starts_at"], row["ends_at"]) == (plan.starts_at, plan.ends_at)
            for t in at:
                expected = verdict(known, plan.employee_id, plan.work_date, t)
                assert said(plan, t) == code_of([cast("State", expected[duty]) for duty in DUTIES]), (
                    plan.work_date,
                    t,
                )
        people = {plan.employee_id for plan in known.plans}
        for some in (None, people):
            rows = await tx.connection.fetch(VERDICTS, *SPAN, at, some)
            assert len(rows) == len(at) * len(known.plans)
            by_key = {(row["employee_id"], row["work_date"], row["t"]): row["code"] for row in rows}
            for plan in known.plans:
                for t in at:
                    assert by_key[plan.employee_id, plan.work_date, t] == said(plan, t)


@QUIET
@given(given=worlds.worlds())
async def test_steps_of_some_people_are_those_of_everybody(db: Database, given: World) -> None:
    world, _ = given
    async with facts_of(db, world) as tx:
        rows = await tx.connection.fetch(
            "select * from verdict_steps($1, $2) order by employee_id, work_date", *SPAN
        )
        everybody = [dict(row) for row in rows]
        for person in worlds.PEOPLE:
            query = "select * from verdict_steps($1, $2, $3) order by work_date"
            alone = [dict(row) for row in await tx.connection.fetch(query, *SPAN, [person])]
            assert alone == [row for row in everybody if row["employee_id"] == person]
