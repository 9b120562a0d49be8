"""Plans and what follows from the facts in a table for each month; how each table is vacuumed.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from services.reporting.migrations import functions

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PLANS = (
    "alter table fact_plan rename to fact_plan_before",
    "create table fact_plan (like fact_plan_before) partition by range (work_date)",
    "create table fact_plan_other partition of fact_plan default",
)
_PLANS_FILLED = (
    "insert into fact_plan select * from fact_plan_before",
    "drop table fact_plan_before",
    # Last, for it is faster so; each partition has them too.
    "alter table fact_plan add primary key (employee_id, work_date)",
    "create index fact_plan_by_date on fact_plan (work_date, employee_id)",
    "create index fact_plan_overnight on fact_plan (unit_id, work_date) "
    "where mode = 'WFO' and ends_at > ((work_date + 1)::timestamp at time zone 'Asia/Jakarta')",
    "create index fact_plan_at_counter on fact_plan (unit_id, work_date) where mode = 'WFO'",
    "analyze fact_plan",
)
# Computed from the facts again: nothing is copied.
_COMPUTED = tuple(
    statement
    for table, dated, key in (
        ("person_day", "work_date", "work_date, employee_id"),
        ("counter_day", "day", "day, unit_id"),
    )
    for statement in (
        f"create table {table}_months (like {table}) partition by range ({dated})",
        f"drop table {table}",
        f"alter table {table}_months rename to {table}",
        f"create table {table}_other partition of {table} default",
        f"alter table {table} add primary key ({key})",
    )
)
_ANEW = (
    "insert into touched (work_date) "
    "select null where exists (select from fact_plan) or exists (select from fact_unit) "
    "on conflict do nothing",
)
# What the defaults (a fifth of the table has changed) make of a table that holds years: it would be vacuumed and
# analyzed the more seldom the more it holds. Constant numbers keep the cost and the freshness of a day.
_KEPT = (
    *(
        # Facts are hardly ever replaced: the vacuum after inserts marks pages as visible to all, and cleans no
        # index; statistics know each new date within an hour of its morning.
        f"alter table {table} set (autovacuum_vacuum_insert_scale_factor = 0, "
        "autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_scale_factor = 0, "
        "autovacuum_analyze_threshold = 20000, autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 50000)"
        for table in ("fact_punch", "fact_report", "fact_review")
    ),
    # 70 days of announcements, each changed some five times: `due_at` is indexed, so no change is a HOT one.
    "alter table published_day set (autovacuum_vacuum_scale_factor = 0.02, "
    "autovacuum_analyze_scale_factor = 0.05)",
    # Queues: rows come and go all day and almost none are there at a time, but each look at the queue passes over
    # those that are dead. Vacuumed at once and without pauses, for there are few pages.
    *(
        f"alter table {table} set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, "
        "autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_cost_delay = 0)"
        for table in ("touched", "touched_counter", "outbox")
    ),
)


def upgrade() -> None:
    execute = op.get_bind().exec_driver_sql
    functions.install(execute)
    for statement in _PLANS:
        execute(statement)
    months = execute(
        "select date_trunc('month', work_date)::date from fact_plan_before where isfinite(work_date) "
        "group by 1 having count(*) >= 5000 order by 1"
    )
    for month in months.scalars().all():
        execute(f"select make_month('fact_plan', 'work_date', '{month}')")
    for statement in (*_PLANS_FILLED, *_COMPUTED, *_ANEW, *_KEPT):
        execute(statement)
    execute("select tune_month('fact_plan_other', 'fact_plan')")
    execute("select tune_month('person_day_other', 'person_day')")
    execute("select tune_month('counter_day_other', 'counter_day')")


def downgrade() -> None:
    raise NotImplementedError("facts are rebuilt from the log: drop the database and run `hadir rebuild`")
