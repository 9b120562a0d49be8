"""A year of one city's facts, made by SQL in the shapes that a year of real days leaves.

24,000 people in 600 units of 44 OPD, half of them counters; 245 work dates of plans, check-ins, check-outs,
reports and reviews: 27 million facts. 60 % of the check-ins come within 15 minutes around 07:30. 4 % are on leave,
3 % travel, 20 % work at home, 2 % stay away, 3 % forget to check out, 2 % of the times are unverified, 1 % work
at night; some punches are voided, some reports revised, some returned; systems fail twice a month.
"""

import datetime as dt
import time
from collections.abc import Sequence

import asyncpg

from bench.harness import console
from services.reporting.store.months import DATED

STAFF, UNITS, OPDS = 24_000, 600, 44
LAST = dt.date(2025, 12, 30)
"""The work date that is being looked at, a Tuesday: of it there is what happened until 16:30."""
HOLIDAYS = [dt.date(2025, month, day) for month, day in (
    (1, 1), (1, 27), (1, 29), (3, 28), (3, 31), (4, 1), (4, 18), (5, 1), (5, 12), (5, 29), (6, 6), (6, 27),
    (9, 5), (12, 25), (12, 26))]  # fmt: skip

_FUNCTIONS = """
-- A number of [0, 1) that person, date and question decide: the same city in each run.
create or replace function chance(person bigint, day date, question integer) returns double precision
language sql immutable as $$
    select (hashint8extended(person * 100000 + (day - date '2000-01-01'), question) & 1048575) / 1048576.0
$$;
create or replace function person_id(person bigint) returns uuid
language sql immutable as $$ select md5('person ' || person)::uuid $$;
create or replace function report_id(person bigint, day date) returns uuid
language sql immutable as $$ select md5('report ' || person || day)::uuid $$;
create or replace function seconds(n double precision) returns interval
language sql immutable as $$ select make_interval(secs => n) $$;
"""
_MASTER = """
insert into fact_unit
select 'UNIT-' || lpad(u::text, 3, '0'), 'OPD-' || lpad((u % {opds})::text, 2, '0'), 'Dinas ' || u % {opds},
    'Unit ' || u, u % 2 = 0, case when u % 2 = 0 then jsonb_build_array(jsonb_build_object(
        'effective_from', '2024-01-01', 'weekdays', '[0, 1, 2, 3, 4]'::jsonb, 'opens', '08:00', 'closes', '15:00',
        'min_staff', {staff} / {units} * 6 / 10, 'on_holidays', false)) else '[]' end, 0.99, 1, gen_random_uuid()
from generate_series(0, {units} - 1) as u;
insert into fact_employee
select person_id(p), 'Pegawai ' || p, 'OPD-' || lpad((p % {units} % {opds})::text, 2, '0'),
    'UNIT-' || lpad((p % {units})::text, 3, '0'), person_id(p % {units}), null, '[]', true, false, 1,
    gen_random_uuid()
from generate_series(0, {staff} - 1) as p;
insert into fact_rules values ('2024-1', '2024-01-01', 0, '["WFO", "WFH", "DUTY_TRAVEL"]', '23:59:59', 3, 0,
    gen_random_uuid())
"""
_PLANS = """
insert into fact_plan
select person_id(p), day, 'OPD-' || lpad((p % {units} % {opds})::text, 2, '0'),
    'UNIT-' || lpad((p % {units})::text, 3, '0'), mode,
    case when mode in ('WFO', 'WFH') then local_midnight(day) + begins end,
    case when mode in ('WFO', 'WFH') then local_midnight(day) + begins + interval '510 minutes' end,
    'half/1', 'policy', 1, gen_random_uuid()
from generate_series(0, {staff} - 1) as p cross join unnest($1::date[]) as day
    cross join lateral (select chance(p, day, 1) as drawn) as draw
    cross join lateral (select case when drawn < 0.04 then 'LEAVE' when drawn < 0.05 then 'OFF'
        when drawn < 0.08 then 'DUTY_TRAVEL' when drawn < 0.28 then 'WFH' else 'WFO' end as mode,
        case when p % 100 = 0 then interval '20 hours' else interval '450 minutes' end as begins) as plan
"""
_PUNCHES = """
insert into fact_punch
select gen_random_uuid(), employee_id, work_date, opd_code, unit_id, kind, at,
    at + case trust when 'unverified' then interval '40 minutes' else interval '0' end, at,
    case when drawn < 0.03 then 'uncertain' when drawn < 0.05 then 'elsewhere' when mode = 'WFH' then 'remote'
        else 'office' end,
    case trust when 'unverified' then 'offline' else 'app' end, '[]', 0, gen_random_uuid(), trust
from (
    select plan.*, kind, chance(p, work_date, ask + 1) as drawn,
        case when chance(p, work_date, ask + 2) < 0.02 then 'unverified' else 'server' end as trust,
        case kind when 'in' then starts_at + seconds(case when chance(p, work_date, 2) < 0.6
                then 900 * chance(p, work_date, 3) - 450 else 6000 * chance(p, work_date, 3) - 3900 end)
            else ends_at + seconds(5400 * power(chance(p, work_date, 4), 2) - 300) end as at
    from generate_series(0, {staff} - 1) as p join fact_plan as plan on plan.employee_id = person_id(p)
        cross join (values ('in', 10), ('out', 20)) as side(kind, ask)
    where work_date = $1 and mode in ('WFO', 'WFH') and chance(p, work_date, 5) >= 0.02
        and (kind = 'in' or chance(p, work_date, 6) >= 0.03)
) as punch
where at <= $2 order by at
"""
_VOIDS = """
insert into fact_void
select punch_id, employee_id, work_date, at + interval '3 hours', 'officer', 'counted twice', 0, gen_random_uuid()
from fact_punch where work_date = $1 and hashtext(punch_id::text) % 500 = 0
"""
_REPORTS = """
insert into fact_report
select report_id(p, work_date), revision, employee_id, work_date, opd_code,
    ends_at - interval '40 minutes' + seconds(7200 * chance(p, work_date, 30))
        + (revision - 1) * interval '1 hour',
    items, revision, gen_random_uuid()
from (
    select p, employee_id, work_date, opd_code, coalesce(ends_at, local_midnight(work_date) + interval '16 hours')
        as ends_at
    from generate_series(0, {staff} - 1) as p join fact_plan as plan on plan.employee_id = person_id(p)
    where work_date = $1 and mode in ('WFO', 'WFH', 'DUTY_TRAVEL') and chance(p, work_date, 31) >= 0.06
) as due
    cross join lateral generate_series(1, case when chance(p, work_date, 32) < 0.05 then 2 else 1 end) as revision
    cross join lateral (
        select jsonb_agg(jsonb_build_object('item_id', n::text, 'task', 'Berkas layanan ' || n, 'quantity', 3 + n,
            'unit', 'berkas', 'norm_minutes', 25, 'evidence_count', 1)) as items
        from generate_series(1, 1 + p % 3) as n
    ) as written
where ends_at + seconds(7200 * chance(p, work_date, 30)) <= $2 order by 6
"""
_REVIEWS = """
insert into fact_review
select report_id, report_revision, 1, employee_id, work_date,
    submitted_at + seconds(3600 + 72000 * drawn), person_id(0),
    case when drawn < 0.03 then 'returned' else 'accepted' end,
    case when drawn < 0.03 then 0 else 4 end, (
        select jsonb_agg(jsonb_build_object('item_id', item ->> 'item_id', 'accepted_quantity', 4))
        from jsonb_array_elements(items) as item), 1, gen_random_uuid()
from (
    select report.*, (hashtext(report_id::text) & 65535) / 65536.0 as drawn from fact_report as report
    where work_date = $1
) as report
where drawn < 0.97 and submitted_at + seconds(3600 + 72000 * drawn) <= $2 order by 6
"""
_OUTAGES = """
insert into fact_outage
select md5('outage ' || day)::uuid, case when extract(month from day)::int % 2 = 0 then '{{"all": true}}'::jsonb
        else '{{"opd_codes": ["OPD-01", "OPD-02"]}}' end,
    local_midnight(day) + interval '7 hours', local_midnight(day) + interval '8 hours', 'network', 'OPD-00', false,
    1, gen_random_uuid()
from unnest($1::date[]) as day where extract(day from day) in (8, 9, 22)
"""
_SIZES = {"staff": STAFF, "units": UNITS, "opds": OPDS}


