"""The catalogue of tasks as staff and officers read it."""

import datetime as dt
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from services.reporting.domain.catalogue import Task, words
from services.reporting.store import catalogue as store
from shared.database import Tx
from shared.refusals import Missing


class TaskView(BaseModel):
    """One version of a task: `norm_minutes` for one `unit`; `opd_code` null for every OPD."""

    model_config = ConfigDict(from_attributes=True)

    task_code: str
    effective_from: dt.date
    name: str
    unit: str
    norm_minutes: float
    opd_code: str | None
    active: bool


class Change(BaseModel):
    """A version that a file makes or alters: its row, and the columns that differ from what is stored."""

    row: int
    change: str
    columns: Sequence[str]


class ImportedTasks(BaseModel):
    """What a file did, or in a dry run would do; of `changes` the first thousand, in a dry run."""

    dry_run: bool
    rows: int
    created: int
    changed: int
    unchanged: int
    changes: Sequence[Change]


def place_of(task: TaskView) -> tuple[int, str]:
    """Where a task stands in the order of a search: an office's own before everyone's, then by code."""
    return int(task.opd_code is None), task.task_code


async def search(  # noqa: PLR0917 - a page of a list
    tx: Tx, day: dt.date, opd_code: str | None, text: str, after: tuple[int, str] | None, limit: int
) -> list[TaskView]:
    """The tasks of everyone and of an OPD in force on a work date that hold every word of `text`, or its
    beginning."""
    found = await store.search(tx, day, opd_code, words(text), after=after, limit=limit)
    return [_shown(task) for task in found]


async def versions(tx: Tx, task_code: str) -> list[TaskView]:
    """Every version of a task, the oldest first. Raises Missing."""
    found = await store.versions(tx, [task_code])
    if not found:
        raise Missing("catalogue.unknown")
    return [_shown(task) for task in found.values()]


def _shown(task: Task) -> TaskView:
    return TaskView.model_validate(task)
