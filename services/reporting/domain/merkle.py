"""Merkle trees as RFC 9162, section 2.1, has them: hashes, roots, proofs, and what is kept of a tree that grows.

A tree is kept in tiles of 256 hashes, as C2SP's tlog-tiles has them: tiles of level 0 hold the hashes of leaves,
those of a level above the hash of each full tile below. From these every proof of any size is worked out.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

HASH = 32
"""Bytes of a hash."""
WIDTH = 256
"""Hashes of a full tile."""
_HEIGHT = 8
"""Levels of a tree from one level of tiles to the next."""
EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves."""

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of what is above two others."""
    return _sha256(b"\x01" + left + right).digest()


class Tile(NamedTuple):
    """Where a tile stands: its level, and its number in it from 0."""

    level: int
    number: int


class Node(NamedTuple):
    """A perfect subtree: the hash of the leaves [number * 2^height, (number + 1) * 2^height)."""

    height: int
    number: int

    @property
    def tile(self) -> Tile:
        """The tile from whose hashes it is worked out."""
        return Tile(self.height // _HEIGHT, (self.number << self.height % _HEIGHT) // WIDTH)

    def within(self, hashes: bytes) -> bytes:
        """Its hash, from those of its tile."""
        count = 1 << self.height % _HEIGHT
        first = (self.number * count) % WIDTH
        return _perfect([_at(hashes, at) for at in range(first, first + count)])


Part = Sequence[Node]
"""The perfect subtrees of a range of leaves, the widest first: together they give the hash of the range."""


def parts(start: int, end: int) -> list[Node]:
    """The perfect subtrees of the leaves [start, end), where `start` is one of RFC 9162's splits (0 is)."""
    found = list[Node]()
    while start < end:
        height = (end - start).bit_length() - 1
        found.append(Node(height, start >> height))
        start += 1 << height
    return found


def inclusion(index: int, size: int) -> list[Part]:
    """What the proof consists of that leaf `index` is in the tree of `size`; a hash for each part, in order.

    Raises ValueError where there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    start, end, found = 0, size, list[Part]()
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            found.append(parts(split, end))
            end = split
        else:
            found.append(parts(start, split))
            start = split
    return found[::-1]


def consistency(first: int, second: int) -> list[Part]:
    """What the proof consists of that the tree of size `second` begins with that of `first`.

    Raises ValueError unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError("the first tree has a leaf at least, and the second no fewer")
    start, end, whole, found = 0, second, True, list[Part]()
    while first != end:
        split = start + _split(end - start)
        if first <= split:
            found.append(parts(split, end))
            end = split
        else:
            found.append(parts(start, split))
            start, whole = split, False
    if not whole:
        found.append(parts(start, end))
    return found[::-1]


def worked_out(wanted: Sequence[Part], tiles: Mapping[Tile, bytes]) -> list[bytes]:
    """The hash of each part, from the tiles that its nodes name."""
    return [joined([node.within(tiles[node.tile]) for node in part]) for part in wanted]


def joined(hashes: Sequence[bytes]) -> bytes:
    """The hash of a range, from those of its perfect subtrees; of no leaves that of the empty tree."""
    if not hashes:
        return EMPTY
    *rest, found = hashes
    for left in reversed(rest):
        found = node_hash(left, found)
    return found


def proves_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf's hash to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the second tree begins with the first (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    steps = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    one = two = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            one, two = node_hash(step, one), node_hash(step, two)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            two = node_hash(two, step)
        at, last = at >> 1, last >> 1
    return last == 0 and (one, two) == (first_root, second_root)


class Growing:
    """A tree to whose end leaves are added; of its tiles only those that are not full are held."""

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()) -> None:
        """`edge`: the hashes of the tile that is not full, at each level from 0."""
        self.size = size
        self._edge = [bytearray(hashes) for hashes in edge]

    def extend(self, leaves: Sequence[bytes]) -> dict[Tile, bytes]:
        """Add the hashes of leaves; returns the tiles that became longer, as they are now."""
        changed = dict[Tile, bytes]()
        self._add(0, self.size, leaves, changed)
        self.size += len(leaves)
        return changed

    def _add(self, level: int, begun: int, hashes: Sequence[bytes], changed: dict[Tile, bytes]) -> None:
        if level == len(self._edge):
            self._edge.append(bytearray())
        edge, number = self._edge[level], begun // WIDTH
        full, done = list[bytes](), 0
        while done < len(hashes):
            more = hashes[done : done + WIDTH - len(edge) // HASH]
            edge += b"".join(more)
            done += len(more)
            changed[Tile(level, number)] = bytes(edge)
            if len(edge) == WIDTH * HASH:
                full.append(_perfect([_at(edge, at) for at in range(WIDTH)]))
                edge.clear()
                number += 1
        if full:
            self._add(level + 1, begun // WIDTH, full, changed)

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        peaks = list[bytes]()
        for edge in reversed(self._edge):
            hashes = [_at(edge, at) for at in range(len(edge) // HASH)]
            for node in parts(0, len(hashes)):
                first = node.number << node.height
                peaks.append(_perfect(hashes[first : first + (1 << node.height)]))
        return joined(peaks)


def edge_of(size: int) -> list[Tile]:
    """The tiles of a tree that are not full, one at each level from 0; one that is empty is not there."""
    tiles, level = list[Tile](), 0
    while size:
        tiles.append(Tile(level, size // WIDTH))
        size, level = size // WIDTH, level + 1
    return tiles


def width_at(tile: Tile, size: int) -> int:
    """How many hashes a tile has in a tree of this size."""
    return max(0, min(WIDTH, (size >> _HEIGHT * tile.level) - tile.number * WIDTH))


def _split(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def _at(hashes: bytes | bytearray, at: int) -> bytes:
    return bytes(hashes[at * HASH : (at + 1) * HASH])


def _perfect(hashes: Sequence[bytes]) -> bytes:
    """The root over 2^k hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [
            _sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]
