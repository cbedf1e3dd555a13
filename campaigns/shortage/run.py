"""The one stored run of a shortage: problem and result as JSON, and the digest of both, to be replayed. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from campaigns.shortage import rules
from campaigns.shortage.rules import Choice, Cut, Demand, Outcome
from orders.allocation import verify
from orders.allocation.commitment import is_committed


def problem_of(
    demands: Sequence[Demand], supply: int, *, policy: str, seed: str, batch: str
) -> dict[str, Any]:
    """All that the cut depends on, orders by id."""
    return {
        "batch": batch,
        "supply": supply,
        "policy": policy,
        "seed": seed,
        "demands": [
            {
                "order_id": each.order_id,
                "boxes": each.boxes,
                "choice": str(each.choice),
                "wanted": each.wanted,
            }
            for each in sorted(demands, key=lambda each: each.order_id)
        ],
    }


def demands_of(problem: Mapping[str, Any]) -> list[Demand]:
    return [Demand(**{**each, "choice": Choice(each["choice"])}) for each in problem["demands"]]


def solve(problem: Mapping[str, Any]) -> Cut:
    """The cut that the problem asks for. Raises ArithmeticError if it does not prove itself."""
    made = rules.cut(
        demands_of(problem),
        problem["supply"],
        policy=rules.policy_of(problem["policy"]),
        seed=problem["seed"],
        batch=problem["batch"],
    )
    assert made.ration is not None, "it was made just now"
    if violations := verify(made.ration.problem, made.ration.allocation):
        raise ArithmeticError(f"the cut does not prove itself: {violations[0]}")
    return made


def recalled(problem: Mapping[str, Any], result: Mapping[str, Any]) -> Cut:
    """The cut that is stored, for its orders to follow: it was proved when it was made. One in proportion is made
    again, because its words tell how the split came to its line.
    """
    if problem["policy"] != "equal_awards":
        return solve(problem)
    return rules.recalled(
        demands_of(problem),
        [Outcome(**each) for each in result["outcomes"]],
        problem["supply"],
        seed=problem["seed"],
        batch=problem["batch"],
    )


def result_of(cut: Cut) -> dict[str, Any]:
    return {"outcomes": [asdict(each) for each in cut.outcomes], "kept": cut.kept}


def digest_of(problem: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """SHA-256 of both as canonical JSON."""
    canonical = json.dumps([problem, result], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def fault_of(
    problem: Mapping[str, Any], result: Mapping[str, Any], digest: str, seed_hash: str
) -> str | None:
    """What is wrong with a stored run, replayed; None: it proves itself."""
    if not is_committed(problem["seed"], seed_hash):
        return "not the seed that was published"
    if digest_of(problem, result) != digest:
        return "not the digest"
    if result_of(solve(problem)) != result:
        return "not the result of its problem"
    return None
