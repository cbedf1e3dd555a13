"""Rationing as JSON values: claims and boxes in; what each policy would give, and the whole lottery, out.

Left out, `policy` means both, side by side. `seed_hash` is the hash that was published: another seed than its
own is refused. Every fault is named with its place before anything is computed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, get_args

from orders.allocation import json_form, ties
from orders.allocation.commitment import is_committed, seed_commitment
from orders.allocation.explain import drawn_sellers
from orders.allocation.problem import (
    ID_CHARACTERS_MAX,
    PACKS_MAX,
    SEED_CHARACTERS_MAX,
    TIE_MAX,
    faults_of_choice,
    faults_of_repeats,
    faults_of_text,
    faults_of_whole,
    faults_of_whole_or_none,
)
from orders.allocation.ration import Claim, Ration, RationPolicy, ration
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.verify import verify

POLICIES: Final[tuple[RationPolicy, ...]] = get_args(RationPolicy)


def rations_to_json(document: object) -> dict[str, Any]:
    """What the claims would get. Raises ProblemRefused with every fault."""
    faults = tuple(_faults_of(document))
    if faults:
        raise ProblemRefused(faults)
    asked = cast(Mapping[str, Any], document)
    claims = [Claim(**claim) for claim in asked["claims"]]
    seed, boxes, batch = asked["seed"], asked["boxes"], asked["batch"]
    chosen = asked.get("policy")
    tried = [
        (policy, ration(claims, boxes, policy=policy, seed=seed, batch=batch))
        for policy in POLICIES
        if chosen in (None, policy)
    ]
    return {
        "batch": batch,
        "boxes": boxes,
        "asked_boxes": sum(claim.boxes for claim in claims),
        "seed_hash": seed_commitment(seed),
        "was_published": "seed_hash" in asked,
        "ranks": _ranks(tried[0][1]),
        "rations": [_ration_to_json(policy, result, boxes) for policy, result in tried],
    }


def _ration_to_json(policy: RationPolicy, result: Ration, boxes: int) -> dict[str, Any]:
    if violations := verify(result.problem, result.allocation):
        raise ArithmeticError(f"the ration does not prove itself: {violations[0]}")
    return {
        "policy": policy,
        "first_boxes": result.first_boxes,
        "awards": [
            {"id": award.id, "boxes": award.boxes, "missing": award.missing} for award in result.awards
        ],
        "boxes_left": boxes - sum(award.boxes for award in result.awards),
        "drawn": list(drawn_sellers(result.problem, result.allocation)),
        "digest": result.allocation.digest,
        "problem": json_form.problem_to_json(result.problem),
        "result": json_form.allocation_to_json(result.allocation),
    }


def _ranks(result: Ration) -> list[dict[str, Any]]:
    """The lottery, whoever comes first first; a given tie comes before any drawn number."""
    lottery = ties.Lottery(result.problem)
    ranks = sorted((lottery.rank_of(seller), seller) for seller in result.problem.sellers)
    return [
        {"place": place, "id": seller.id, "tie": seller.tie, "drawn": drawn}
        for place, ((_, drawn, _), seller) in enumerate(ranks, start=1)
    ]


def _faults_of(document: object) -> Iterator[Fault]:
    if not isinstance(document, Mapping):
        yield Fault.of("", "wrong_type", expected="object")
        return
    yield from json_form.faults_of_members(
        document, "", ("batch", "boxes", "seed", "claims"), ("policy", "seed_hash")
    )
    faulty = False
    for fault in _faults_of_terms(document):
        faulty = True
        yield fault
    if "claims" in document:
        yield from _faults_of_claims(document["claims"])
    has_both = not faulty and "seed" in document and "seed_hash" in document
    if has_both and not is_committed(document["seed"], document["seed_hash"]):
        yield Fault.of("/seed_hash", "not_the_seed")


def _faults_of_terms(document: Mapping[Any, Any]) -> Iterator[Fault]:
    if "batch" in document:
        yield from faults_of_text("/batch", document["batch"], ID_CHARACTERS_MAX, empty=False)
    if "boxes" in document:
        yield from faults_of_whole("/boxes", document["boxes"], 0, PACKS_MAX)
    if "seed" in document:
        yield from faults_of_text("/seed", document["seed"], SEED_CHARACTERS_MAX, empty=False)
    if "policy" in document:
        yield from faults_of_choice("/policy", document["policy"], POLICIES)
    if "seed_hash" in document:
        yield from faults_of_text("/seed_hash", document["seed_hash"], 64, empty=False)


def _faults_of_claims(values: object) -> Iterator[Fault]:
    if not isinstance(values, list | tuple):
        yield Fault.of("/claims", "wrong_type", expected="array")
        return
    names = []
    for index, value in enumerate(values):
        at = f"/claims/{index}"
        if not isinstance(value, Mapping):
            yield Fault.of(at, "wrong_type", expected="object")
            continue
        yield from json_form.faults_of_members(value, at, ("id", "boxes"), ("tie",))
        if "id" in value:
            yield from faults_of_text(f"{at}/id", value["id"], ID_CHARACTERS_MAX, empty=False)
            names.append(str(value["id"]))
        if "boxes" in value:
            yield from faults_of_whole(f"{at}/boxes", value["boxes"], 0, PACKS_MAX)
        yield from faults_of_whole_or_none(f"{at}/tie", value.get("tie"), 0, TIE_MAX)
    if len(names) == len(values):
        yield from faults_of_repeats("/claims", names)
