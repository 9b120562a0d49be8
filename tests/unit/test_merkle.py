"""Roots and proofs are those of RFC 9162: by the vectors of RFC 6962's tests, and by its definitions."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.domain.merkle import (
    EMPTY,
    HASH,
    WIDTH,
    Growing,
    Tile,
    consistency,
    edge_of,
    inclusion,
    joined,
    leaf_hash,
    node_hash,
    parts,
    proves_consistency,
    proves_inclusion,
    width_at,
    worked_out,
)

INPUTS = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
"""The leaves by which implementations of Certificate Transparency are tested."""
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def plainly(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, over hashes of leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = largest_power_below(len(leaves))
    return hashlib.sha256(b"\x01" + plainly(leaves[:split]) + plainly(leaves[split:])).digest()


def largest_power_below(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def path_plainly(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = largest_power_below(len(leaves))
    if index < split:
        return [*path_plainly(index, leaves[:split]), plainly(leaves[split:])]
    return [*path_plainly(index - split, leaves[split:]), plainly(leaves[:split])]


def proof_plainly(first: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if first == len(leaves):
        return [] if whole else [plainly(leaves)]
    split = largest_power_below(len(leaves))
    if first <= split:
        return [*proof_plainly(first, leaves[:split], whole), plainly(leaves[split:])]
    return [*proof_plainly(first - split, leaves[split:], False), plainly(leaves[:split])]


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


LEAVES = leaves_of(70_000)


def tiles_of(size: int) -> dict[Tile, bytes]:
    return Growing().extend(LEAVES[:size])


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_the_known_roots(size: int, root: str) -> None:
    tree = Growing()
    tree.extend([leaf_hash(entry) for entry in INPUTS[:size]])
    assert tree.root().hex() == root
    assert plainly([leaf_hash(entry) for entry in INPUTS[:size]]).hex() == root


def test_the_known_proofs() -> None:
    leaves = [leaf_hash(entry) for entry in INPUTS]
    tiles = Growing().extend(leaves)
    assert [one.hex() for one in worked_out(inclusion(5, 8), tiles)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]
    assert [one.hex() for one in worked_out(consistency(6, 8), tiles)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]


@given(st.lists(st.integers(0, 700), max_size=5))
@settings(max_examples=30)
def test_a_tree_has_one_root_in_whatever_steps_it_grows(steps: list[int]) -> None:
    tree, known = Growing(), dict[Tile, bytes]()
    for step in steps:
        before = tree.size
        known |= tree.extend(LEAVES[before : before + step])
        edge = [known.get(tile, b"") for tile in edge_of(tree.size)]
        tree = Growing(tree.size, edge)  # as after a restart
    size = sum(steps)
    assert (tree.size, tree.root()) == (size, plainly(LEAVES[:size]))
    assert known == tiles_of(size)


@given(st.data())
@settings(max_examples=60)
def test_proofs_are_those_of_the_definitions_and_prove(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1200))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    leaves, tiles = LEAVES[:size], tiles_of(size)
    root, before = plainly(leaves), plainly(leaves[:first])
    path = worked_out(inclusion(index, size), tiles)
    assert path == path_plainly(index, leaves)
    assert proves_inclusion(leaves[index], index, size, path, root)
    proof = worked_out(consistency(first, size), tiles)
    assert proof == proof_plainly(first, leaves)
    assert proves_consistency(first, size, before, root, proof)
    for at in range(len(path)):
        spoilt = [*path[:at], EMPTY, *path[at + 1 :]]
        assert not proves_inclusion(leaves[index], index, size, spoilt, root)
    for at in range(len(proof)):
        assert not proves_consistency(first, size, before, root, [*proof[:at], EMPTY, *proof[at + 1 :]])
    assert not proves_inclusion(EMPTY, index, size, path, root)
    assert not proves_inclusion(leaves[index], index, size, [*path, EMPTY], root)
    assert not proves_consistency(first, size, EMPTY, root, proof)
    assert not proves_consistency(first, size, before, EMPTY, proof)
    if size > 1:
        assert not proves_inclusion(leaves[index], index, size, path[:-1], root)


def test_a_large_tree_is_worked_out_from_few_tiles_of_three_levels() -> None:
    size, tiles = 70_000, tiles_of(70_000)
    assert {level: sum(tile.level == level for tile in tiles) for level in (0, 1, 2, 3)} == {
        0: 274,
        1: 2,
        2: 1,
        3: 0,
    }
    root = joined(worked_out([parts(0, size)], tiles))
    assert root == plainly(LEAVES)
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        wanted = inclusion(index, size)
        needed = {node.tile for part in wanted for node in part}
        assert len(needed) <= 8
        assert proves_inclusion(LEAVES[index], index, size, worked_out(wanted, tiles), root)
    for tile, hashes in tiles.items():
        assert width_at(tile, size) * HASH == len(hashes)
    assert width_at(Tile(0, 274), size) == 0
    assert WIDTH * HASH == 8192


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    for wrong in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="not in the tree"):
            inclusion(*wrong)
        assert not proves_inclusion(EMPTY, *wrong, [], EMPTY)
    for wrong in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="the first tree"):
            consistency(*wrong)
        assert not proves_consistency(*wrong, EMPTY, EMPTY, [])
    assert proves_consistency(3, 3, EMPTY, EMPTY, [])
    assert not proves_consistency(3, 3, EMPTY, EMPTY, [EMPTY])
    assert not proves_consistency(3, 4, EMPTY, EMPTY, [])
    assert not proves_consistency(1, 2, EMPTY, EMPTY, [EMPTY, EMPTY, EMPTY])


def test_leaves_and_nodes_are_told_apart() -> None:
    two = leaf_hash(b"a"), leaf_hash(b"b")
    assert node_hash(*two) != leaf_hash(b"".join(two))
