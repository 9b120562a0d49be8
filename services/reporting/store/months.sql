-- Tables whose key holds the date are partitioned by month: `<table>_2026_01`, and `<table>_other` for the dates of
-- which too few are known to have a table of their own.

-- Make the partition of the month that begins with `month`, with the rows of it that lie in `_other`; returns how
-- many these were. Whoever calls this holds the tables that have partitions alone (months.py): for a snapshot from
-- before, the rows would be in neither place.
create or replace function make_month(parent text, dated text, month date) returns bigint
language plpgsql as $$
declare
    fresh text := parent || to_char(month, '_YYYY_MM');
    until date := month + interval '1 month';
    moved bigint;
begin
    -- One at a time, and in the order in which everybody locks: first the parent, then what belongs to it.
    execute format('lock table %I in share update exclusive mode', parent);
    if to_regclass(quote_ident(fresh)) is not null then
        return 0;
    end if;
    execute format('create table %I (like %I including all)', fresh, parent);
    perform tune_month(fresh, parent);
    execute format('lock table %I in access exclusive mode', parent || '_other');
    execute format(
        'with gone as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from gone',
        parent || '_other', dated, month, dated, until, fresh
    );
    get diagnostics moved = row_count;
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, fresh, month, until);
    return moved;
end
$$;

-- How a partition is kept, which a partitioned table cannot say for its partitions.
-- A day of 24,000 people is written within hours and then hardly changes: after a fiftieth of a month has changed,
-- its statistics are wrong about today.
create or replace function tune_month(partition text, parent text) returns void
language plpgsql as $$
begin
    execute format('alter table %I set (autovacuum_vacuum_scale_factor = 0.02, '
        'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)', partition);
    if parent in ('person_day', 'person_output', 'person_task', 'counter_day') then
        -- A person-day is computed anew some four times, a counter's day with each arrival, and no column that
        -- changes is indexed: with room in its page the new version stays there (HOT) and no index is touched.
        execute format('alter table %I set (fillfactor = %s)', partition,
            case parent when 'counter_day' then 50 else 80 end);
    end if;
end
$$;
