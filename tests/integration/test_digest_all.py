"""What the hash of all that is held tells, and what it passes over."""

from deploy.digests import digest_of, held
from tests.conftest import DatabaseFor


async def test_the_hash_of_all_changes_with_what_is_held_and_not_with_what_passes_with_time_or_stands_elsewhere(
    database_for: DatabaseFor,
) -> None:
    db = await database_for("reporting")

    async def after(statement: str) -> str:
        async with db.transaction() as tx:
            await tx.connection.execute(statement)
        return digest_of(await held(db.url))

    empty = digest_of(await held(db.url))
    assert await after("insert into budget_due values ('UJI', '-infinity')") == empty
    assert await after("update budget_due set due_at = clock_timestamp()") == empty
    assert await after("insert into trace_under_way (subject, traceparent) values ('a', 'b')") == empty
    tree = "insert into log_tree (topic, partition, size, last_offset, looked_to) values ('t', 0, %d, 7, 9)"
    grown = await after(tree % 5)
    assert grown != empty
    assert await after("update log_tree set last_offset = 5, looked_to = 6") == grown
    assert await after("update log_tree set size = 6") != grown
    one = "insert into disowned values (gen_random_uuid(), 't', false, 1, gen_random_uuid())"
    assert await after(one) not in (empty, grown)
