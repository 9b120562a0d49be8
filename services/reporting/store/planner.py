"""What PostgreSQL's planner is told, for one transaction, about the size of what comes next."""

from shared.database import Tx


async def whole_dates(tx: Tx) -> None:
    """A whole city's date is a few hash joins.

    A date that began after the last ANALYZE looks empty to the planner, and a nested loop over 24,000 people
    is what it then would choose.
    """
    await tx.connection.execute(
        "select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true), "
        "set_config('work_mem', '64MB', true), "
        "set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)"
    )


async def few_rows(tx: Tx) -> None:
    """The rows of one person or unit, or of some."""
    await tx.connection.execute(
        "select set_config('enable_nestloop', 'on', true), "
        "set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)"
    )


async def by_key(tx: Tx) -> None:
    """Rows of large tables that are named by their keys, however many: each is looked up by itself.

    One plan serves them all; it is the same while a table is empty.
    """
    await tx.connection.execute(
        "select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), "
        "set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true)"
    )


async def some_people(tx: Tx) -> None:
    """The verdicts, steps or counters of some people, which look up each person-day by itself; and rows by key.

    One plan serves any number of them: making it anew takes longer than fifty people. Their rows meet in hash
    joins, so that a few hundred cost no more for each than a few.
    """
    await tx.connection.execute(
        "select set_config('enable_seqscan', 'off', true), set_config('enable_nestloop', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), "
        "set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true)"
    )
