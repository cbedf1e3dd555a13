"""One sum over many, without losing or making a unit: largest remainder, drawn ranks where remainders are equal. Pure.

Anybody can recompute it: exact parts, rounded down; the units that are left go one each to the largest remainders.
Equal ones are ranked by SHA-256 of the JSON array ["seed","id"], the smallest first, so that no name is favoured for
ever.
"""

import hashlib
import json
from collections.abc import Mapping

from marketplace.values import split_minor


class NothingToShareBy(ValueError):
    """A sum below zero, or nobody with a weight above it. A broken promise of our own code."""


def parted(total_minor: int, weights: Mapping[str, int], *, seed: str) -> dict[str, int]:
    """What each id gets, by id. In which order they were named makes no difference."""
    if total_minor < 0 or sum(weights.values()) <= 0 or min(weights.values()) < 0:
        raise NothingToShareBy(total_minor)
    ranked = sorted(weights, key=lambda each: _rank(seed, each))
    parts = dict(zip(ranked, split_minor(total_minor, [weights[each] for each in ranked]), strict=True))
    return {each: parts[each] for each in sorted(parts)}


def _rank(seed: str, name: str) -> tuple[str, str]:
    drawn = json.dumps([seed, name], ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(drawn).hexdigest(), name
