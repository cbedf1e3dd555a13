"""A tree of hashes over a growing list, as in RFC 6962: proofs that an entry is in it, and that it only grew. Pure.

A leaf is hashed behind a byte 0 and a pair of hashes behind a byte 1, so that no entry can pass for a pair. A list is
split after the largest power of two below its length: what has been hashed once stays as the list grows. A proof holds
one hash for each level, twenty for a million entries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
PROOF_LENGTH_MAX: Final = 128
"""Twice as many levels as any list can have: longer proofs are not looked at."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash by which an entry stands in the tree."""
    return sha256(b"\x00" + entry).digest()


@dataclass(frozen=True, slots=True)
class Node:
    """The hash over 2^`level` leaves, the `index`-th such run of the list."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that must be known of a list to let it grow: the hashes over its whole runs, longest first.

    There is one run for each bit of `size` that is set.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The hash of the whole list."""
        if not self.hashes:
            return EMPTY_ROOT
        found = self.hashes[-1]
        for each in reversed(self.hashes[:-1]):
            found = _pair(each, found)
        return found

    def extended(self, leaves: Sequence[bytes]) -> tuple["Frontier", list[Node]]:
        """The list with these leaves behind it, and every run of two or more that they complete."""
        size, hashes, completed = self.size, list(self.hashes), []
        for leaf in leaves:
            hashes.append(leaf)
            level, index = 0, size
            while index & 1:
                right = hashes.pop()
                hashes[-1] = _pair(hashes[-1], right)
                level, index = level + 1, index >> 1
                completed.append(Node(level, index, hashes[-1]))
            size += 1
        return Frontier(size, tuple(hashes)), completed


def runs_of(frontier: bytes) -> tuple[bytes, ...]:
    """The hashes of a frontier that stand one behind the other."""
    return tuple(frontier[at : at + 32] for at in range(0, len(frontier), 32))


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of the whole list; `leaves` are hashes of entries, in the order of the list."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        paired = [_pair(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from the entry at `index` to the root; raises IndexError when there is none."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    proof = []
    level = list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            proof.append(level[sibling])
        paired = [_pair(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
        index //= 2
    return proof


def path_of(index: int, size: int, run: Callable[[int, int], bytes]) -> list[bytes]:
    """The inclusion proof of the entry at `index` in a list of `size`, from hashes over whole runs.

    `run(level, index)` gives the hash over 2^level leaves from leaf index·2^level on, all of them in the list. Raises
    IndexError when there is no such entry.
    """
    if not 0 <= index < size:
        raise IndexError(index)
    proof: list[bytes] = []
    start, length = 0, size
    while length > 1:
        split = 1 << ((length - 1).bit_length() - 1)
        if index < start + split:
            proof.append(_over(start + split, length - split, run))
            length = split
        else:
            proof.append(_over(start, split, run))
            start, length = start + split, length - split
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof shows that the leaf is entry `index` of the list of `size` entries with this root."""
    if not 0 <= index < size or len(proof) > PROOF_LENGTH_MAX:
        return False
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = _pair(each, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = _pair(found, each)
        place, last = place >> 1, last >> 1
    return last == 0 and found == expected


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """The hashes that show that the list began with what it was at `old_size`; raises IndexError beyond it."""
    if not 0 <= old_size <= len(leaves):
        raise IndexError(old_size)
    if old_size in (0, len(leaves)):
        return []
    return _subproof(leaves, old_size, is_whole=True)


def is_consistent(old_size: int, old_root: bytes, size: int, expected: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the list of `size` entries begins with the one of `old_size`."""
    if not 0 <= old_size <= size or len(proof) > PROOF_LENGTH_MAX:
        return False
    if old_size == size:
        return not proof and old_root == expected
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    hashes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not hashes:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = _pair(each, before), _pair(each, after)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = _pair(after, each)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == expected


def _over(start: int, length: int, run: Callable[[int, int], bytes]) -> bytes:
    """The hash over `length` leaves from `start` on, which is a multiple of the first power of two ≥ length."""
    split = 1 << ((length - 1).bit_length() - 1) if length > 1 else 1
    if length == split or length == 2 * split:
        level = (length - 1).bit_length() if length > 1 else 0
        return run(level, start >> level)
    return _pair(_over(start, split, run), _over(start + split, length - split, run))


def _pair(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _subproof(leaves: Sequence[bytes], old_size: int, *, is_whole: bool) -> list[bytes]:
    size = len(leaves)
    if old_size == size:
        return [] if is_whole else [root(leaves)]
    split = 1 << ((size - 1).bit_length() - 1)
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, is_whole=is_whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, is_whole=False), root(leaves[:split])]
