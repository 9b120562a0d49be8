"""What this service has said about its facts, and what is still to be looked at. The facts stand in `facts.py`.

Verdicts and coverage are never stored; `published_*` only remember what was last announced.
"""

import datetime as dt
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import registry

from shared.tables import Table, column


class Stored(Table, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


class Touched(Stored, table=True):
    """Work dates whose facts changed since the ticker last judged them; null stands for every date.

    Append-only for the fold, emptied by the ticker: the order of rows means nothing.
    """

    id: int = column(BigInteger, key=True)
    work_date: dt.date | None


class NextDue(Stored, table=True):
    """The earliest instant at which time alone may change a verdict of the work date."""

    work_date: dt.date = column(key=True)
    due_at: dt.datetime


class PublishedDay(Stored, table=True):
    """The states of one person-day's duties as last announced; revision counts the announcements."""

    work_date: dt.date = column(key=True)
    employee_id: UUID = column(key=True)
    on_time: str = column(Text)
    place: str = column(Text)
    hours: str = column(Text)
    report: str = column(Text)
    output: str = column(Text)
    revision: int = column(BigInteger)


class PublishedCoverage(Stored, table=True):
    """The status of one service point as last announced."""

    unit_id: str = column(Text, key=True)
    status: str = column(Text)
    revision: int = column(BigInteger)


class GonePlan(Stored, table=True):
    """A plan that was taken out with a disowned event, until the ticker has looked for another in its place."""

    employee_id: UUID = column(key=True)
    work_date: dt.date = column(key=True)
    opd_code: str = column(Text)


class GoneUnit(Stored, table=True):
    """A unit that was taken out with a disowned event, likewise."""

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)


class Rebuilding(Stored, table=True):
    """Has its one row while the fact tables are incomplete: no transition is announced then."""

    unfinished: bool = column(key=True)
