"""Requests that share a transaction, without a database: who is flushed with whom, and who hears of what."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from shared.database import Database, GroupCommit, Tx


class NoDatabase:
    """Transactions that keep nothing."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        await asyncio.sleep(0)
        yield


class Flushed:
    """What was flushed together; items that are errors fail their transaction."""

    def __init__(self, *, max_items: int = 3) -> None:
        self.batches: list[list[Any]] = []
        self.commit = GroupCommit[Any, Any](cast("Database", NoDatabase()), self.flush, max_items=max_items)

    async def flush(self, tx: Tx, items: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(items))
        for item in items:
            if isinstance(item, BaseException):
                raise item
        return [ValueError(item) if item == "refused" else item for item in items]


async def test_whoever_comes_while_others_are_flushed_shares_the_next_transaction() -> None:
    flushed = Flushed()
    waiting = [flushed.commit.put(number) for number in range(7)]
    assert await asyncio.gather(*waiting) == list(range(7))
    assert flushed.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_items_that_belong_together_are_flushed_together_however_many_they_are() -> None:
    flushed = Flushed()
    waiting = [
        flushed.commit.put("alone"),
        *flushed.commit.put_together(list("abcde")),
        flushed.commit.put("next"),
    ]
    await asyncio.gather(*waiting)
    assert flushed.batches == [["alone", *"abcde"], ["next"]]


async def test_a_result_that_is_an_error_is_that_of_its_own_request() -> None:
    flushed = Flushed()
    answers = await asyncio.gather(*flushed.commit.put_together(["a", "refused", "b"]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, ValueError, str]
    assert len(flushed.batches) == 1


async def test_an_item_that_breaks_its_transaction_is_found_and_the_others_are_recorded() -> None:
    flushed = Flushed(max_items=10)
    broken = ZeroDivisionError("a bug")
    answers = await asyncio.gather(*flushed.commit.put_together([1, 2, broken, 4]), return_exceptions=True)
    assert [*answers[:2], answers[3]] == [1, 2, 4]
    assert answers[2] is broken


async def test_while_the_world_is_away_everybody_hears_it_and_the_next_ones_are_tried_again() -> None:
    flushed = Flushed(max_items=10)
    away = ConnectionRefusedError("away")
    answers = await asyncio.gather(*flushed.commit.put_together([1, away, 3]), return_exceptions=True)
    assert answers == [away] * 3
    assert await flushed.commit.submit(4) == 4


async def test_a_request_that_was_given_up_holds_nobody_back() -> None:
    flushed = Flushed()
    gone, stays = flushed.commit.put("gone"), flushed.commit.put("stays")
    gone.cancel()
    assert await stays == "stays"
    with pytest.raises(asyncio.CancelledError):
        await gone
