"""A chain of hashes over rows in their order: one changed, swapped or deleted row breaks it at its place. Pure.

It cannot show that rows at its end are missing, or that all of it was written anew: checkpoints kept elsewhere do.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise


def link_after(before: bytes, entry: bytes) -> bytes:
    """The link of an entry that follows the link `before`; behind a byte 2, which no leaf and no pair begins with."""
    return sha256(b"\x02" + before + sha256(entry).digest()).digest()


def chained(entries: Sequence[bytes], start: bytes) -> list[bytes]:
    """Each entry's hash over its predecessor's: the chain whose links stand beside the entries."""
    links = [start]
    for entry in entries:
        links.append(link_after(links[-1], entry))
    return links[1:]


def first_broken(entries: Sequence[bytes], links: Sequence[bytes], start: bytes) -> int | None:
    """The position of the first entry whose link does not follow from it and its predecessor; None for none."""
    for position, ((before, link), entry) in enumerate(zip(pairwise([start, *links]), entries, strict=True)):
        if link_after(before, entry) != link:
            return position
    return None
