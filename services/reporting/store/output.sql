-- What the reports of a date come to (docs/rules.md#what-was-produced). Facts in, steps out; nothing is stored.

-- Of each person-day that has a plan and a report: what was earned, what waits for a review, whether there is a
-- report and how many decisions returned one, at every instant. Step i holds from `since[i]` on until `since[i + 1]`;
-- before the first nothing was handed in. One row with the task '' for the whole day, and one for each task that a
-- revision of it held. Of everyone, or of some people.
--
-- `earned`: minutes by the norm of what was accepted of the revision that rules, when the newest review of it accepts
-- it. `waiting`: minutes by the norm of all of it, while it has no review. `reported`: 0 not in the revision that
-- rules, 1 in it, 2 in it and without a review. `returned`: decisions until then to return a revision, this one or an
-- earlier one, that held the task.
create or replace function output_steps(day date, only_people uuid[] default null)
returns table (
    employee_id uuid, task text, opd_code text, unit_id text, mode text,
    since timestamptz[], earned numeric[], waiting numeric[], reported smallint[], returned integer[]
)
language sql stable as $$
with report as materialized (
    select report.employee_id, report.report_id, report.report_revision, report.submitted_at, report.items
    from fact_report as report
    where only_people is null and report.work_date = day
    union all
    select report.employee_id, report.report_id, report.report_revision, report.submitted_at, report.items
    from (select distinct person.id from unnest(only_people) as person(id)) as person cross join lateral (
        select * from fact_report as report
        where report.work_date = day and report.employee_id = person.id
        offset 0
    ) as report
    where only_people is not null
), planned as materialized (
    select plan.employee_id, plan.opd_code, plan.unit_id, plan.mode
    from (select distinct report.employee_id from report) as person cross join lateral (
        select * from fact_plan as plan
        where plan.employee_id = person.employee_id and plan.work_date = day
        offset 0
    ) as plan
), review as materialized (
    -- A review that comes before its report says nothing until then.
    select report.employee_id, review.report_id, review.report_revision, review.review_revision, review.decision,
        review.items, greatest(review.reviewed_at, report.submitted_at) as since
    from planned cross join lateral (
            select * from fact_review as review
            where review.work_date = day and review.employee_id = planned.employee_id
            offset 0
        ) as review
        join report on report.employee_id = review.employee_id and report.report_id = review.report_id
            and report.report_revision = review.report_revision
), edge as materialized (
    select report.employee_id, report.submitted_at as at
    from report join planned on planned.employee_id = report.employee_id
    union
    select review.employee_id, review.since from review
), ruling as materialized (
    -- The revision that rules, and its newest review.
    select distinct on (edge.employee_id, edge.at) edge.employee_id, edge.at,
        report.report_id, report.report_revision, review.review_revision, review.decision
    from edge
        join report on report.employee_id = edge.employee_id and report.submitted_at <= edge.at
        left join review on review.report_id = report.report_id
            and review.report_revision = report.report_revision and review.since <= edge.at
    order by edge.employee_id, edge.at, report.report_revision desc, report.report_id desc,
        review.review_revision desc nulls last
), item as materialized (
    -- A task is known by its code; by its name where another system gave it a norm and no code. Free text has none.
    select report.report_id, report.report_revision, listed.place, listed.said ->> 'item_id' as item_id,
        left(coalesce(
            nullif(listed.said ->> 'task_code', ''),
            case when listed.said ->> 'norm_minutes' is not null then nullif(listed.said ->> 'task', '') end,
            'free_text'
        ), 100) as task,
        (listed.said ->> 'quantity')::numeric as quantity, (listed.said ->> 'norm_minutes')::numeric as norm_minutes
    from report
        join planned on planned.employee_id = report.employee_id
        cross join lateral jsonb_array_elements(report.items) with ordinality as listed(said, place)
), held as materialized (
    -- What a revision holds of each task, and in all, though it be nothing.
    select report.employee_id, report.report_id, report.report_revision, part.task,
        coalesce(sum(item.quantity * item.norm_minutes), 0) as minutes
    from report
        join planned on planned.employee_id = report.employee_id
        left join item on item.report_id = report.report_id and item.report_revision = report.report_revision
        cross join lateral (values (''), (item.task)) as part(task)
    where part.task is not null
    group by report.employee_id, report.report_id, report.report_revision, part.task
), accepted as materialized (
    select review.report_id, review.report_revision, review.review_revision, part.task,
        sum((given.said ->> 'accepted_quantity')::numeric * item.norm_minutes) as minutes
    from review
        cross join lateral jsonb_array_elements(review.items) as given(said)
        join (
            -- of two items of one id, which no report of ours has, the first
            select distinct on (item.report_id, item.report_revision, item.item_id) item.*
            from item order by item.report_id, item.report_revision, item.item_id, item.place
        ) as item on item.report_id = review.report_id and item.report_revision = review.report_revision
            and item.item_id = given.said ->> 'item_id'
        cross join lateral (values (''), (item.task)) as part(task)
    where review.decision = 'accepted'
    group by review.report_id, review.report_revision, review.review_revision, part.task
), refused as materialized (
    select review.employee_id, held.task, review.since as at, count(*) as n
    from review join held on held.report_id = review.report_id and held.report_revision = review.report_revision
    where review.decision = 'returned'
    group by review.employee_id, held.task, review.since
), state as (
    select ruling.employee_id, part.task, ruling.at,
        case when ruling.decision = 'accepted' then coalesce(accepted.minutes, 0) else 0 end as earned,
        case when ruling.decision is null then coalesce(held.minutes, 0) else 0 end as waiting,
        case when held.task is null then 0 when ruling.decision is null then 2 else 1 end as reported,
        sum(coalesce(refused.n, 0)) over (partition by ruling.employee_id, part.task order by ruling.at) as returned
    from ruling
        join (select distinct held.employee_id, held.task from held) as part on part.employee_id = ruling.employee_id
        left join held on held.report_id = ruling.report_id and held.report_revision = ruling.report_revision
            and held.task = part.task
        left join accepted on accepted.report_id = ruling.report_id
            and accepted.report_revision = ruling.report_revision
            and accepted.review_revision = ruling.review_revision and accepted.task = part.task
        left join refused on refused.employee_id = ruling.employee_id and refused.task = part.task
            and refused.at = ruling.at
), step as (
    select * from (
        select state.*, lag(row(state.earned, state.waiting, state.reported, state.returned)) over (
            partition by state.employee_id, state.task order by state.at
        ) as before
        from state
    ) as state
    where row(state.earned, state.waiting, state.reported, state.returned)
        is distinct from coalesce(state.before, row(0::numeric, 0::numeric, 0, 0::numeric))
)
select step.employee_id, step.task, planned.opd_code, planned.unit_id, planned.mode,
    array_agg(step.at order by step.at), array_agg(step.earned order by step.at),
    array_agg(step.waiting order by step.at), array_agg(step.reported::smallint order by step.at),
    array_agg(step.returned::integer order by step.at)
from step join planned on planned.employee_id = step.employee_id
group by step.employee_id, step.task, planned.opd_code, planned.unit_id, planned.mode
$$;
