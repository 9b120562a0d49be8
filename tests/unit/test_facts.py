"""What a declared fact takes of its event."""

import datetime as dt
from uuid import UUID, uuid4

import pytest
from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry

from shared.events import EmployeeChanged, Event, Received, ReportSubmitted
from shared.facts import ABSORBING, Fact, shape
from shared.tables import Table, column

AT = dt.datetime(2025, 11, 6, 8, 0, tzinfo=dt.UTC)


class Kept(Table, registry=registry()):
    """The base of these tables."""


class Person(Kept, Fact, table=True):
    """A fact of the directory, renamed, derived, and with a column of the service's own."""

    of = EmployeeChanged
    forgotten = {"heads": [], "gone": True}
    beside = frozenset({"greeted"})

    employee_id: UUID = column(key=True)
    belongs_to: str | None = column(Text, of="unit_id")
    heads: list[str] = column(JSONB)
    gone: bool = column(of=lambda _: False)
    heard_at: dt.datetime | None = column(of="ce_time")
    greeted: bool


class Handed(Kept, Fact, table=True):
    """Each revision is a fact of its own."""

    of = ReportSubmitted

    report_id: UUID = column(key=True)
    report_revision: int = column(BigInteger, key=True, of="revision")


def received(event: Event | None, key: str) -> Received:
    return Received(event, UUID(int=7), "a.topic.v1", "/hadir/scheduling", AT, key, None)


def row(fact: type[Fact], event: Event | None, key: str) -> dict[str, object]:
    return dict(zip(shape(fact).columns, shape(fact).row_of(received(event, key)), strict=True))


def test_a_column_holds_the_field_of_its_name_unless_it_says_otherwise() -> None:
    person = uuid4()
    event = EmployeeChanged(
        employee_id=person, revision=4, nip="1", name="x", opd_code="O", unit_id="U", heads=["U"], employment="PNS"
    )
    assert row(Person, event, str(person)) == {
        "employee_id": person, "belongs_to": "U", "heads": '["U"]', "gone": False, "heard_at": AT, "revision": 4,
        "ce_id": UUID(int=7),
    }  # fmt: skip


def test_an_erasure_leaves_the_key_and_what_is_said_and_ranks_above_all() -> None:
    person = uuid4()
    assert row(Person, None, str(person)) == {
        "employee_id": person, "belongs_to": None, "heads": "[]", "gone": True, "heard_at": None,
        "revision": ABSORBING, "ce_id": UUID(int=7),
    }  # fmt: skip


def test_a_revision_that_is_part_of_the_key_ranks_nothing() -> None:
    report, person = uuid4(), uuid4()
    event = ReportSubmitted(
        report_id=report,
        employee_id=person,
        opd_code="O",
        work_date=AT.date(),
        revision=3,
        submitted_at=AT,
        items=[],
    )
    assert row(Handed, event, str(person)) == {
        "report_id": report, "report_revision": 3, "revision": 0, "ce_id": UUID(int=7),
    }  # fmt: skip
    assert shape(Handed).key == ("report_id", "report_revision")


def test_a_column_that_nothing_fills_is_no_fact() -> None:
    class Lost(Kept, Fact, table=True):
        of = ReportSubmitted

        report_id: UUID = column(key=True)
        colour: str = column(Text)

    with pytest.raises(TypeError, match=r"Lost\.colour: ReportSubmitted has no colour"):
        shape(Lost)
