"""What follows from this service's facts, and what it has said of it. The facts stand in `facts.py`.

Facts are the truth. `person_day`, `person_output`, `person_task` and `counter_day` are what follows from them at
every instant, computed when they change; `touched*` are what has not been computed yet; `published_*` remember
what was last announced.
"""

import datetime as dt
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Double,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE, Range
from sqlalchemy.orm import registry

from shared.tables import Table, column


class Stored(Table, registry=registry()):
    """The base of this service's tables: a registry of its own keeps the services' tables apart."""


class Touched(Stored, table=True):
    """What is to be computed anew, because facts changed: the queue of `store/steps.py`.

    (work_date, employee_id): that person-day. (work_date, null): everyone and every counter of the date.
    (null, null): every date, of those from `from_date` on when it is given. A row of a whole date is worked off in
    the order of employee_id: whoever is not after `done_to` has been computed. It waits since `noted_at` (wall
    time); the first check-in because of which it does was accepted `checked_in_at` (business time).
    """

    work_date: dt.date | None
    employee_id: UUID | None
    done_to: UUID | None
    from_date: dt.date | None
    noted_at: dt.datetime
    checked_in_at: dt.datetime | None

    __table_args__ = (
        UniqueConstraint("work_date", "employee_id", name="touched_key", postgresql_nulls_not_distinct=True),
    )
    # PostgreSQL's key is the constraint: a primary key holds no null.
    __mapper_args__ = {"primary_key": ["work_date", "employee_id"]}


class TouchedCounter(Stored, table=True):
    """A counter's local date that is to be counted anew."""

    day: dt.date = column(key=True)
    unit_id: str = column(Text, key=True)
    noted_at: dt.datetime


class PersonDay(Stored, table=True):
    """The states of one person-day's duties at every instant: computed from the facts, dropped at will.

    `codes[i]` (services/reporting/domain/figures.py, `code_of`) holds from `since[i]` on until `since[i + 1]`; the
    first holds since ever (-infinity), and neighbours differ. So at t it is `codes[width_bucket(t, since)]`. A
    person-day without a plan has no row. From `first_day` to `last_day` are the local dates on which it can be
    seen at a counter: from its earliest punch to its latest, or to the end of its plan.
    """

    work_date: dt.date = column(key=True)
    employee_id: UUID = column(key=True)
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    mode: str = column(Text)
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    rules_version: str | None = column(Text)
    since: list[dt.datetime] = column(ARRAY(DateTime(timezone=True)))
    codes: list[int] = column(ARRAY(SmallInteger))
    first_day: dt.date
    last_day: dt.date

    __table_args__ = {"postgresql_partition_by": "RANGE (work_date)"}


class _Output(Stored):
    """Steps of what one report comes to, as `output_steps` in output.sql makes them: step i holds from `since[i]`
    on until `since[i + 1]`, and before the first one nothing was handed in."""

    work_date: dt.date = column(key=True)
    employee_id: UUID = column(key=True)
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    mode: str = column(Text)
    since: list[dt.datetime] = column(ARRAY(DateTime(timezone=True)))
    earned: list[Decimal] = column(ARRAY(Numeric))
    waiting: list[Decimal] = column(ARRAY(Numeric))
    reported: list[int] = column(ARRAY(SmallInteger))
    returned: list[int] = column(ARRAY(Integer))

    __table_args__ = {"postgresql_partition_by": "RANGE (work_date)"}


class PersonOutput(_Output, table=True):
    """What the report of one person-day with a plan comes to at every instant: computed, dropped at will."""


class PersonTask(_Output, table=True):
    """The same of each task of the report."""

    task: str = column(Text, key=True)


class CounterDay(Stored, table=True):
    """One local date of one service point as it will be if nothing more is recorded: computed, dropped at will.

    Piece i begins at `since[i]` and lasts until `since[i + 1]`, the last until the midnight that ends the date;
    neighbours differ. The totals are those of the pieces before it: whole microseconds by status, and persons
    times microseconds (`filled_us`, `missing_us`). `short_since[i]` is when the shortage began that the piece
    belongs to. As of t the date is the same, cut off at t, unless `inexact` contains t: then the counter is
    counted afresh.
    """

    day: dt.date = column(key=True)
    unit_id: str = column(Text, key=True)
    inexact: list[Range[dt.datetime]] = column(TSTZMULTIRANGE)
    since: list[dt.datetime] = column(ARRAY(DateTime(timezone=True)))
    required: list[int] = column(ARRAY(Integer))
    present_low: list[int] = column(ARRAY(Integer))
    present_high: list[int] = column(ARRAY(Integer))
    status: list[str] = column(ARRAY(Text))
    short_since: list[dt.datetime | None] = column(ARRAY(DateTime(timezone=True)))
    met_us: list[int] = column(ARRAY(BigInteger))
    unknown_us: list[int] = column(ARRAY(BigInteger))
    short_us: list[int] = column(ARRAY(BigInteger))
    filled_us: list[Decimal] = column(ARRAY(Numeric))
    missing_us: list[Decimal] = column(ARRAY(Numeric))

    __table_args__ = {"postgresql_partition_by": "RANGE (day)"}


class PublishedDay(Stored, table=True):
    """The states of one person-day's duties as last announced; revision counts the announcements.

    `code` is null where nothing was announced yet. From `due_at` on the ticker has to look at it: -infinity when
    its steps changed, infinity when no step is left.
    """

    work_date: dt.date = column(key=True)
    employee_id: UUID = column(key=True)
    code: int | None = column(SmallInteger)
    revision: int = column(BigInteger)
    due_at: dt.datetime

    __table_args__ = (Index("published_day_due", "work_date", "due_at"),)


class PublishedCoverage(Stored, table=True):
    """The status of one service point as last announced."""

    unit_id: str = column(Text, key=True)
    status: str = column(Text)
    revision: int = column(BigInteger)


class BudgetDue(Stored, table=True):
    """From `due_at` on a unit's error budget is to be looked at: -infinity when a date of it was counted anew."""

    unit_id: str = column(Text, key=True)
    due_at: dt.datetime

    __table_args__ = (Index("budget_due_by_time", "due_at"),)


class PublishedBudget(Stored, table=True):
    """What was last said of one window of a service point's error budget, and since when it is so; revision counts
    what was said of the window."""

    unit_id: str = column(Text, key=True)
    of_window: str = column(Text, key=True)
    opd_code: str = column(Text)
    status: str = column(Text)
    since: dt.datetime
    burn_rate: float | None = column(Double)
    spent_minutes: float = column(Double)
    budget_minutes: float = column(Double)
    revision: int = column(BigInteger)


class PublishedForecast(Stored, table=True):
    """What was last said of the near future of a service point (`coverage.forecast.v1`); revision counts what was
    said of it. `starts_at` and `ends_at` are those of the shortage, as it was foreseen then."""

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    status: str = column(Text)
    at: dt.datetime
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    required: int
    expected: int
    as_of: dt.datetime
    revision: int = column(BigInteger)


class Demand(Stored, table=True):
    """Who came to a service point in the half hour from `from_at` on, as its machines counted."""

    unit_id: str = column(Text, key=True)
    from_at: dt.datetime = column(key=True)
    arrivals: int
    mean_service_seconds: float = column(Double)
    target_seconds: float = column(Double)

    __table_args__ = (Index("demand_by_time", "from_at"),)


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
    """Has a row that is true while the fact tables are incomplete: nothing is computed or announced then; and one
    that is false from then on, until the last date that a rebuild has touched is computed."""

    unfinished: bool = column(key=True)
