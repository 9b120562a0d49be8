"""What a transaction puts into the outbox: rows, and one trace."""

import datetime as dt
import json
from typing import Any
from uuid import uuid4

from shared import outbox, trace
from shared.events import EmployeeChanged, Event, RecordDisowned, encode
from shared.outbox import Outgoing

AT = dt.datetime(2025, 11, 6, 8, 0, tzinfo=dt.UTC)


class Statements:
    """A transaction's connection that remembers."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []
        self.connection = self

    async def execute(self, statement: str, *arguments: Any) -> None:
        assert "insert into outbox" in statement
        self.made.append(arguments)

    def rows(self) -> list[tuple[str, bytes, bytes | None, dict[str, str]]]:
        (columns,) = self.made
        topics, keys, values, headers = columns
        return [
            (topic, key, value, json.loads(given))
            for topic, key, value, given in zip(topics, keys, values, headers, strict=True)
        ]


def person(name: str) -> EmployeeChanged:
    return EmployeeChanged(
        employee_id=uuid4(), revision=1, nip="1", name=name, opd_code="O", unit_id="U", heads=[], employment="PNS"
    )


def disowned(reason: str) -> RecordDisowned:
    return RecordDisowned(
        ce_id=uuid4(), of_topic="t.v1", revision=1, disowned_at=AT, disowned_by="BKPSDM", reason=reason
    )


async def test_a_row_of_the_outbox_is_the_record_that_the_contract_makes_of_its_event() -> None:
    statements: Any = Statements()
    traceparent = trace.new()
    events: list[Event] = [person('"Ani" \\ Ürün'), disowned("a"), person("Budi")]
    outgoing = [
        Outgoing(event, uuid4(), AT + dt.timedelta(hours=n), traceparent) for n, event in enumerate(events)
    ]
    await outbox.add(statements, outgoing, source="/hadir/scheduling")
    made = [
        encode(one.event, id=one.id, time=one.time, source="/hadir/scheduling", traceparent=traceparent)
        for one in outgoing
    ]
    assert statements.rows() == [
        (one.topic, one.key, one.value, {name: (text or b"").decode() for name, text in one.headers})
        for one in made
    ]


async def test_a_tombstone_is_a_row_without_a_value_under_the_key_that_it_erases() -> None:
    statements: Any = Statements()
    key = str(uuid4())
    one = Outgoing(None, uuid4(), AT, trace.new(), topic=EmployeeChanged.topic, key=key)
    await outbox.add(statements, [one], source="/hadir/scheduling")
    ((topic, row_key, value, headers),) = statements.rows()
    assert (topic, row_key, value) == (EmployeeChanged.topic, key.encode(), None)
    assert headers["ce_subject"] == key


async def test_what_is_added_at_once_without_a_trace_begins_one_and_shares_it() -> None:
    statements: Any = Statements()
    given = trace.new()
    outgoing = [
        Outgoing(disowned("a"), uuid4(), AT, None),
        Outgoing(disowned("b"), uuid4(), AT, given),
        Outgoing(disowned("c"), uuid4(), AT, None),
    ]
    await outbox.add(statements, outgoing, source="/hadir/scheduling")
    first, second, third = (headers["traceparent"] for _, _, _, headers in statements.rows())
    assert second == given
    assert first == third != given


async def test_nothing_to_publish_asks_the_database_for_nothing() -> None:
    statements: Any = Statements()
    await outbox.add(statements, [], source="/hadir/scheduling")
    assert statements.made == []
