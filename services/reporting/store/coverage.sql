-- Coverage (docs/rules.md#coverage), exact. Everything that can change at a service point is an edge: a person
-- comes or goes, a requirement opens or closes, an outage begins or ends. Edges are summed in order of time.

-- The pieces of local date `day` up to `t`, one service point after another when `only_units` is null. Within
-- a piece [from_at, until_at) nothing changes. The last piece of a unit ends at the end of the span; when t is
-- on the date, it holds the instant t as well (and is empty if something changes at t itself).
-- Judged as of a later instant and cut off at t, they are the pieces as of t, unless `doubt` contains t: whoever was
-- inside then is known by now to have stayed longer than planned, or to have gone at a time that nobody vouches for.
create or replace function coverage_pieces(day date, t timestamptz, only_units text[] default null)
returns table (
    unit_id text, from_at timestamptz, until_at timestamptz, is_last boolean,
    required integer, present_low integer, present_high integer, status text, doubt tstzmultirange
)
language sql stable as $$
with point as materialized (
    select unit.unit_id, unit.opd_code, unit.requirements
    from fact_unit as unit
    where unit.is_service_point and (only_units is null or unit.unit_id = any(only_units))
), dated as (
    select point.unit_id, wanted.*, max(wanted.effective_from) over (partition by point.unit_id) as latest
    from point, jsonb_to_recordset(point.requirements) as wanted(
        effective_from date, weekdays jsonb, opens text, closes text, min_staff integer, on_holidays boolean)
    where wanted.effective_from <= day and wall_time(wanted.opens) is not null and wall_time(wanted.closes) is not null
), wanted as (
    -- When at least so many are wanted: whoever wants more wants as many too.
    select dated.unit_id, dated.min_staff,
        range_agg(range_agg(tstzrange(
            local_midnight(day) + wall_time(dated.opens), local_midnight(day) + wall_time(dated.closes)
        ))) over (partition by dated.unit_id order by dated.min_staff desc) as during
    from dated
    where dated.effective_from = dated.latest
        and dated.weekdays @> to_jsonb(extract(isodow from day)::int - 1)
        and (dated.on_holidays or day not in (select holidays.day from holidays()))
        and wall_time(dated.opens) < wall_time(dated.closes)
    group by dated.unit_id, dated.min_staff
), opening as (
    -- When just so many are wanted, and no more.
    select wanted.unit_id, wanted.min_staff, unnest(
        wanted.during - lag(wanted.during, 1, '{}') over (partition by wanted.unit_id order by wanted.min_staff desc)
    ) as during
    from wanted
), near as materialized (
    -- Each look-up by an index is a subquery of its own, which nothing can turn into a scan of the date: a date that
    -- began after the last ANALYZE looks empty to the planner.
    select point.unit_id, plan.* from point cross join lateral (
        select plan.employee_id, plan.work_date, plan.ends_at from fact_plan as plan
        where plan.unit_id = point.unit_id and plan.mode = 'WFO' and plan.work_date between day - 1 and day + 1
        offset 0
    ) as plan
), astray as (
    -- Person-days of which a punch lies on this date although it is further from theirs than the next one:
    -- the few of the dates from which a plan may reach here, and whatever else claims to (FactPunch says why).
    select punch.employee_id, punch.work_date
    from (values (1, day - 4, day - 1), (2, '-infinity', day - 1)) as past(reach, first, last) cross join lateral (
        select punch.employee_id, punch.work_date from fact_punch as punch
        where punch_reach(punch.work_date, punch.at) = past.reach
            and punch.work_date between past.first and past.last and punch.at > local_midnight(day)
        offset 0
    ) as punch
    union
    select punch.employee_id, punch.work_date
    from (values (1, day + 1, day + 2), (2, day + 1, 'infinity')) as coming(reach, first, last) cross join lateral (
        select punch.employee_id, punch.work_date from fact_punch as punch
        where punch_reach(punch.work_date, punch.at) = coming.reach
            and punch.work_date between coming.first and coming.last and punch.at < local_midnight(day + 1)
        offset 0
    ) as punch
), attending as materialized (
    select near.employee_id, near.work_date, near.unit_id, near.ends_at from near
    where near.work_date = day or near.work_date < day and near.ends_at > local_midnight(day)
        or exists (
            select from fact_punch as punch
            where punch_reach(punch.work_date, punch.at) = 0
                and punch.work_date = near.work_date and punch.employee_id = near.employee_id
                and case when near.work_date < day then punch.at > local_midnight(day)
                    else punch.at < local_midnight(day + 1) end
        )
    union
    -- A plan begins within a day of its work date and lasts at most 48 hours: an older one that claims more
    -- staffs no counter for years.
    select plan.employee_id, plan.work_date, point.unit_id, plan.ends_at from point cross join lateral (
        select plan.employee_id, plan.work_date, plan.ends_at from fact_plan as plan
        where plan.unit_id = point.unit_id and plan.mode = 'WFO' and plan.work_date between day - 4 and day - 2
            and plan.ends_at > ((plan.work_date + 1)::timestamp at time zone 'Asia/Jakarta')
            and plan.ends_at > local_midnight(day)
        offset 0
    ) as plan
    union
    select plan.employee_id, plan.work_date, plan.unit_id, plan.ends_at from astray cross join lateral (
        select plan.employee_id, plan.work_date, plan.unit_id, plan.ends_at from fact_plan as plan
        where plan.employee_id = astray.employee_id and plan.work_date = astray.work_date and plan.mode = 'WFO'
        offset 0
    ) as plan
    where plan.unit_id in (select point.unit_id from point)
), turn as (
    select plan.employee_id, plan.work_date, plan.unit_id, plan.ends_at, punch.punch_id, punch.kind, punch.at,
        punch.zone, punch.is_certain, lag(punch.kind) over so_far as before
    from attending as plan cross join lateral (
        select punch.punch_id, punch.kind, punch.at, punch.zone, punch.time_trust <> 'unverified' as is_certain
        from fact_punch as punch
        where punch.work_date = plan.work_date and punch.employee_id = plan.employee_id and punch.at <= t
        offset 0
    ) as punch
    -- A subquery that nothing turns into a join: that would read the voids of the whole history.
    where (select true from fact_void as void where void.punch_id = punch.punch_id) is null
    window so_far as (
        partition by plan.employee_id, plan.work_date order by punch.at, punch.kind = 'out', punch.punch_id
    )
), change as (
    -- An `in` while in and an `out` while out are gone; what is left alternates.
    select turn.*, lead(turn.at) over in_turn as out_at, lead(turn.is_certain) over in_turn as out_is_certain
    from turn where turn.kind is distinct from turn.before
    window in_turn as (
        partition by turn.employee_id, turn.work_date order by turn.at, turn.kind = 'out', turn.punch_id
    )
), stay as (
    select change.unit_id, change.employee_id,
        change.zone = 'office' and change.is_certain and coalesce(change.out_is_certain, true) as sure,
        tstzrange(change.at, coalesce(change.out_at, change.ends_at)) as during,
        case
            -- Only a false clock reaches so far: nobody would find this date when its record is replaced.
            when change.work_date not between day - 4 and day + 2 then tstzrange(null, null)
            when change.out_at is null or change.out_at <= local_midnight(day) then null
            -- Before the `out` was there, the stay was as sure as its `in` and ended with the plan.
            when change.zone = 'office' and change.is_certain and not change.out_is_certain
                then tstzrange(change.at, change.out_at)
            when change.ends_at is null or change.ends_at < change.out_at
                then tstzrange(greatest(change.at, change.ends_at), change.out_at)
        end as doubt
    from change
    where change.kind = 'in' and change.zone in ('office', 'uncertain', 'unknown')
        and change.at < coalesce(change.out_at, change.ends_at)
), doubt as (
    select stay.unit_id, range_agg(stay.doubt) as during
    from stay where stay.doubt && tstzrange(null, local_midnight(day + 1)) group by stay.unit_id
), person as (
    -- One person counts once, however many of their work dates hold the instant.
    select stay.unit_id, range_agg(stay.during) filter (where stay.sure) as low, range_agg(stay.during) as high
    from stay group by stay.unit_id, stay.employee_id
), presence as (
    select person.unit_id, unnest(person.low) as during, 1 as low, 0 as high from person
    union all
    select person.unit_id, unnest(person.high), 0, 1 from person
), down_time as materialized (
    select distinct down.* from down_times(local_midnight(day), local_midnight(day + 1)) as down
    where down.starts_at < down.ends_at and (
        down.whose = 'all'
        or down.whose = 'opd' and down.code in (select point.opd_code from point)
        or down.whose = 'unit' and down.code in (select point.unit_id from point))
), down as (
    select point.unit_id, down_time.starts_at, down_time.ends_at
    from point, down_time where down_time.whose = 'all'
    union all
    select point.unit_id, down_time.starts_at, down_time.ends_at
    from point join down_time on down_time.whose = 'opd' and down_time.code = point.opd_code
    union all
    select point.unit_id, down_time.starts_at, down_time.ends_at
    from point join down_time on down_time.whose = 'unit' and down_time.code = point.unit_id
), edge as (
    select point.unit_id, local_midnight(day) as at, 0 as low, 0 as high, 0 as required, 0 as open, 0 as outage
    from point
    union all
    select presence.unit_id, lower(presence.during), presence.low, presence.high, 0, 0, 0 from presence
    union all
    select presence.unit_id, upper(presence.during), -presence.low, -presence.high, 0, 0, 0 from presence
    union all
    select opening.unit_id, side.at, 0, 0, side.change * opening.min_staff, side.change, 0
    from opening
        cross join lateral (values (lower(opening.during), 1), (upper(opening.during), -1)) as side(at, change)
    union all
    select down.unit_id, side.at, 0, 0, 0, 0, side.change
    from down cross join lateral (values (down.starts_at, 1), (down.ends_at, -1)) as side(at, change)
), moment as (
    select edge.unit_id, greatest(edge.at, local_midnight(day)) as at,
        sum(edge.low) as low, sum(edge.high) as high, sum(edge.required) as required,
        sum(edge.open) as open, sum(edge.outage) as outage
    from edge
    where edge.at <= t and edge.at < local_midnight(day + 1) and local_midnight(day) <= t
    group by edge.unit_id, greatest(edge.at, local_midnight(day))
), piece as (
    select moment.unit_id, moment.at as from_at, lead(moment.at) over so_far as next_at,
        sum(moment.low) over so_far as low, sum(moment.high) over so_far as high,
        sum(moment.required) over so_far as required, sum(moment.open) over so_far as open,
        sum(moment.outage) over so_far as outage
    from moment
    window so_far as (partition by moment.unit_id order by moment.at)
)
select piece.unit_id, piece.from_at, coalesce(piece.next_at, least(t, local_midnight(day + 1))),
    piece.next_at is null, piece.required::int, piece.low::int, piece.high::int,
    case
        when piece.open = 0 then 'closed'
        when piece.low >= piece.required then 'met'
        when piece.high >= piece.required or piece.outage > 0 then 'unknown'
        else 'short'
    end,
    doubt.during
from piece left join doubt on doubt.unit_id = piece.unit_id
$$;

-- Every service point on one local date as of `t`. Durations and person-durations are whole microseconds.
-- `short_since` is when the present shortage began, however deep it was since.
create or replace function coverage(day date, t timestamptz, only_units text[] default null, only_opd text default null)
returns table (
    unit_id text, name text, opd_code text, slo double precision,
    status text, required integer, present_low integer, present_high integer, short_since timestamptz,
    open_us bigint, met_us bigint, unknown_us bigint, short_us bigint,
    required_us numeric, filled_us numeric, missing_us numeric
)
language sql stable as $$
with piece as (
    select pieces.*, (extract(epoch from pieces.until_at - pieces.from_at) * 1000000)::bigint as us,
        pieces.is_last and t < local_midnight(day + 1) as is_now
    from coverage_pieces(day, t, only_units) as pieces
), total as (
    select piece.unit_id,
        max(piece.status) filter (where piece.is_now) as status,
        max(piece.required) filter (where piece.is_now) as required,
        max(piece.present_low) filter (where piece.is_now) as present_low,
        max(piece.present_high) filter (where piece.is_now) as present_high,
        max(piece.until_at) filter (where piece.status <> 'short') as last_not_short,
        sum(piece.us) filter (where piece.status <> 'closed') as open_us,
        sum(piece.us) filter (where piece.status = 'met') as met_us,
        sum(piece.us) filter (where piece.status = 'unknown') as unknown_us,
        sum(piece.us) filter (where piece.status = 'short') as short_us,
        sum(piece.us * piece.required) as required_us,
        sum(piece.us * least(piece.present_low, piece.required)) as filled_us,
        sum(piece.us * (piece.required - least(piece.present_low, piece.required))) as missing_us
    from piece group by piece.unit_id
)
select unit.unit_id, unit.name, unit.opd_code, unit.slo,
    coalesce(total.status, 'closed'), coalesce(total.required, 0), coalesce(total.present_low, 0),
    coalesce(total.present_high, 0),
    case when total.status = 'short' then coalesce(total.last_not_short, local_midnight(day)) end,
    coalesce(total.open_us, 0)::bigint, coalesce(total.met_us, 0)::bigint, coalesce(total.unknown_us, 0)::bigint,
    coalesce(total.short_us, 0)::bigint,
    coalesce(total.required_us, 0), coalesce(total.filled_us, 0), coalesce(total.missing_us, 0)
from fact_unit as unit left join total on total.unit_id = unit.unit_id
where unit.is_service_point
    and (only_units is null or unit.unit_id = any(only_units))
    and (only_opd is null or unit.opd_code = only_opd)
$$;

-- The rows of counter_day (services/reporting/store/tables.py) of these service points.
create or replace function counted_days(day date, only_units text[])
returns table (
    unit_id text, inexact tstzmultirange, since timestamptz[], required integer[], present_low integer[],
    present_high integer[], status text[], short_since timestamptz[], met_us bigint[], unknown_us bigint[],
    short_us bigint[], filled_us numeric[], missing_us numeric[]
)
language sql stable as $$
with piece as (
    select pieces.*, lag(pieces.status) over so_far as status_before,
        (pieces.required, pieces.present_low, pieces.present_high, pieces.status) is not distinct from (
            lag(pieces.required) over so_far, lag(pieces.present_low) over so_far,
            lag(pieces.present_high) over so_far, lag(pieces.status) over so_far) as goes_on
    from coverage_pieces(day, 'infinity', only_units) as pieces
    window so_far as (partition by pieces.unit_id order by pieces.from_at)
), lasting as (
    select piece.*, lead(piece.from_at, 1, local_midnight(day + 1)) over so_far as ends_at,
        max(piece.from_at) filter (where piece.status = 'short' and piece.status_before is distinct from 'short')
            over so_far as shortage
    from piece where not piece.goes_on
    window so_far as (partition by piece.unit_id order by piece.from_at)
), timed as (
    select lasting.*, (extract(epoch from lasting.ends_at - lasting.from_at) * 1000000)::bigint as us,
        least(lasting.present_low, lasting.required) as filled
    from lasting
), summed as (
    select timed.*,
        coalesce(sum(timed.us) filter (where timed.status = 'met') over before, 0)::bigint as met_us,
        coalesce(sum(timed.us) filter (where timed.status = 'unknown') over before, 0)::bigint as unknown_us,
        coalesce(sum(timed.us) filter (where timed.status = 'short') over before, 0)::bigint as short_us,
        coalesce(sum(timed.us * timed.filled) over before, 0) as filled_us,
        coalesce(sum(timed.us * (timed.required - timed.filled)) over before, 0) as missing_us
    from timed
    window before as (
        partition by timed.unit_id order by timed.from_at rows between unbounded preceding and 1 preceding)
    order by timed.unit_id, timed.from_at
)
-- The arrays are in the order of the rows of `summed`.
select summed.unit_id, coalesce(summed.doubt, '{}'), array_agg(summed.from_at), array_agg(summed.required),
    array_agg(summed.present_low), array_agg(summed.present_high), array_agg(summed.status),
    array_agg(case when summed.status = 'short' then summed.shortage end),
    array_agg(summed.met_us), array_agg(summed.unknown_us), array_agg(summed.short_us),
    array_agg(summed.filled_us), array_agg(summed.missing_us)
from summed group by summed.unit_id, summed.doubt
$$;

-- The service points whose row of counter_day is not to be read as of `t`: there is none, more is known by now
-- than was as of t, or facts changed that may reach the counter on that date and are not counted yet.
create or replace function uncounted(
    day date, t timestamptz, only_units text[] default null, only_opd text default null
)
returns table (unit_id text)
language sql stable as $$
with waiting as materialized (
    (
        select touched.work_date, touched.employee_id from touched where touched.work_date between day - 4 and day + 2
        union all
        select touched.work_date, touched.employee_id from touched where touched.work_date is null
    )
    limit 3001
), everyone as materialized (
    -- For so many people the whole date is counted as soon as theirs are found.
    select coalesce(bool_or(waiting.employee_id is null), false) or count(*) > 3000 as changed from waiting
), reaching as (
    select waiting.employee_id, waiting.work_date from waiting
    union all
    select punch.employee_id, punch.work_date from fact_punch as punch
    -- nothing keeps count of who reaches further than any plan leads
    where punch_reach(punch.work_date, punch.at) = 2
        and (punch.work_date < day and punch.at > local_midnight(day)
            or punch.work_date > day and punch.at < local_midnight(day + 1))
), changed as (
    select touched.unit_id from touched_counter as touched where touched.day = uncounted.day
    union
    select plan.unit_id from reaching cross join lateral (
        -- where they are to be, and where they were to be when they were counted last
        (
            select plan.unit_id from fact_plan as plan
            where plan.employee_id = reaching.employee_id and plan.work_date = reaching.work_date
            union all
            select held.unit_id from person_day as held
            where held.employee_id = reaching.employee_id and held.work_date = reaching.work_date
        )
        offset 0
    ) as plan
)
select unit.unit_id
from fact_unit as unit
    left join counter_day as counted on counted.day = uncounted.day and counted.unit_id = unit.unit_id
where unit.is_service_point
    and (only_units is null or unit.unit_id = any(only_units))
    and (only_opd is null or unit.opd_code = only_opd)
    and (
        counted.unit_id is null or t <@ counted.inexact
        or (select everyone.changed from everyone) or unit.unit_id in (select changed.unit_id from changed)
    )
$$;

-- How service points stand as of `t` by their rows of counter_day: as in `coverage`, for all that are not `uncounted`.
create or replace function counted(
    day date, t timestamptz, only_units text[] default null, only_opd text default null
) returns table (
    unit_id text, name text, opd_code text, slo double precision,
    status text, required integer, present_low integer, present_high integer, short_since timestamptz,
    open_us bigint, met_us bigint, unknown_us bigint, short_us bigint,
    required_us numeric, filled_us numeric, missing_us numeric
)
language sql stable as $$
with held as (
    -- `offset 0`: the piece is looked up once, though it is asked for often
    select unit.unit_id, unit.name, unit.opd_code, unit.slo, t < local_midnight(counted.day + 1) and held.place > 0 as is_now,
        held.status[held.place] as status, held.required[held.place] as required,
        held.present_low[held.place] as present_low, held.present_high[held.place] as present_high,
        held.short_since[held.place] as short_since,
        coalesce(held.met_us[held.place], 0) as met_us, coalesce(held.unknown_us[held.place], 0) as unknown_us,
        coalesce(held.short_us[held.place], 0) as short_us,
        coalesce(held.filled_us[held.place], 0) as filled_us,
        coalesce(held.missing_us[held.place], 0) as missing_us,
        coalesce((extract(epoch from
            least(t, local_midnight(counted.day + 1)) - held.since[held.place]) * 1000000)::bigint, 0) as us
    from fact_unit as unit
        join (
            select counter_day.*, width_bucket(t, counter_day.since) as place
            from counter_day where counter_day.day = counted.day
            offset 0
        ) as held on held.unit_id = unit.unit_id
    where unit.is_service_point
        and (only_units is null or unit.unit_id = any(only_units))
        and (only_opd is null or unit.opd_code = only_opd)
    offset 0
), extended as (
    select held.*, least(held.present_low, held.required) as filled,
        held.met_us + case when held.status = 'met' then held.us else 0 end as met,
        held.unknown_us + case when held.status = 'unknown' then held.us else 0 end as unknown,
        held.short_us + case when held.status = 'short' then held.us else 0 end as short
    from held
)
select unit_id, name, opd_code, slo,
    case when is_now then status else 'closed' end, case when is_now then required else 0 end,
    case when is_now then present_low else 0 end, case when is_now then present_high else 0 end,
    case when is_now then short_since end,
    met + unknown + short, met, unknown, short,
    filled_us + missing_us + us::numeric * coalesce(required, 0), filled_us + us::numeric * coalesce(filled, 0),
    missing_us + us::numeric * coalesce(required - filled, 0)
from extended
$$;
