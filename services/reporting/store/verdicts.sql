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

-- One row for each plan of the work dates `first` to `last`, judged as of `t`; of some people or one OPD
-- when given. A state comes with the rule that gave it (`*_because`) and the instants that the rule looked at.
-- `next_due` is the earliest instant from `t` on after which time alone may change one of the five states.
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
with chosen as materialized (
    select days.work_date, (
        select rules.rules_version from fact_rules as rules
        where rules.effective_from <= days.work_date and wall_time(rules.report_cutoff) is not null
        order by rules.effective_from desc, rules.rules_version collate "C" desc limit 1
    ) as rules_version
    from (select first + i as work_date from generate_series(0, last - first) as i) as days
), in_force as materialized (
    select chosen.work_date, chosen.rules_version,
        coalesce(rules.tolerance_minutes, 0) * interval '1 minute' as tolerance,
        array(
            select distinct jsonb_array_elements_text(coalesce(rules.report_modes, '["WFO", "WFH"]'))
        ) as report_modes,
        coalesce(wall_time(rules.report_cutoff), '23:59:59') as cutoff,
        coalesce(rules.review_sla_working_days, 3) as sla
    from chosen left join fact_rules as rules on rules.rules_version = chosen.rules_version
), plan as (
    select plan.employee_id, plan.work_date, plan.opd_code, plan.unit_id, plan.mode,
        plan.starts_at, plan.ends_at, plan.policy_version, rules.rules_version, rules.sla, rules.tolerance,
        plan.mode = any (rules.report_modes) as report_due,
        plan.starts_at + rules.tolerance as deadline,
        greatest(local_midnight(plan.work_date + 1), plan.ends_at + interval '4 hours') as close_at,
        (coalesce((plan.ends_at at time zone 'Asia/Jakarta')::date, plan.work_date) + rules.cutoff)
            at time zone 'Asia/Jakarta' as cutoff_at
    from fact_plan as plan join in_force as rules on rules.work_date = plan.work_date
    where plan.work_date between first and last
        and (only_people is null or plan.employee_id = any(only_people))
        and (only_opd is null or plan.opd_code = only_opd)
), punch as materialized (
    select punch.employee_id, punch.work_date, punch.punch_id, punch.kind, punch.at, punch.zone,
        case
            when punch.time_trust <> 'unverified' then punch.at
            when punch.kind = 'in' then punch.received_at
        end as certain_at
    from fact_punch as punch
    where punch.work_date between first and last and punch.at <= t
        and (only_people is null or punch.employee_id = any(only_people))
        and (only_opd is null or punch.employee_id in (
            select plan.employee_id from fact_plan as plan
            where plan.work_date between first and last and plan.opd_code = only_opd))
        and not exists (select from fact_void as void where void.punch_id = punch.punch_id)
), first_in as (
    select distinct on (punch.employee_id, punch.work_date)
        punch.employee_id, punch.work_date, punch.punch_id, punch.at, punch.zone,
        min(punch.certain_at) over (
            partition by punch.employee_id, punch.work_date
            order by punch.at, punch.punch_id  -- that of the result: one sort serves both
            rows between unbounded preceding and unbounded following
        ) as certain_at
    from punch where punch.kind = 'in'
    order by punch.employee_id, punch.work_date, punch.at, punch.punch_id
), last_out as (
    select punch.employee_id, punch.work_date, max(punch.at) as at, max(punch.certain_at) as certain_at
    from punch where punch.kind = 'out'
    group by punch.employee_id, punch.work_date
), report as (
    select distinct on (report.employee_id, report.work_date)
        report.employee_id, report.work_date, report.report_id, report.report_revision, report.submitted_at,
        min(report.submitted_at) over (
            partition by report.employee_id, report.work_date
            -- the order of the result, so that one sort serves both
            order by report.report_revision desc, report.report_id desc
            rows between unbounded preceding and unbounded following
        ) as first_submitted_at
    from fact_report as report
    where report.work_date between first and last and report.submitted_at <= t
        and (only_people is null or report.employee_id = any(only_people))
    order by report.employee_id, report.work_date, report.report_revision desc, report.report_id desc
), review as (
    select distinct on (review.report_id, review.report_revision) review.*
    from fact_review as review
    where review.work_date between first and last and review.reviewed_at <= t
        and (only_people is null or review.employee_id = any(only_people))
    order by review.report_id, review.report_revision, review.review_revision desc
), seen as materialized (
    select plan.*,
        first_in.punch_id as first_in_id, first_in.at as first_in_at, first_in.zone as first_in_zone,
        case when last_out.at > first_in.at then last_out.at end as last_out_at,
        first_in.certain_at as certain_in_at, last_out.certain_at as certain_out_at,
        report.first_submitted_at, report.report_id, report.report_revision, report.submitted_at,
        review.review_revision, review.decision, review.accepted_total
    from plan
        left join first_in on first_in.employee_id = plan.employee_id and first_in.work_date = plan.work_date
        left join last_out on last_out.employee_id = plan.employee_id and last_out.work_date = plan.work_date
        left join report on report.employee_id = plan.employee_id and report.work_date = plan.work_date
        left join review on review.report_id = report.report_id
            and review.report_revision = report.report_revision
), span as (
    select least(min(seen.starts_at), min(seen.cutoff_at)) - interval '60 minutes' as a,
        greatest(max(seen.deadline), max(seen.cutoff_at)) as b
    from seen
), down as materialized (
    select down.whose, down.code, range_agg(tstzrange(down.starts_at, down.ends_at, '[]')) as during
    from span cross join lateral down_times(span.a, span.b) as down
    where down.whose = 'all'
        or down.whose = 'opd' and down.code in (select seen.opd_code from seen)
        or down.whose = 'unit' and down.code in (select seen.unit_id from seen)
    group by down.whose, down.code
), sla as materialized (
    select waits.day, waits.sla, local_midnight(working_day_after(waits.day, waits.sla) + 1) as until
    from (
        select distinct (seen.submitted_at at time zone 'Asia/Jakarta')::date as day, seen.sla
        from seen where seen.report_due and seen.submitted_at is not null and seen.decision is null
    ) as waits
), first_judged as (
    -- `offset 0`: each code is worked out once, though it is asked for more than once
    select seen.*, sla.until as review_due,
        case
            when seen.mode = 'LEAVE' then 'not_due:leave'
            when seen.mode = 'OFF' then 'not_due:off'
            when seen.mode = 'DUTY_TRAVEL' then 'not_due:duty_travel'
            when seen.certain_in_at <= seen.deadline then 'met:in_by_deadline'
            when seen.first_in_at is null and t <= seen.deadline then 'pending:in_awaited'
            when seen.first_in_at <= seen.deadline then 'unknown:in_unverified'
            when everyone_down && start_span or opd_down.during && start_span or unit_down.during && start_span
                then 'unknown:outage'
            when seen.first_in_at is null then 'not_met:no_in'
            else 'not_met:in_after_deadline'
        end as on_time_code,
        case
            when seen.mode = 'LEAVE' then 'not_due:leave'
            when seen.mode = 'OFF' then 'not_due:off'
            when not seen.report_due then 'not_due:mode_without_report'
            when seen.first_submitted_at <= seen.cutoff_at then 'met:submitted_by_cutoff'
            when t <= seen.cutoff_at then 'pending:report_awaited'
            when everyone_down && cutoff_span or opd_down.during && cutoff_span or unit_down.during && cutoff_span
                then 'unknown:outage'
            when seen.first_submitted_at is null then 'not_met:no_report'
            else 'not_met:submitted_after_cutoff'
        end as report_code
    from (
            select seen.*, (select down.during from down where down.whose = 'all') as everyone_down,
                tstzrange(seen.starts_at - interval '60 minutes', seen.deadline, '[]') as start_span,
                tstzrange(seen.cutoff_at - interval '60 minutes', seen.cutoff_at, '[]') as cutoff_span
            from seen
        ) as seen
        left join down as opd_down on opd_down.whose = 'opd' and opd_down.code = seen.opd_code
        left join down as unit_down on unit_down.whose = 'unit' and unit_down.code = seen.unit_id
        left join sla on sla.day = (seen.submitted_at at time zone 'Asia/Jakarta')::date
            and sla.sla = seen.sla and seen.report_due and seen.decision is null
    offset 0
), judged as (
    select first_judged.*,
        case
            when on_time_code like 'not\_due:%' then on_time_code
            when first_in_at is null and t <= ends_at then 'pending:in_awaited'
            when first_in_at is null then split_part(on_time_code, ':', 1) || ':no_in_as_on_time'
            when first_in_zone = 'office' then 'met:in_at_office'
            when first_in_zone in ('uncertain', 'unknown') then 'unknown:position_' || first_in_zone
            when mode = 'WFH' and first_in_zone = 'remote' then 'met:in_at_remote_place'
            else 'not_met:in_' || first_in_zone
        end as place_code,
        case
            when on_time_code like 'not\_due:%' then on_time_code
            when first_in_at is null and t <= ends_at then 'pending:in_awaited'
            when first_in_at is null then split_part(on_time_code, ':', 1) || ':no_in_as_on_time'
            when certain_out_at > certain_in_at and certain_out_at - certain_in_at >= ends_at - starts_at - tolerance
                then 'met:hours_worked'
            when last_out_at - first_in_at >= ends_at - starts_at - tolerance then 'unknown:hours_unverified'
            when t < close_at then 'pending:out_awaited'
            when last_out_at is not null then 'not_met:hours_short'
            else 'unknown:no_out'
        end as hours_code,
        case
            when report_code like 'not\_due:%' then report_code
            when report_revision is null and t <= cutoff_at then 'pending:report_awaited'
            when report_revision is null then split_part(report_code, ':', 1) || ':no_report_as_report'
            when decision = 'accepted' and accepted_total > 0 then 'met:accepted'
            when decision = 'accepted' then 'not_met:accepted_nothing'
            when decision = 'returned' then 'not_met:returned'
            when t < review_due then 'pending:review_awaited'
            else 'unknown:review_overdue'
        end as output_code
    from first_judged
    offset 0
)
select employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, rules_version,
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
        case when place_code like 'pending:%' and ends_at >= t then ends_at end,
        case when hours_code like 'pending:%' then
            case when first_in_at is not null then close_at when ends_at >= t then ends_at end end,
        case when report_code like 'pending:%' then cutoff_at end,
        case when output_code like 'pending:%' then
            case when report_revision is not null then review_due when cutoff_at >= t then cutoff_at end end
    )
from judged
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

-- The state that a person-day never announced before is compared with: see tasks/transitions.py.
create or replace function first_state(state text, running boolean) returns text
language sql immutable parallel safe as $$
    select case when running and state <> 'not_due' then 'pending' else state end
$$;
