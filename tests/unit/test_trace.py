"""The trace: what a hop keeps, what it renews, and what is done because of which record."""

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import copy_context
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import trace
from shared.database import GroupCommit
from shared.events import Received
from shared.outbox import Outgoing
from shared.telemetry import configure_logging

FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
AT = dt.datetime(2025, 11, 6, tzinfo=dt.UTC)
HEX = "0123456789abcdef"


def received(traceparent: str | None) -> Received:
    return Received(None, uuid4(), "directory.employee.v1", "/hadir/scheduling", AT, str(uuid4()), traceparent)


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-01", "01"),
        (f"00-{TRACE}-{PARENT}-00", "00"),
        (f"00-{TRACE}-{PARENT}-ff", "01"),  # of the flags only "sampled" is known
        (f"cc-{TRACE}-{PARENT}-01", "01"),  # a later version
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", "01"),
    ],
)
def test_a_hop_keeps_the_trace_id_and_names_its_own_parent(given: str, flags: str) -> None:
    version, trace_id, parent, kept = trace.onward(given).split("-")
    assert (version, trace_id, kept) == ("00", TRACE, flags)
    assert parent != PARENT
    assert FORM.fullmatch(trace.onward(given))


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        TRACE,
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",  # version 00 has no more
        f"00-{TRACE}-{PARENT}-01 ",
        f"00-{TRACE}-{PARENT}-01\n",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(given: str | None) -> None:
    assert FORM.fullmatch(trace.onward(given))
    assert TRACE not in trace.onward(given)


@given(st.text(max_size=80) | st.text(f"{HEX}-", min_size=50, max_size=60))
def test_any_text_leads_to_a_trace_that_any_reader_takes(text: str) -> None:
    led = trace.onward(text)
    assert FORM.fullmatch(led)
    assert trace.id_of(trace.onward(led)) == trace.id_of(led)


@given(st.text(HEX, min_size=32, max_size=32), st.text(HEX, min_size=16, max_size=16), st.integers(0, 255))
def test_a_well_formed_one_goes_on_unless_an_id_is_nothing_but_zeros(
    trace_id: str, parent: str, flags: int
) -> None:
    kept = trace.id_of(trace.onward(f"00-{trace_id}-{parent}-{flags:02x}")) == trace_id
    assert kept == (set(trace_id) != {"0"} and set(parent) != {"0"})


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    assert trace.current() is None
    yield
    assert trace.current() is None


def test_a_publication_made_in_a_batch_carries_the_trace_of_the_record_that_it_names() -> None:
    one, other, none = received(f"00-{TRACE}-{PARENT}-01"), received(trace.new()), received(None)
    with trace.handling([one, other, none]):
        own = trace.current()
        assert own is not None, "a batch has many traces, and one of its own for what all led to"
        assert trace.id_of(trace.because_of(one.id)) == TRACE
        assert trace.id_of(trace.because_of(other.id)) == trace.id_of(other.traceparent)
        assert trace.because_of(one.id) == trace.because_of(one.id), "a record is one hop here"
        assert trace.because_of(none.id) == own
        assert trace.because_of(uuid4()) == own
    assert trace.because_of(one.id) is None


def test_a_record_alone_is_what_everything_is_done_because_of() -> None:
    alone = received(f"00-{TRACE}-{PARENT}-01")
    with trace.handling([alone]):
        assert trace.id_of(trace.current()) == TRACE
        assert trace.id_of(trace.because_of(uuid4())) == TRACE


def test_a_context_that_outlives_its_batch_holds_none_of_it() -> None:
    alone = received(f"00-{TRACE}-{PARENT}-01")
    with trace.handling([alone]):
        kept = copy_context()
    assert kept.run(trace.current) is None
    assert kept.run(trace.because_of, alone.id) is None


async def test_a_request_that_joins_a_group_keeps_its_own_trace() -> None:
    class Transactions:
        def transaction(self) -> AbstractAsyncContextManager[None]:
            return nullcontext()

    around: list[str | None] = []

    async def flush(_: object, items: Sequence[Outgoing]) -> list[None]:
        around.append(trace.current())
        await asyncio.sleep(0)
        return [None] * len(items)

    db: Any = Transactions()
    group = GroupCommit[Outgoing, None](db, flush)
    published: list[Outgoing] = []

    async def request(traceparent: str) -> None:
        trace.begin(traceparent)
        published.append(Outgoing(None, UUID(int=0), AT))
        await group.submit(published[-1])

    asked = [trace.new() for _ in range(5)]
    async with asyncio.TaskGroup() as tasks:
        for traceparent in asked:
            tasks.create_task(request(traceparent))
    assert [trace.id_of(one.trace) for one in published] == [trace.id_of(one) for one in asked]
    assert set(around) == {None}, "the group is no request's"


def test_every_line_of_the_log_names_the_trace_it_was_written_in(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging("INFO")
        with trace.handling([received(f"00-{TRACE}-{PARENT}-01")]):
            logging.getLogger("here").info("within")
        logging.getLogger("here").info("without")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    within, without = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert within["trace_id"] == TRACE
    assert "trace_id" not in without