def work_dates(months: int) -> list[dt.date]:
    """The work dates of the last `months` months, today the last of them; at most a year."""
    first = dt.date(LAST.year, LAST.month - months + 1, 1)
    days = (first + dt.timedelta(n) for n in range((LAST - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]


def now() -> dt.datetime:
    """16:30 in Jakarta on the last date."""
    return dt.datetime(LAST.year, LAST.month, LAST.day, 9, 30, tzinfo=dt.UTC)


async def make(url: str, months: int, *, staff: int = STAFF) -> int:
    """Fill an empty, migrated database of reporting; returns how many facts it then holds.

    Rows lie as they would have come: a roster ahead of each month, then day by day in order of time. Indexes are
    made at the end, which takes a fifth of the time.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "set synchronous_commit = off; set maintenance_work_mem = '1GB'; set work_mem = '256MB'; set jit = off"
        )
        await connection.execute(_FUNCTIONS)
        sizes = {**_SIZES, "staff": staff}
        days = work_dates(months)
        for month in sorted({day.replace(day=1) for day in days}):
            for table, dated in DATED.items():
                await connection.fetchval("select make_month($1, $2, $3)", table, dated, month)
        indexes = await _drop_indexes(connection)
        await connection.execute(_MASTER.format_map(sizes))
        await connection.execute(
            "insert into fact_calendar select 2025, jsonb_agg(jsonb_build_object('date', day, 'kind', 'national', "
            "'name', 'Libur')), 1, gen_random_uuid() from unnest($1::date[]) as day",
            HOLIDAYS,
        )
        started = time.perf_counter()
        for month in sorted({day.replace(day=1) for day in days}):
            of_month = [day for day in days if day.replace(day=1) == month]
            await connection.execute(_PLANS.format_map(sizes), of_month)
            await connection.execute(_OUTAGES.format_map(sizes), of_month)
            await connection.execute("analyze fact_plan")
            for day in of_month:
                await _day(connection, day, sizes)
            console.print(f"  {month:%Y-%m}: {time.perf_counter() - started:,.0f} s")
        for index in indexes:
            await connection.execute(index)
        await connection.execute("truncate touched, touched_counter")
        for table in _TABLES:
            await connection.execute(f"vacuum analyze {table}")
        counts = [await connection.fetchval(f"select count(*) from {table}") for table in _TABLES]  # noqa: S608
        console.print(
            f"  {sum(counts):,} facts of {len(days)} work dates in {time.perf_counter() - started:,.0f} s"
        )
        return sum(counts)
    finally:
        await connection.close()


_TABLES = ("fact_plan", "fact_punch", "fact_void", "fact_report", "fact_review", "fact_outage", "fact_unit")


async def _day(connection: asyncpg.Connection, day: dt.date, sizes: dict[str, int]) -> None:
    # The plans of the date by its index, as soon as there is one; until then a scan of the month.
    for statement in (_PUNCHES, _REPORTS, _REVIEWS):
        await connection.execute(statement.format_map(sizes), day, now())
    await connection.execute(_VOIDS, day)


async def _drop_indexes(connection: asyncpg.Connection) -> Sequence[str]:
    """Drop those of the large tables but what finds a date; returns the statements that make them again."""
    rows = await connection.fetch(
        """
        select pg_get_indexdef(i.indexrelid) as made, i.indexrelid::regclass::text as name,
            i.indrelid::regclass::text as of_table, c.conname as key, pg_get_constraintdef(c.oid) as key_made
        from pg_index as i left join pg_constraint as c on c.conindid = i.indexrelid and c.contype in ('p', 'u')
        where i.indrelid::regclass::text = any($1) and not i.indexrelid::regclass::text like '%by_date'
        """,
        ["fact_plan", "fact_punch", "fact_report", "fact_review"],
    )
    made: list[str] = []
    for row in rows:
        if row["key"]:
            await connection.execute(f"alter table {row['of_table']} drop constraint {row['key']}")
            made.append(f"alter table {row['of_table']} add constraint {row['key']} {row['key_made']}")
        else:
            await connection.execute(f"drop index {row['name']}")
            # Of a partitioned table: for its months too.
            made.append(row["made"].replace(" ON ONLY ", " ON "))
    return made
