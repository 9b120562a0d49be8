-- Verdicts (docs/rules.md#verdicts). Facts in, states out; nothing is stored.
-- Every timestamp is an instant; local dates and times are those of Asia/Jakarta, which has no summer time.

create or replace function local_midnight(day date) returns timestamptz
language sql immutable parallel safe as $$
    select day::timestamp at time zone 'Asia/Jakarta'
$$;

-- Local wall time `HH:MM[:SS]`, `24:00` included, as the time since midnight; null for any other text. Facts of
-- older versions may hold digits of other scripts: one such row must not stop every view.
create or replace function wall_time(said text) returns interval
language sql immutable parallel safe as $$
    select case when said ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$' or said ~ '^24:00(:00)?$'
        then said::interval end
$$;

-- All dates of all known years' calendars, both kinds.
create or replace function holidays() returns table (day date)
language sql stable parallel safe as $$
    select distinct (holiday ->> 'date')::date
    from fact_calendar, jsonb_array_elements(fact_calendar.holidays) as holiday
$$;

-- The n-th working day after `day`, `day` itself for n = 0. n counts for at most 10,000 (some 40 years).
create or replace function working_day_after(day date, n integer) returns date
language sql stable parallel safe as $$
    select case when n <= 0 then day else (
        select candidate
        from (
            select day + i as candidate
            -- each week has five working days but for the holidays
            from generate_series(1, ((least(n, 10000) + (select count(*)::int from holidays())) / 5 + 1) * 7) as i
        ) as days
        where extract(isodow from candidate) < 6 and candidate not in (select holidays.day from holidays())
        order by candidate
        offset least(n, 10000) - 1 limit 1
    ) end
$$;

-- The rules in force on a date, and what holds without any: one row, whose rules_version is null then.
create or replace function rules_in_force(day date)
returns table (
    rules_version text, tolerance interval, report_modes jsonb, cutoff interval, review_sla_working_days integer
)
language sql stable parallel safe as $$
    select rules.rules_version, coalesce(rules.tolerance_minutes, 0) * interval '1 minute',
        coalesce(rules.report_modes, '["WFO", "WFH"]'), coalesce(wall_time(rules.report_cutoff), '23:59:59'),
        coalesce(rules.review_sla_working_days, 3)
    from (select) as always left join lateral (
        select * from fact_rules
        where effective_from <= day and wall_time(report_cutoff) is not null
        order by effective_from desc, rules_version collate "C" desc limit 1
    ) as rules on true
$$;

-- By when the report of a person-day is due: what judgements() calls cutoff_at; null where no report is due.
create or replace function report_cutoff(whose uuid, day date) returns timestamptz
language sql stable parallel safe as $$
    select (coalesce((plan.ends_at at time zone 'Asia/Jakarta')::date, plan.work_date) + rules.cutoff)
        at time zone 'Asia/Jakarta'
    from fact_plan as plan cross join lateral rules_in_force(plan.work_date) as rules
    where plan.employee_id = whose and plan.work_date = day and plan.mode not in ('LEAVE', 'OFF')
        and rules.report_modes ? plan.mode
$$;

-- Whether a scope names this OPD or unit, of one outage and one unit or person. For many of them see down_times.
create or replace function scope_contains(scope jsonb, opd_code text, unit_id text) returns boolean
language sql immutable parallel safe as $$
    select coalesce((scope -> 'all')::boolean, false)
        or coalesce(scope -> 'opd_codes' ? opd_code, false)
        or coalesce(scope -> 'unit_ids' ? unit_id, false)
$$;

-- When the systems of whom were down: each outage that is not revoked and overlaps [a, b], once for each code that
-- its scope names. Whoever asks for many people or units looks for their codes in it: a scope is read once, however
-- long it is.
-- `whose` is 'all' (code null), 'opd' or 'unit'. An outage that ends before it begins is no interval.
create or replace function down_times(a timestamptz, b timestamptz)
returns table (whose text, code text, starts_at timestamptz, ends_at timestamptz)
language sql stable as $$
with outage as materialized (
    select outage.scope, outage.starts_at, outage.ends_at
    from fact_outage as outage
    where not outage.revoked and outage.starts_at <= outage.ends_at
        and outage.starts_at <= b and outage.ends_at >= a
)
select 'all', null, outage.starts_at, outage.ends_at from outage where (outage.scope -> 'all')::boolean
union all
select 'opd', named.code, outage.starts_at, outage.ends_at
from outage cross join lateral jsonb_array_elements_text(outage.scope -> 'opd_codes') as named(code)
union all
select 'unit', named.code, outage.starts_at, outage.ends_at
from outage cross join lateral jsonb_array_elements_text(outage.scope -> 'unit_ids') as named(code)
$$;

-- The plans of the work dates `first` to `last`, of some people or one OPD when given, judged by what had happened:
-- as of `t`, one row for each; when `t` is null at every instant `at` at which a state may change, the first of them
-- -infinity, so that the row with the greatest `at` not after an instant says what is so then. PostgreSQL's instants
-- are whole microseconds: what holds until x, x included, is another thing from x + 1 us on.
-- A state comes with the rule that gave it (`*_because`) and the instants that the rule looked at. `next_due` is the
-- earliest instant from `at` on after which time alone may change one of the five states.
create or replace function judgements(
    first date, last date, t timestamptz, only_people uuid[] default null, only_opd text default null
) returns table (
    at timestamptz, employee_id uuid, work_date date, opd_code text, unit_id text, mode text,
    starts_at timestamptz, ends_at timestamptz, policy_version text, rules_version text,
    on_time text, place text, hours text, report text, output text,
    on_time_because text, place_because text, hours_because text, report_because text, output_because text,
    tolerance interval, deadline timestamptz, close_at timestamptz, cutoff_at timestamptz,
    first_in_id uuid, first_in_at timestamptz, first_in_zone text, last_out_at timestamptz,
    certain_in_at timestamptz, certain_out_at timestamptz,
    first_submitted_at timestamptz, report_id uuid, report_revision bigint, submitted_at timestamptz,
    review_revision bigint, decision text, accepted_total numeric, review_due timestamptz, next_due timestamptz
)
language sql stable as $$
with in_force as materialized (
    select days.work_date, rules.rules_version, rules.tolerance,
        array(select distinct jsonb_array_elements_text(rules.report_modes)) as report_modes,
        rules.cutoff, rules.review_sla_working_days as sla
    -- Of an array's length the planner thinks 10 where it thinks 1,000 of a series' (`generate_series`). One plan serves
    -- any dates and people (store/planner.py): for a thousand dates it would make room for millions of rows each time.
    from unnest(array(select first + i from generate_series(0, last - first) as i)) as days(work_date)
        cross join lateral rules_in_force(days.work_date) as rules
-- Everyone's facts of whole dates are read at one go. Those of some are looked up person-day by person-day, whatever
-- the planner believes of the size of a date (`offset 0`): what they cost depends on them alone.
), found as (
    select plan.* from fact_plan as plan
    where only_people is null and plan.work_date between first and last
        and (only_opd is null or plan.opd_code = only_opd)
    union all
    select plan.*
    from (select distinct person.id from unnest(only_people) as person(id)) as person cross join in_force
        cross join lateral (
            select * from fact_plan as plan
            where plan.employee_id = person.id and plan.work_date = in_force.work_date
                and plan.work_date between first and last  -- so that no other month is planned for
            offset 0
        ) as plan
    where only_people is not null and (only_opd is null or plan.opd_code = only_opd)
), plan as materialized (
    select plan.employee_id, plan.work_date, plan.opd_code, plan.unit_id, plan.mode,
        plan.starts_at, plan.ends_at, plan.policy_version, rules.rules_version, rules.sla, rules.tolerance,
        plan.mode = any (rules.report_modes) as report_due,
        plan.starts_at + rules.tolerance as deadline,
        greatest(local_midnight(plan.work_date + 1), plan.ends_at + interval '4 hours') as close_at,
        (coalesce((plan.ends_at at time zone 'Asia/Jakarta')::date, plan.work_date) + rules.cutoff)
            at time zone 'Asia/Jakarta' as cutoff_at
    from found as plan join in_force as rules on rules.work_date = plan.work_date
), punch as (
    select punch.* from fact_punch as punch
    where only_people is null and only_opd is null and punch.work_date between first and last
        and punch.at <= coalesce(t, 'infinity')
        and not exists (select from fact_void as void where void.punch_id = punch.punch_id)
    union all
    select punch.* from plan cross join lateral (
        select * from fact_punch as punch
        where punch.work_date = plan.work_date and punch.employee_id = plan.employee_id
            and punch.at <= coalesce(t, 'infinity')
        offset 0
    ) as punch
    where (only_people is not null or only_opd is not null)
        and (select true from fact_void as void where void.punch_id = punch.punch_id) is null
), attended as materialized (
    -- What the punches of a kind up to each of them say, and until which the next one comes.
    select punch.employee_id, punch.work_date, punch.kind, punch.at as since, lead(punch.at) over so_far as until,
        first_value(punch.punch_id) over so_far as first_id, first_value(punch.at) over so_far as first_at,
        first_value(punch.zone) over so_far as first_zone,
        min(punch.certain_at) over so_far as first_certain_at, max(punch.certain_at) over so_far as last_certain_at
    from (
        select punch.*, case
            when punch.time_trust <> 'unverified' then punch.at
            when punch.kind = 'in' then punch.received_at
        end as certain_at
        from punch
    ) as punch
    window so_far as (
        partition by punch.employee_id, punch.work_date, punch.kind order by punch.at, punch.punch_id
        rows between unbounded preceding and current row
    )
), report as (
    select report.* from fact_report as report
    where only_people is null and only_opd is null and report.work_date between first and last
        and report.submitted_at <= coalesce(t, 'infinity')
    union all
    select report.* from plan cross join lateral (
        select * from fact_report as report
        where report.work_date = plan.work_date and report.employee_id = plan.employee_id
            and report.submitted_at <= coalesce(t, 'infinity')
        offset 0
    ) as report
    where only_people is not null or only_opd is not null
), submitted as (
    -- A revision rules from its submission on until a higher one is submitted.
    select report.employee_id, report.work_date, report.report_id, report.report_revision, report.submitted_at,
        min(report.submitted_at) over (highest_first rows between unbounded preceding and 1 preceding) as until,
        min(report.submitted_at) over (
            highest_first rows between unbounded preceding and unbounded following
        ) as first_submitted_at
    from report
    window highest_first as (
        partition by report.employee_id, report.work_date
        order by report.report_revision desc, report.report_id desc
    )
), review as (
    select review.* from fact_review as review
    where only_people is null and only_opd is null and review.work_date between first and last
        and review.reviewed_at <= coalesce(t, 'infinity')
    union all
    select review.* from plan cross join lateral (
        select * from fact_review as review
        where review.work_date = plan.work_date and review.employee_id = plan.employee_id
            and review.reviewed_at <= coalesce(t, 'infinity')
        offset 0
    ) as review
    where only_people is not null or only_opd is not null
), decided as (
    select review.*, min(review.reviewed_at) over (
        partition by review.employee_id, review.work_date, review.report_id, review.report_revision
        order by review.review_revision desc
        rows between unbounded preceding and 1 preceding
    ) as until
    from review
), ruling as (
    -- The revision that rules with the review of it that does, one after another.
    select submitted.*, submitted.submitted_at as since,
        null::bigint as review_revision, null as decision, null::numeric as accepted_total
    from submitted
    where submitted.submitted_at < coalesce(submitted.until, 'infinity')
    union all
    select submitted.*, greatest(submitted.submitted_at, decided.reviewed_at),
        decided.review_revision, decided.decision, decided.accepted_total
    from submitted join decided using (employee_id, work_date, report_id, report_revision)
    where submitted.submitted_at < coalesce(submitted.until, 'infinity')
        and decided.reviewed_at < coalesce(decided.until, 'infinity')
        and decided.reviewed_at < coalesce(submitted.until, 'infinity')
), reported as materialized (
    select ruling.employee_id, ruling.work_date, ruling.report_id, ruling.report_revision, ruling.submitted_at,
        ruling.first_submitted_at, ruling.review_revision, ruling.decision, ruling.accepted_total, ruling.since,
        lead(ruling.since, 1, ruling.until) over (
            partition by ruling.employee_id, ruling.work_date, ruling.report_id, ruling.report_revision
            order by ruling.since, ruling.review_revision nulls first
        ) as until,
        (ruling.submitted_at at time zone 'Asia/Jakarta')::date as day, in_force.sla
    from ruling join in_force on in_force.work_date = ruling.work_date
), sla as materialized (
    select waits.day, waits.sla, local_midnight(working_day_after(waits.day, waits.sla) + 1) as until
    from (select distinct reported.day, reported.sla from reported where reported.decision is null) as waits
), span as (
    select least(min(plan.starts_at), min(plan.cutoff_at)) - interval '60 minutes' as a,
        greatest(max(plan.deadline), max(plan.cutoff_at)) as b
    from plan
), down as materialized (
    select down.whose, down.code, range_agg(tstzrange(down.starts_at, down.ends_at, '[]')) as during
    from span cross join lateral down_times(span.a, span.b) as down
    where down.whose = 'all'
        or down.whose = 'opd' and down.code in (select plan.opd_code from plan)
        or down.whose = 'unit' and down.code in (select plan.unit_id from plan)
    group by down.whose, down.code
), edge as (
    select plan.employee_id, plan.work_date, t as at from plan where t is not null
    union all
    select plan.employee_id, plan.work_date, unnest(array_remove(array[
        '-infinity', plan.deadline + interval '1 us', plan.ends_at + interval '1 us', plan.close_at,
        plan.cutoff_at + interval '1 us'
    ], null))
    from plan where t is null
    union all
    select attended.employee_id, attended.work_date, attended.since from attended where t is null
    union all
    select reported.employee_id, reported.work_date, reported.since from reported where t is null
    union all
    select reported.employee_id, reported.work_date, sla.until
    from reported join sla using (day, sla) where t is null and reported.decision is null
), seen as (
    select plan.*, edge.at as t,
        came.first_id as first_in_id, came.first_at as first_in_at, came.first_zone as first_in_zone,
        case when went.since > came.first_at then went.since end as last_out_at,
        came.first_certain_at as certain_in_at, went.last_certain_at as certain_out_at,
        reported.first_submitted_at, reported.report_id, reported.report_revision, reported.submitted_at,
        reported.review_revision, reported.decision, reported.accepted_total, sla.until as review_due
    from (
            select plan.*,
                everyone_down && start_span or opd_down.during && start_span or unit_down.during && start_span
                    as start_down,
                everyone_down && cutoff_span or opd_down.during && cutoff_span or unit_down.during && cutoff_span
                    as cutoff_down
            from (
                    select plan.*, (select down.during from down where down.whose = 'all') as everyone_down,
                        tstzrange(plan.starts_at - interval '60 minutes', plan.deadline, '[]') as start_span,
                        tstzrange(plan.cutoff_at - interval '60 minutes', plan.cutoff_at, '[]') as cutoff_span
                    from plan
                ) as plan
                left join down as opd_down on opd_down.whose = 'opd' and opd_down.code = plan.opd_code
                left join down as unit_down on unit_down.whose = 'unit' and unit_down.code = plan.unit_id
            offset 0
        ) as plan
        join edge on edge.employee_id = plan.employee_id and edge.work_date = plan.work_date
        left join attended as came on came.employee_id = plan.employee_id and came.work_date = plan.work_date
            and came.kind = 'in' and came.since <= edge.at and edge.at < coalesce(came.until, 'infinity')
        left join attended as went on went.employee_id = plan.employee_id and went.work_date = plan.work_date
            and went.kind = 'out' and went.since <= edge.at and edge.at < coalesce(went.until, 'infinity')
        left join reported on reported.employee_id = plan.employee_id and reported.work_date = plan.work_date
            and reported.since <= edge.at and edge.at < coalesce(reported.until, 'infinity')
        left join sla on sla.day = reported.day and sla.sla = reported.sla
            and plan.report_due and reported.decision is null
), first_judged as (
    -- `offset 0`: each code is worked out once, though it is asked for more than once
    select seen.*,
        case
            when seen.mode = 'LEAVE' then 'not_due:leave'
            when seen.mode = 'OFF' then 'not_due:off'
            when seen.mode = 'DUTY_TRAVEL' then 'not_due:duty_travel'
            when seen.certain_in_at <= seen.deadline then 'met:in_by_deadline'
            when seen.first_in_at is null and seen.t <= seen.deadline then 'pending:in_awaited'
            when seen.first_in_at <= seen.deadline then 'unknown:in_unverified'
            when seen.start_down then 'unknown:outage'
            when seen.first_in_at is null then 'not_met:no_in'
            else 'not_met:in_after_deadline'
        end as on_time_code,
        case
            when seen.mode = 'LEAVE' then 'not_due:leave'
            when seen.mode = 'OFF' then 'not_due:off'
            when not seen.report_due then 'not_due:mode_without_report'
            when seen.first_submitted_at <= seen.cutoff_at then 'met:submitted_by_cutoff'
            when seen.t <= seen.cutoff_at then 'pending:report_awaited'
            when seen.cutoff_down then 'unknown:outage'
            when seen.first_submitted_at is null then 'not_met:no_report'
            else 'not_met:submitted_after_cutoff'
        end as report_code
    from seen
    offset 0
), judged as (
    select first_judged.*,
        case
            when on_time_code like 'not\_due:%' then on_time_code
            when first_in_at is null and first_judged.t <= ends_at then 'pending:in_awaited'
            when first_in_at is null then split_part(on_time_code, ':', 1) || ':no_in_as_on_time'
            when first_in_zone = 'office' then 'met:in_at_office'
            when first_in_zone in ('uncertain', 'unknown') then 'unknown:position_' || first_in_zone
            when mode = 'WFH' and first_in_zone = 'remote' then 'met:in_at_remote_place'
            else 'not_met:in_' || first_in_zone
        end as place_code,
        case
            when on_time_code like 'not\_due:%' then on_time_code
            when first_in_at is null and first_judged.t <= ends_at then 'pending:in_awaited'
            when first_in_at is null then split_part(on_time_code, ':', 1) || ':no_in_as_on_time'
            when certain_out_at > certain_in_at and certain_out_at - certain_in_at >= ends_at - starts_at - tolerance
                then 'met:hours_worked'
            when last_out_at - first_in_at >= ends_at - starts_at - tolerance then 'unknown:hours_unverified'
            when first_judged.t < close_at then 'pending:out_awaited'
            when last_out_at is not null then 'not_met:hours_short'
            else 'unknown:no_out'
        end as hours_code,
        case
            when report_code like 'not\_due:%' then report_code
            when report_revision is null and first_judged.t <= cutoff_at then 'pending:report_awaited'
            when report_revision is null then split_part(report_code, ':', 1) || ':no_report_as_report'
            when decision = 'accepted' and accepted_total > 0 then 'met:accepted'
            when decision = 'accepted' then 'not_met:accepted_nothing'
            when decision = 'returned' then 'not_met:returned'
            when first_judged.t < review_due then 'pending:review_awaited'
            else 'unknown:review_overdue'
        end as output_code
    from first_judged
    offset 0
)
select judged.t, employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, rules_version,
    split_part(on_time_code, ':', 1), split_part(place_code, ':', 1), split_part(hours_code, ':', 1),
    split_part(report_code, ':', 1), split_part(output_code, ':', 1),
    split_part(on_time_code, ':', 2), split_part(place_code, ':', 2), split_part(hours_code, ':', 2),
    split_part(report_code, ':', 2), split_part(output_code, ':', 2),
    tolerance, deadline, close_at, cutoff_at,
    first_in_id, first_in_at, first_in_zone, last_out_at, certain_in_at, certain_out_at,
    first_submitted_at, report_id, report_revision, submitted_at,
    review_revision, decision, accepted_total, review_due,
    least(
        case when on_time_code like 'pending:%' then deadline end,
        case when place_code like 'pending:%' and ends_at >= judged.t then ends_at end,
        case when hours_code like 'pending:%' then
            case when first_in_at is not null then close_at when ends_at >= judged.t then ends_at end end,
        case when report_code like 'pending:%' then cutoff_at end,
        case when output_code like 'pending:%' then
            case when report_revision is not null then review_due
                when cutoff_at >= judged.t then cutoff_at end end
    )
from judged
$$;

-- One row for each plan, judged as of `t`.
create or replace function verdicts(
    first date, last date, t timestamptz, only_people uuid[] default null, only_opd text default null
) returns table (
    employee_id uuid, work_date date, opd_code text, unit_id text, mode text,
    starts_at timestamptz, ends_at timestamptz, policy_version text, rules_version text,
    on_time text, place text, hours text, report text, output text,
    on_time_because text, place_because text, hours_because text, report_because text, output_because text,
    tolerance interval, deadline timestamptz, close_at timestamptz, cutoff_at timestamptz,
    first_in_id uuid, first_in_at timestamptz, first_in_zone text, last_out_at timestamptz,
    certain_in_at timestamptz, certain_out_at timestamptz,
    first_submitted_at timestamptz, report_id uuid, report_revision bigint, submitted_at timestamptz,
    review_revision bigint, decision text, accepted_total numeric, review_due timestamptz, next_due timestamptz
)
language sql stable as $$
select judged.employee_id, judged.work_date, judged.opd_code, judged.unit_id, judged.mode,
    judged.starts_at, judged.ends_at, judged.policy_version, judged.rules_version,
    judged.on_time, judged.place, judged.hours, judged.report, judged.output,
    judged.on_time_because, judged.place_because, judged.hours_because, judged.report_because,
    judged.output_because,
    judged.tolerance, judged.deadline, judged.close_at, judged.cutoff_at,
    judged.first_in_id, judged.first_in_at, judged.first_in_zone, judged.last_out_at,
    judged.certain_in_at, judged.certain_out_at,
    judged.first_submitted_at, judged.report_id, judged.report_revision, judged.submitted_at,
    judged.review_revision, judged.decision, judged.accepted_total, judged.review_due, judged.next_due
from judgements(first, last, t, only_people, only_opd) as judged
$$;

-- One row for each plan: its states at every instant, as the table person_day keeps them. `first_day` to `last_day`
-- are the local dates that its punches, voided ones too, and its hours reach.
create or replace function verdict_steps(first date, last date, only_people uuid[] default null)
returns table (
    work_date date, employee_id uuid, opd_code text, unit_id text, mode text,
    starts_at timestamptz, ends_at timestamptz, rules_version text, since timestamptz[], codes smallint[],
    first_day date, last_day date
)
language sql stable as $$
select step.work_date, step.employee_id, step.opd_code, step.unit_id, step.mode, step.starts_at, step.ends_at,
    step.rules_version, step.since, step.codes,
    least(step.work_date, (reach.first_at at time zone 'Asia/Jakarta')::date),
    greatest(step.work_date, (greatest(reach.last_at, step.ends_at) at time zone 'Asia/Jakarta')::date)
from (
        select step.work_date, step.employee_id, step.opd_code, step.unit_id, step.mode, step.starts_at,
            step.ends_at, step.rules_version,
            array_agg(step.at order by step.at) as since, array_agg(step.code order by step.at) as codes
        from (
            select judged.*, lag(judged.code) over (
                partition by judged.work_date, judged.employee_id order by judged.at
            ) as before
            from (
                select judged.work_date, judged.employee_id, judged.opd_code, judged.unit_id, judged.mode,
                    judged.starts_at, judged.ends_at, judged.rules_version, judged.at,
                    state_code(judged.on_time, judged.place, judged.hours, judged.report, judged.output) as code
                from judgements(first, last, null, only_people) as judged
            ) as judged
        ) as step
        where step.before is distinct from step.code
        group by step.work_date, step.employee_id, step.opd_code, step.unit_id, step.mode, step.starts_at,
            step.ends_at, step.rules_version
    ) as step
    cross join lateral (
        select min(punch.at) as first_at, max(punch.at) as last_at from fact_punch as punch
        where punch.work_date = step.work_date and punch.employee_id = step.employee_id
    ) as reach
$$;

-- Five states as one number, and one of them back by its duty's place: `code_of` in domain/figures.py.
create or replace function state_code(on_time text, place text, hours text, report text, output text)
returns smallint
language sql immutable parallel safe as $$
    select (
        array_position(array['met', 'not_met', 'unknown', 'pending', 'not_due'], on_time) - 1
        + 5 * (array_position(array['met', 'not_met', 'unknown', 'pending', 'not_due'], place) - 1)
        + 25 * (array_position(array['met', 'not_met', 'unknown', 'pending', 'not_due'], hours) - 1)
        + 125 * (array_position(array['met', 'not_met', 'unknown', 'pending', 'not_due'], report) - 1)
        + 625 * (array_position(array['met', 'not_met', 'unknown', 'pending', 'not_due'], output) - 1)
    )::smallint
$$;

create or replace function state_of(code smallint, place integer) returns text
language sql immutable parallel safe as $$
    select (array['met', 'not_met', 'unknown', 'pending', 'not_due'])[
        code / (array[1, 5, 25, 125, 625])[place] % 5 + 1
    ]
$$;
