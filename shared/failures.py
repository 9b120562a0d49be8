"""Whose fault a failure is: the world's, a wrong deploy's, or that of the record or request at hand.

One judgement for the bus (is a record to be set aside?), for group commit (who of those that share a transaction
is refused?) and for HTTP (is it 503?). The classes are those of PostgreSQL's appendix A, "Error Codes".
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import Enum
from typing import TypeVar

import asyncpg
from sqlalchemy import exc

Item = TypeVar("Item")


class Fault(Enum):
    """Ordered by what wins when one failure was caused by, or met, another."""

    WORLD = "world"
    """Storage or network is away or exhausted. Trying again helps; nobody here is to blame."""
    DEPLOY = "deploy"
    """The program and its database do not fit: a table is missing, a right is missing. Nobody here is to blame,
    and trying again helps only after a better deploy."""
    DATA = "data"
    """It lies in what was given: it cannot be stored, or the code that reads it refused it."""
    UNKNOWN = "unknown"
    """It may be a bug that everything meets, or one that only this record meets."""


_WORLD_CLASSES = {
    "08",  # connection exception
    "25",  # invalid transaction state, the idle timeout included
    "40",  # transaction rollback: deadlock, serialisation
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "55",  # object not in prerequisite state: lock not available
    "57",  # operator intervention: shutdown, crash, cancelled, starting up
    "58",  # system error: input and output
    "F0",  # configuration file
}
_WORLD_CODES = {"XX001", "XX002"}  # a damaged disk
_FAILED_BEFORE = "25P02"
"""An earlier statement of the transaction failed, and somebody swallowed it: it may have been anything."""
_DEPLOY_CLASSES = {
    "0A",  # not supported, a cached plan after a migration included
    "26",  # invalid statement name: the session was exchanged under us
    "28",  # invalid authorization
    "34",  # invalid cursor name, likewise
    "3D",  # no such database
    "3F",  # no such schema
    "42",  # syntax, undefined table or column, insufficient privilege
}
_DATA_CLASSES = {
    "21",  # cardinality: the same row twice in one statement
    "22",  # data exception
    "23",  # integrity constraint
    "44",  # with check option
    "54",  # program limit: a row, an index entry or a statement too large
    "P0",  # raised by a trigger of ours
}
_DATA_TYPES = (ValueError, TypeError, ArithmeticError, LookupError)
"""asyncpg's own refusal to encode an argument is a ValueError, and so are pydantic's and the outbox's."""
_WORLD_TYPES = (
    OSError,  # ConnectionError and TimeoutError among them
    EOFError,
    MemoryError,
    exc.TimeoutError,  # the pool is empty
    exc.PendingRollbackError,  # the connection was lost under an open session
    exc.ResourceClosedError,
)
_WORDS_OF_A_WRONG_CALL = ("argument", "arguments")


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything that it wraps: causes, contexts, drivers' originals, members of groups. Each once."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        members = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        beside = (getattr(one, "orig", None), one.__cause__, one.__context__, *members)
        waiting += [other for other in beside if isinstance(other, BaseException)]


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's code of one exception, whoever wrapped it; None where it has none."""
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code if isinstance(code, str) and len(code) == 5 else None


def _of_code(code: str) -> Fault:
    kind = code[:2]
    if code in _WORLD_CODES or (kind in _WORLD_CLASSES and code != _FAILED_BEFORE):
        return Fault.WORLD
    if kind in _DEPLOY_CLASSES:
        return Fault.DEPLOY
    return Fault.DATA if kind in _DATA_CLASSES else Fault.UNKNOWN


def _of_one(error: BaseException) -> Fault:
    code = sqlstate_of(error)
    if code is not None:
        return _of_code(code)
    if isinstance(error, _DATA_TYPES):
        return Fault.DATA
    if isinstance(error, asyncpg.InterfaceError):
        # A closed or busy connection; or a call with more arguments than a statement takes.
        wrong_call = any(word in str(error).split() for word in _WORDS_OF_A_WRONG_CALL)
        return Fault.UNKNOWN if wrong_call else Fault.WORLD
    if isinstance(error, asyncpg.InternalClientError):
        # A session that was ended from outside: told so within a transaction, asyncpg refuses the next statement
        # as one that overlaps another until the connection itself has gone.
        return Fault.WORLD
    lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    # Kafka's clients are known by where they are from: only the bus and the outbox may import them.
    kafka = type(error).__module__.partition(".")[0] in ("aiokafka", "kafka")
    return Fault.WORLD if lost or kafka or isinstance(error, _WORLD_TYPES) else Fault.UNKNOWN


def fault_of(error: BaseException) -> Fault:
    """Whose fault `error` is, judged by all that it wraps; a failure of the world among them excuses the rest."""
    found = {_of_one(one) for one in causes(error)}
    return next(fault for fault in Fault if fault in found)


def is_away(error: BaseException) -> bool:
    """Whether storage is away: the same request, tried again in a moment, may well succeed."""
    return fault_of(error) is Fault.WORLD


async def culprits(
    items: Sequence[Item], do: Callable[[Sequence[Item]], Awaitable[None]]
) -> list[tuple[Item, Exception]]:
    """Do it with all items, in as few calls as may be; those with which it fails, alone, twice, and why.

    `do` is one transaction: what fails leaves nothing behind. Raises a failure of the world, or of a wrong deploy.
    """
    try:
        await do(items)
    except Exception as error:
        if fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
            raise
    else:
        return []
    if len(items) > 1:
        middle = len(items) // 2
        return [*await culprits(items[:middle], do), *await culprits(items[middle:], do)]
    try:
        await do(items)
    except Exception as error:
        if fault_of(error) in (Fault.WORLD, Fault.DEPLOY):
            raise
        return [(items[0], error)]
    return []


def reason_of(error: BaseException) -> str:
    """A short code for a metric label and a header: `database_22003`, `handler_OverflowError`."""
    for one in causes(error):
        code = sqlstate_of(one)
        if code is not None:
            return f"database_{code}"
    return f"handler_{type(error).__name__}"
