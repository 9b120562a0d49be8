"""Tables of a session of its own that stand before the real ones: other rules, other plans, and a queue that makes
every view judge from them. Their SQL is that of every day (`Database.supposing`)."""

import datetime as dt
import json
from collections.abc import Collection
from decimal import Decimal

from services.reporting.domain.whatif import SupposedPolicy, SupposedRules
from shared.database import Tx

_BUSY = "select pg_try_advisory_xact_lock(hashtext('hadir.whatif'))"
# Named before there is one of them in the session: `like` and `from` mean the real ones.
_QUEUE = """
    create temporary table touched (like touched including all) on commit drop;
    create temporary table touched_counter (like touched_counter including all) on commit drop;
"""
_TOUCH = (
    "insert into pg_temp.touched (work_date) select $1::date + i from generate_series(0, $2::date - $1::date) as i"
)
_RULES = """
    create temporary table supposed_rules on commit drop as select * from fact_rules;
    alter table supposed_rules rename to fact_rules;
"""
# Of each date a version of its own, which no other is after: U+10FFFF is the greatest character in "C".
_SUPPOSE_RULES = """
    insert into pg_temp.fact_rules (
        rules_version, effective_from, tolerance_minutes, report_modes, report_cutoff, review_sla_working_days,
        revision, ce_id
    )
    select chr(1114111) || days.date, days.date,
        coalesce($3::int, (extract(epoch from rules.tolerance) / 60)::int),
        coalesce($4::jsonb, rules.report_modes), coalesce($5::text, rules.cutoff::text),
        coalesce($6::int, rules.review_sla_working_days),
        0, gen_random_uuid()
    from (select $1::date + i as date from generate_series(0, $2::date - $1::date) as i) as days
        cross join lateral rules_in_force(days.date) as rules
"""
# A plan of another date may reach a counter's: those a few days around, and where a false clock leads.
_PLANS = """
    create temporary table supposed_plan on commit drop as
    select plan.* from fact_plan as plan
    where (
            plan.work_date between $1::date - 5 and $2::date + 3
            or (plan.employee_id, plan.work_date) in (
                select punch.employee_id, punch.work_date from fact_punch as punch
                where punch_reach(punch.work_date, punch.at) = 2
            )
        ) and (
            $3::text[] is null or plan.opd_code = any($3)
            or plan.unit_id in (select unit.unit_id from fact_unit as unit where unit.opd_code = any($3))
        )
"""
# `share` of the people of a unit, rounded down; of those who were at the office as many as that leaves, in the
# order of their ids, going on by as many each turn.
_MOVED = """
    create temporary table supposed_home on commit drop as
    select seated.employee_id, seated.work_date
    from (
        select plan.employee_id, plan.work_date, plan.mode,
            row_number() over (of_mode order by plan.employee_id) - 1 as seat,
            count(*) over of_mode as seats,
            least(
                count(*) filter (where plan.mode = 'WFO') over of_unit,
                greatest(0, floor($3::numeric * count(*) over of_unit)
                    - count(*) filter (where plan.mode = 'WFH') over of_unit)
            )::bigint as going,
            case when $7 = 'weekly' then (plan.work_date - date '2000-01-03') / 7
                else plan.work_date - date '2000-01-03' end as turn
        from supposed_plan as plan left join fact_unit as unit on unit.unit_id = plan.unit_id
        where plan.work_date between $1 and $2 and plan.mode in ('WFO', 'WFH')
            and ($4::text[] is null or plan.opd_code = any($4))
            and ($5::int[] is null or extract(isodow from plan.work_date)::int - 1 = any($5))
            and plan.unit_id <> all($6::text[])
            and not ($8 and coalesce(unit.is_service_point, false))
        window of_unit as (partition by plan.work_date, plan.opd_code, plan.unit_id),
            of_mode as (partition by plan.work_date, plan.opd_code, plan.unit_id, plan.mode)
    ) as seated
    where seated.mode = 'WFO'
        and mod(mod(seated.seat - seated.turn * seated.going, seated.seats) + seated.seats, seated.seats)
            < seated.going
"""
# With its indexes, by their columns: they are made when the rows are there.
_SUPPOSE_PLANS = """
    update supposed_plan as plan set mode = 'WFH' from supposed_home as home
    where home.employee_id = plan.employee_id and home.work_date = plan.work_date;
    alter table supposed_plan rename to fact_plan;
    create index on pg_temp.fact_plan (employee_id, work_date);
    create index on pg_temp.fact_plan (unit_id, work_date) where mode = 'WFO';
    analyze pg_temp.fact_plan;
"""
_GOING = """
    select plan.opd_code, count(*) as days, count(distinct plan.employee_id) as people
    from supposed_home as home join supposed_plan as plan using (employee_id, work_date) group by plan.opd_code
"""


async def alone(tx: Tx) -> bool:
    """Whether nobody else asks: true until this transaction ends."""
    return await tx.connection.fetchval(_BUSY)


async def suppose_rules(tx: Tx, first: dt.date, last: dt.date, rules: SupposedRules) -> None:
    """From here on the session judges these dates by the rules of each, with what is supposed in their place."""
    await tx.connection.execute(_RULES)
    modes = None if rules.report_modes is None else json.dumps(rules.report_modes)
    await tx.connection.execute(
        _SUPPOSE_RULES,
        first,
        last,
        rules.tolerance_minutes,
        modes,
        rules.report_cutoff,
        rules.review_sla_working_days,
    )


async def suppose_policy(
    tx: Tx, first: dt.date, last: dt.date, policy: SupposedPolicy, opd_codes: Collection[str] | None
) -> dict[str, tuple[int, int]]:
    """From here on the session has more people at home; returns by OPD of how many days, and how many people."""
    of_opds = None if opd_codes is None else list(opd_codes)
    await tx.connection.execute(_PLANS, first, last, of_opds)
    await tx.connection.execute("create index on supposed_plan (work_date, employee_id); analyze supposed_plan")
    await tx.connection.execute(
        _MOVED,
        first,
        last,
        Decimal(repr(policy.share)),
        of_opds,
        policy.weekdays,
        policy.units_never,
        policy.turns,
        policy.service_points_never,
    )
    going = {row["opd_code"]: (row["days"], row["people"]) for row in await tx.connection.fetch(_GOING)}
    await tx.connection.execute(_SUPPOSE_PLANS)
    return going


async def judge_anew(tx: Tx, first: dt.date, last: dt.date) -> None:
    """From here on the session looks nothing of these dates up: all is judged from the facts that it sees."""
    await tx.connection.execute(_QUEUE)
    await tx.connection.execute(_TOUCH, first, last)
