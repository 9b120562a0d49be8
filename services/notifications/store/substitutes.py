"""Who could help at a counter."""

import datetime as dt

from services.notifications.domain.alerts import Substitute
from shared.database import Tx
from shared.dates import WIB, local_date

# Only the units near by are looked at: whoever is further away is not there in time. A unit that needs people, by
# its own requirements as if the date were no holiday, lends nobody whom it then would lack by its plans, and none
# while it is short. Who did not come, or is late, is no help; who works from home comes last.
_RANKED = """
    with point as materialized (
        select unit_id, opd_code, places from unit where unit_id = $1
    ), own as (
        select distinct skill.code
        from recipient as r cross join lateral jsonb_array_elements_text(r.skills) as skill(code)
        where r.unit_id = $1 and r.active
    ), near as materialized (
        select other.unit_id, other.name, other.requirements, other.opd_code = point.opd_code as same_opd, (
            select min(2 * 6371008.8 * asin(sqrt(least(1,
                sin(radians((b.lat - a.lat) / 2)) ^ 2
                + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(radians((b.lon - a.lon) / 2)) ^ 2))))
            from jsonb_to_recordset(point.places) as a(lat float8, lon float8)
                cross join jsonb_to_recordset(other.places) as b(lat float8, lon float8)
        ) as metres
        from point cross join unit as other
        order by same_opd desc, metres nulls last, other.unit_id limit 40
    ), working as materialized (
        select p.employee_id, p.work_date, p.unit_id, p.mode,
            place.state as place, on_time.state as on_time
        from near join plan as p on p.unit_id = near.unit_id
            left join duty_state as place on place.duty = 'place'
                and place.employee_id = p.employee_id and place.work_date = p.work_date
            left join duty_state as on_time on on_time.duty = 'on_time'
                and on_time.employee_id = p.employee_id and on_time.work_date = p.work_date
        where p.mode in ('WFO', 'WFH') and p.work_date between $3::date - 2 and $3::date + 1
            and p.starts_at <= $2 and $2 < p.ends_at
    ), able as (
        select working.*, case place when 'met' then true when 'unknown' then null else false end as here
        from working
        where coalesce(place, 'pending') <> 'not_met'
            and not (coalesce(place, 'pending') = 'pending' and coalesce(on_time, 'pending') = 'not_met')
    ), needed as (
        select near.unit_id, (
            select max((wanted ->> 'min_staff')::int) from jsonb_array_elements(near.requirements) as wanted
            where wanted ->> 'effective_from' = (
                    select max(begun ->> 'effective_from') from jsonb_array_elements(near.requirements) as begun
                    where begun ->> 'effective_from' <= $3::text)
                and wanted -> 'weekdays' @> to_jsonb(extract(isodow from $3::date)::int - 1)
                and wanted ->> 'opens' <= $4 and $4 < wanted ->> 'closes'
        ) as staff, (
            select count(distinct able.employee_id) from able
            where able.unit_id = near.unit_id and able.mode = 'WFO'
        ) as planned, exists (
            select from counter where counter.unit_id = near.unit_id and counter.status = 'short'
        ) as short
        from near
    ), candidate as (
        select distinct on (able.employee_id) able.employee_id, able.unit_id, near.name as unit_name,
            coalesce(near.same_opd, false) as same_opd, able.mode, near.metres, able.here,
            array(
                select own.code from own where r.skills ? own.code order by own.code
            ) as skills,
            (select count(*) from call where call.employee_id = able.employee_id and call.called_at > $5) as calls
        from able join near using (unit_id) join needed using (unit_id)
            join recipient as r on r.employee_id = able.employee_id and r.active
        where able.mode = 'WFH' or able.unit_id <> $1
            and (needed.staff is null or needed.planned > needed.staff and not needed.short)
        order by able.employee_id, able.mode desc
    )
    select * from candidate
    where not exists (
        -- on two dates' plans, and at the counter by one of them
        select from able where able.employee_id = candidate.employee_id and able.unit_id = $1 and able.mode = 'WFO'
    )
    order by mode = 'WFH', cardinality(skills) desc, same_opd desc, metres nulls last, calls, employee_id
    limit $6
"""


async def ranked(
    tx: Tx, unit_id: str, at: dt.datetime, *, called_since: dt.datetime, limit: int
) -> list[Substitute]:
    """Who could help at a counter at an instant, the best first: same skills, then the same OPD and the nearest
    unit, then whoever was asked least since then."""
    local = at.astimezone(WIB)
    rows = await tx.connection.fetch(
        _RANKED, unit_id, at, local_date(at), local.strftime("%H:%M:%S"), called_since, limit
    )
    return [Substitute(**row) for row in rows]
