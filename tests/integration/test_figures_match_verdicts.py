"""What is looked up is what verdicts() would say of the facts now, however far the steps have been computed."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.figures import States
from services.reporting.store import figures
from shared.database import Tx
from shared.events import DUTIES
from tests.integration.test_steps_match_reference import around
from tests.integration.test_verdicts_match_reference import QUIET, SPAN, Database, World, db, facts_of
from tests.kit import worlds

__all__ = ["db"]

Broad = tuple[dt.date | None, UUID | None]
NOTHING = 3124
"""The number of a day on which nothing is due; in a row that must not be read, a lie."""
FRESH = "select * from verdicts($1, $1, $2)"


class _Said(NamedTuple):
    opd_code: str
    states: States


touches: st.SearchStrategy[Sequence[Broad]] = st.one_of(
    st.just([]),
    st.lists(st.tuples(st.sampled_from(worlds.DATES), st.sampled_from(worlds.PEOPLE)), max_size=4, unique=True),
    st.just([(date, person) for date in worlds.DATES for person in worlds.PEOPLE]),
    st.lists(st.tuples(st.sampled_from([*worlds.DATES, None]), st.none()), min_size=1, max_size=2, unique=True),
)


async def computed_but_for(tx: Tx, touched: Sequence[Broad]) -> None:
    """The steps of everyone, but for those touched: theirs say nothing true, or are not there."""
    await tx.connection.execute("delete from touched")
    await tx.connection.execute("delete from person_day")
    await tx.connection.execute("insert into person_day select * from verdict_steps($1, $2)", *SPAN)
    for nth, (date, person) in enumerate(touched):
        await tx.connection.execute("insert into touched (work_date, employee_id) values ($1, $2)", date, person)
        of_these = "($1::date is null or work_date = $1) and ($2::uuid is null or employee_id = $2)"
        if nth % 2:
            await tx.connection.execute(f"delete from person_day where {of_these}", date, person)  # noqa: S608
        else:
            lie = "update person_day set opd_code = 'nobody', since = '{-infinity}', codes = array[$3::smallint]"
            await tx.connection.execute(f"{lie} where {of_these}", date, person, NOTHING)


async def _afresh(tx: Tx, date: dt.date, t: dt.datetime) -> dict[UUID, _Said]:
    return {
        row["employee_id"]: _Said(row["opd_code"], States(row["mode"], tuple([row[duty] for duty in DUTIES])))
        for row in await tx.connection.fetch(FRESH, date, t)
    }


@QUIET
@given(given=worlds.worlds(), touched=touches)
async def test_every_look_equals_the_verdicts_whatever_has_been_computed(
    db: Database, given: World, touched: Sequence[Broad]
) -> None:
    world, instants = given
    async with facts_of(db, world) as tx:
        await computed_but_for(tx, touched)
        rows = await tx.connection.fetch("select unnest(since[2:]) as edge from verdict_steps($1, $2)", *SPAN)
        edges = [row["edge"] for row in rows]
        for t in [instants[0], *around(edges[:1])]:
            for date in worlds.DATES[1:3]:
                expected = await _afresh(tx, date, t)
                counted: dict[str, Counter[States]] = {}
                for said in expected.values():
                    counted.setdefault(said.opd_code, Counter())[said.states] += 1
                assert await figures.counts(tx, date, t) == counted
                for opd in ("OPD-1", "OPD-2", "nobody"):
                    alone = {opd: counted[opd]} if opd in counted else {}
                    assert await figures.counts(tx, date, t, opd) == alone
                    people = sorted(person for person, said in expected.items() if said.opd_code == opd)
                    listed = await figures.of_opd(tx, opd, date, t, None, 2)
                    assert [one.employee_id for one in listed] == people[:2]
                    rest = await figures.of_opd(tx, opd, date, t, people[0], 9) if people else []
                    assert [(one.employee_id, one.states) for one in rest] == [
                        (person, expected[person].states) for person in people[1:]
                    ]
                for some in (None, worlds.PEOPLE, worlds.PEOPLE[:1], []):
                    found = await figures.states(tx, date, t, some)
                    assert {one.employee_id: _Said(one.opd_code, one.states) for one in found} == {
                        person: said for person, said in expected.items() if some is None or person in some
                    }
                    for one in found:
                        assert one.next_due is None or one.next_due > t


@QUIET
@given(given=worlds.worlds(), touched=touches)
async def test_no_state_is_another_before_it_is_due(db: Database, given: World, touched: Sequence[Broad]) -> None:
    world, (t, *others) = given
    async with facts_of(db, world) as tx:
        await computed_but_for(tx, touched)
        for date in worlds.DATES:
            for one in await figures.states(tx, date, t):
                for later in around([*others, *([one.next_due] if one.next_due else [])]):
                    if t < later and (one.next_due is None or later < one.next_due):
                        assert (await _afresh(tx, date, later))[one.employee_id].states == one.states
