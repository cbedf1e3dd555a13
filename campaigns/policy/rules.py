"""What a policy says, the text that its digest is made of, and when it must be signed by hand. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from campaigns.allotting.rules import season_of
from campaigns.shortage.rules import EARNEST_PERMILLE_MAX
from campaigns.states import CutRule
from orders.allocation.problem import Rule
from orders.states import Silence

FORM: Final = 1
"""Of the canonical text: another number when what it is made of changes."""
FORM_OF_MINIMUM: Final = 2
"""Of a policy with a minimum lot; one without is written as it was before there were any, with the same digest."""
ANSWER_HOURS: Final = 48
NEIGHBOUR_HOURS: Final = 24
ELECTION_HOURS: Final = 48
HOURS_MAX: Final = 240


class Weight(StrEnum):
    """What counts of a cooperative when it is compared with another."""

    HOUSEHOLDS = "households"
    MEMBERS = "members"
    EQUAL = "equal"
    """Every cooperative as one, whatever its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How sold boxes are split over cooperatives and those asked, and how too few boxes are shared out."""

    season: str
    """In whose account levels are compared."""
    rule: Rule = "nearest"
    strict: bool = False
    minimum_boxes: int = 1
    """A cooperative is given at least so many boxes of an item, or none; not together with `strict`."""
    weight: Weight = Weight.HOUSEHOLDS
    silence: Silence = Silence.DECLINES
    answer_hours: int = ANSWER_HOURS
    """For a cooperative to answer what it is asked for."""
    cut_rule: CutRule = CutRule.EQUAL_AWARDS
    neighbour_hours: int = NEIGHBOUR_HOURS
    """For all neighbours together to give boxes in a shortage."""
    election_hours: int = ELECTION_HOURS
    earnest_permille: int = EARNEST_PERMILLE_MAX
    """What of a payment is earnest money and comes back double for boxes that are cut after a fault."""


def default_of(closes_on: date) -> Policy:
    """That of the house for a campaign which closes on this day."""
    return Policy(season=season_of(closes_on))


def needs_signature(policy: Policy, *, closes_on: date) -> bool:
    """Whoever chooses another policy than the house's has it signed; the house's is signed by scheduling."""
    return policy != default_of(closes_on)


def canonical(policy: Policy) -> str:
    """One text for each policy: JSON with sorted names, without spaces, and whole numbers only."""
    told = {"form": FORM_OF_MINIMUM, **asdict(policy)}
    if policy.minimum_boxes == 1:
        del told["minimum_boxes"]
        told["form"] = FORM
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def digest_of(policy: Policy) -> str:
    """SHA-256 of the canonical text; `printf %s TEXT | sha256sum` agrees."""
    return "sha256:" + hashlib.sha256(canonical(policy).encode()).hexdigest()


def weighed(weight: Weight, *, households: int, members: int) -> int:
    """What a cooperative counts for."""
    match weight:
        case Weight.HOUSEHOLDS:
            return households
        case Weight.MEMBERS:
            return members
        case Weight.EQUAL:
            return 1


def changes(before: Policy, after: Policy) -> Mapping[str, tuple[Any, Any]]:
    """What differs, by name."""
    old, new = asdict(before), asdict(after)
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}
