"""Whose fault a failure is, through every wrapper that drivers, pools and task groups put around it."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError
from asyncpg.exceptions._base import DataError as EncodeError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import exc

from shared.failures import Fault, causes, fault_of, is_away, reason_of


def of_code(code: str) -> Exception:
    return asyncpg.PostgresError.new({"C": code, "M": "as the server says it", "S": "ERROR"})


def raised(error: BaseException, *, cause: BaseException | None = None, after: BaseException | None = None) -> Any:
    """`error` as an except clause gets it: raised `from` its cause, or while `after` was being handled."""
    if cause is not None:
        error.__cause__ = cause
    if after is not None:
        error.__context__ = after
    return error


def wrapped_by_sqlalchemy(error: Exception) -> Exception:
    class Adapted(Exception):
        """What the dialect raises, with the driver's own as its cause."""

    return exc.DBAPIError("select 1", (), raised(Adapted(), cause=error))


WRAPPERS: dict[str, Callable[[Exception], Exception]] = {
    "bare": lambda error: error,
    "cause": lambda error: raised(RuntimeError("the view failed"), cause=error),
    "context": lambda error: raised(RuntimeError("while rolling back"), after=error),
    "group": lambda error: ExceptionGroup("tasks", [ExceptionGroup("more", [error])]),
    "sqlalchemy": wrapped_by_sqlalchemy,
    "all of them": lambda error: ExceptionGroup("x", [raised(KeyError(), cause=wrapped_by_sqlalchemy(error))]),
}
WORLD = ["08006", "08003", "25P03", "40001", "40P01", "53100", "53200", "53300", "55P03", "57P01", "57P02",
         "57P03", "57014", "58030", "58P01", "XX001"]  # fmt: skip
DEPLOY = ["42P01", "42703", "42501", "42601", "28P01", "3D000", "0A000", "26000"]
DATA = ["22003", "22P05", "22021", "22008", "23502", "23503", "23505", "23514", "23P01", "21000", "54000", "54001",
        "P0001"]  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    ("code", "fault"),
    [(code, fault) for codes, fault in ((WORLD, Fault.WORLD), (DEPLOY, Fault.DEPLOY)) for code in codes],
)
def test_a_code_of_the_world_or_of_the_deploy_blames_nobody_here_however_it_is_wrapped(
    code: str, fault: Fault, wrapper: str
) -> None:
    error = WRAPPERS[wrapper](of_code(code))
    assert fault_of(error) is fault
    assert is_away(error) == (fault is Fault.WORLD)
    assert reason_of(error) == f"database_{code}"


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("code", DATA)
def test_a_code_of_data_lies_in_what_was_given(code: str, wrapper: str) -> None:
    assert fault_of(WRAPPERS[wrapper](of_code(code))) is Fault.DATA


@pytest.mark.parametrize("code", ["XX000", "25P02", "38000", "99999"])
def test_a_code_that_may_mean_anything_is_left_to_the_search(code: str) -> None:
    assert fault_of(of_code(code)) is Fault.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        BrokenPipeError(),
        TimeoutError(),
        OSError(28, "No space left on device"),
        EOFError(),
        asyncio.IncompleteReadError(b"", 4),
        MemoryError(),
        exc.TimeoutError("pool"),
        exc.PendingRollbackError("connection lost"),
        exc.DBAPIError("select 1", (), Exception("gone"), connection_invalidated=True),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        KafkaConnectionError(),
        CommitFailedError("rebalanced"),
    ],
    ids=repr,
)
def test_what_the_world_does_is_the_world_s(error: Exception) -> None:
    for wrap in WRAPPERS.values():
        assert fault_of(wrap(error)) is Fault.WORLD


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("x")
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        TypeError(),
        OverflowError(),
        ZeroDivisionError(),
        KeyError(),
        IndexError(),
        invalid(),
        EncodeError("invalid input for query argument $1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_code_refuses_lies_in_what_was_given_and_is_named_by_its_type(error: Exception) -> None:
    assert fault_of(error) is Fault.DATA
    assert reason_of(error) == f"handler_{type(error).__name__}"


@pytest.mark.parametrize("error", [AttributeError(), AssertionError(), RuntimeError(), RecursionError()], ids=repr)
def test_a_bug_is_left_to_the_search(error: Exception) -> None:
    assert fault_of(error) is Fault.UNKNOWN


def test_too_many_arguments_for_one_statement_are_not_the_world_s() -> None:
    error = asyncpg.InterfaceError("the number of query arguments cannot exceed 32767")
    assert fault_of(error) is Fault.UNKNOWN


def test_a_failure_of_the_world_excuses_what_it_met() -> None:
    assert fault_of(raised(of_code("22003"), after=ConnectionResetError())) is Fault.WORLD
    assert fault_of(raised(ConnectionResetError(), after=of_code("22003"))) is Fault.WORLD


def test_exceptions_that_name_each_other_are_told_once() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__context__ = second, first
    assert list(causes(first)) == [first, second]
