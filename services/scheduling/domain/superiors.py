"""Who answers for whom."""

from collections.abc import Mapping
from uuid import UUID


def loops(superior_of: Mapping[UUID, UUID]) -> list[list[UUID]]:
    """Every ring of people who are, directly or through others, their own superior."""
    done: set[UUID] = set()
    rings: list[list[UUID]] = []
    for start in superior_of:
        path: dict[UUID, int] = {}
        here: UUID | None = start
        while here is not None and here not in done and here not in path:
            path[here] = len(path)
            here = superior_of.get(here)
        if here is not None and here in path:
            rings.append([person for person, depth in path.items() if depth >= path[here]])
        done.update(path)
    return rings
