"""Commit and reveal: the lottery's seed is bound by its hash before anybody knows what is drawn with it.

Publish `seed_commitment(seed)` before the campaign opens and the seed itself after the split: whoever doubts
the draw hashes the seed and compares. A seed that can be guessed can be searched, so use a long random one.
"""

import hashlib
import hmac
import re
from typing import Final

_COMMITMENT: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def seed_commitment(seed: str) -> str:
    """SHA-256 of the seed in UTF-8, 64 lower-case hexadecimal digits; `printf %s SEED | sha256sum` agrees."""
    return hashlib.sha256(seed.encode()).hexdigest()


def is_committed(seed: str, commitment: str) -> bool:
    """Whether this seed is the one whose hash was published."""
    if not _COMMITMENT.fullmatch(commitment):
        return False
    return hmac.compare_digest(seed_commitment(seed), commitment)
