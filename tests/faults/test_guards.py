"""Each guard is needed: with it switched off, the test of its fault fails."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared import csvtext, dead_letters, facts, gone, outbox
from shared.consumer import Consumer
from shared.outbox import Relay
from tests.conftest import DatabaseFor
from tests.faults import test_consumer_faults, test_relay_faults
from tests.integration import test_bus, test_outbox
from tests.kit import kafka as kit
from tests.unit import test_tables

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Guard:
    off: Callable[[pytest.MonkeyPatch], None]
    test: Callable[..., Any]
    fails: type[BaseException] = AssertionError
    """TimeoutError where what the test waits for never comes."""


def all_may_lead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "_LEAD", "select true")


def rows_go_before_they_are_acknowledged(patch: pytest.MonkeyPatch) -> None:
    at_once = """
        delete from outbox where id in (select id from outbox where id <> all($1) order by id limit $2)
        returning id, topic, key, value, headers
    """
    patch.setattr(outbox, "_NEXT", at_once)


def events_are_promised_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    really = outbox.add

    async def add(tx: Any, outgoing: Any, *, source: str) -> None:
        await really(tx, outgoing, source=source)
        await tx.connection.execute("commit; begin")

    patch.setattr(outbox, "add", add)


def the_relay_keeps_a_cursor(patch: pytest.MonkeyPatch) -> None:
    really: Any = Relay._next  # pyright: ignore[reportPrivateUsage] - what is switched off
    seen = [0]

    async def beyond(self: Any, session: Any) -> list[Any]:
        rows = [row for row in await really(self, session) if row["id"] > seen[0]]
        seen[0] = max([seen[0], *(row["id"] for row in rows)])
        return rows

    patch.setattr(Relay, "_next", beyond)


def a_producer_is_kept_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    async def kept(self: Any) -> None:
        pass

    patch.setattr(Relay, "_drop_producer", kept)


def no_key_is_held_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "_TOO_LARGE", ())


def the_latest_wins(patch: pytest.MonkeyPatch) -> None:
    really: Any = facts.Shape._upsert  # pyright: ignore[reportPrivateUsage] - what is switched off

    def written(self: Any, told: str) -> str:
        statement = really(self, told)
        for rule in (
            "(met.revision, met.ce_id) > (met.held_revision, met.held_ce_id)",
            "(excluded.revision, excluded.ce_id) > (old.revision, old.ce_id)",
        ):
            assert rule in statement
            statement = statement.replace(rule, "true")
        return statement

    patch.setattr(facts.Shape, "_upsert", written)
    for name in ("upsert", "upsert_and_tell"):  # not the text that was made before
        patch.setattr(facts.Shape, name, property(getattr(facts.Shape, name).func))


def what_failed_is_acknowledged(patch: pytest.MonkeyPatch) -> None:
    really: Any = Consumer._carry  # pyright: ignore[reportPrivateUsage] - what is switched off

    async def carry(self: Any, batch: Any) -> None:
        batch.ended = True
        await self._advance()
        await really(self, batch)

    patch.setattr(Consumer, "_carry", carry)


def dead_letters_have_no_limit(patch: pytest.MonkeyPatch) -> None:
    def check(*_: Any) -> None:
        pass

    patch.setattr(dead_letters.Limit, "check", check)


def nobody_looks_where_the_log_begins(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        pass

    patch.setattr(gone.Gone, "look", nothing)


def texts_are_written_as_they_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(csvtext, "_FORMULA", ())


GUARDS = [
    Guard(all_may_lead, test_outbox.test_of_two_relays_one_carries_and_nothing_is_sent_twice),
    Guard(
        rows_go_before_they_are_acknowledged,
        test_relay_faults.test_a_send_that_is_out_of_sequence_is_done_again_by_a_new_producer_at_once,
        TimeoutError,
    ),
    Guard(
        events_are_promised_outside_the_transaction, test_outbox.test_a_transaction_that_fails_publishes_nothing
    ),
    Guard(
        the_relay_keeps_a_cursor,
        test_relay_faults.test_a_row_that_is_committed_after_a_later_one_was_carried_is_carried_too,
        TimeoutError,
    ),
    Guard(
        a_producer_is_kept_after_a_failure,
        test_relay_faults.test_a_send_that_is_out_of_sequence_is_done_again_by_a_new_producer_at_once,
    ),
    Guard(
        no_key_is_held_back,
        test_relay_faults.test_a_record_that_its_topic_does_not_take_holds_back_its_key_and_nobody_else,
        TimeoutError,
    ),
    Guard(the_latest_wins, test_relay_faults.test_what_a_relay_sends_after_another_has_taken_over_changes_no_fact),
    Guard(
        what_failed_is_acknowledged,
        test_bus.test_a_handler_that_fails_gets_the_same_batch_again_until_it_succeeds,
    ),
    Guard(
        dead_letters_have_no_limit,
        test_bus.test_so_many_unreadable_records_in_a_row_stop_the_consumer_instead_of_draining_the_topic,
        TimeoutError,
    ),
    Guard(
        nobody_looks_where_the_log_begins,
        test_consumer_faults.test_records_deleted_while_a_consumer_was_away_are_counted_and_what_is_left_is_read,
    ),
    Guard(texts_are_written_as_they_are, test_tables.test_no_cell_begins_like_a_formula_in_any_table),
]


async def run(test: Callable[..., Any], wanted: dict[str, Any]) -> None:
    answer = test(**wanted)
    if inspect.isawaitable(answer):
        await answer


@pytest.mark.guard
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.off.__name__)
async def test_without_its_guard_the_test_of_a_fault_fails(  # noqa: PLR0917 - whatever such a test may want
    guard: Guard,
    database_for: DatabaseFor,
    postgres: str,
    kafka: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    if guard.fails is TimeoutError:  # what never comes is not waited for a minute
        monkeypatch.setattr(kit, "PATIENCE_S", 10.0)
    guard.off(monkeypatch)
    here = {"database_for": database_for, "postgres": postgres, "kafka": kafka, "monkeypatch": monkeypatch,
            "caplog": caplog, "tmp_path": tmp_path, "text": "=1"}  # fmt: skip
    wanted = {name: here[name] for name in inspect.signature(guard.test).parameters}
    with pytest.raises(guard.fails):
        await run(guard.test, wanted)
