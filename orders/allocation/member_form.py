"""The second level as JSON values: a share and its growers in; boxes, exact shares, levels and the sums out.

A level is the part of a grower's delivery that is sold: "1/4" is a quarter of it. Every fault of a request is
named with its place before anything is computed. The shapes stand in docs/allocation.schema.json.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from orders.allocation import json_form, member_text
from orders.allocation.explain import explain
from orders.allocation.members import Member, divide_share, grams_per_weight
from orders.allocation.problem import (
    GRAMS_MAX,
    ID_CHARACTERS_MAX,
    PACK_GRAMS_MAX,
    PACKS_MAX,
    SEED_CHARACTERS_MAX,
    TIE_MAX,
    WEIGHT_MAX,
    Policy,
    faults_of_repeats,
    faults_of_text,
    faults_of_whole,
    faults_of_whole_or_none,
)
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.verify import verify

DELIVERED_GRAMS_MAX: Final = WEIGHT_MAX * 1_000
"""A million tonnes of one grower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One share and the growers it is to be divided over. `share_id` and `tie_seed` enter the lottery."""

    share_id: str
    packs: int
    pack_grams: int
    members: tuple[Member, ...]
    tie_seed: str = ""


def division_from_json(document: object) -> Division:
    """Reads a share with its growers. Raises ProblemRefused with every fault."""
    _refuse(_faults_of(document))
    asked = cast(Mapping[str, Any], document)
    share = asked["share"]
    return Division(
        share_id=share["id"],
        packs=share["packs"],
        pack_grams=share["pack_grams"],
        members=tuple(Member(**member) for member in asked["members"]),
        tie_seed=asked.get("tie_seed", ""),
    )


def members_from_json(values: object, *, at: str = "/members") -> tuple[Member, ...]:
    """Reads growers alone. Raises ProblemRefused with every fault."""
    _refuse(_faults_of_growers(values, at))
    return tuple(Member(**member) for member in cast(Sequence[Mapping[str, Any]], values))


def divided_to_json(division: Division) -> dict[str, Any]:
    """Divides the share, proves it, and answers in the order of the growers."""
    problem, allocation = divide_share(
        division.members,
        share_id=division.share_id,
        packs=division.packs,
        pack_grams=division.pack_grams,
        policy=Policy(tie_seed=division.tie_seed),
    )
    if violations := verify(problem, allocation):
        raise ArithmeticError(f"the division does not prove itself: {violations[0]}")
    unit = grams_per_weight(division.members)
    growers = []
    for member, share in zip(division.members, allocation.sellers, strict=True):
        why = explain(problem, allocation, member.id)
        growers.append(
            {
                "id": member.id,
                "delivered_grams": member.delivered_grams,
                "sold_grams": member.sold_grams,
                "packs": share.packs,
                "exact_packs": str(share.exact_packs),
                "level_before": str(share.level_before / unit),
                "level_after": str(share.level_after / unit),
                "limited_by": share.limited_by,
                "sentences_en": list(member_text.render(why, member, unit, "en")),
                "sentences_zh": list(member_text.render(why, member, unit, "zh")),
            }
        )
    return {
        "share": {"id": division.share_id, "packs": division.packs, "pack_grams": division.pack_grams},
        "members": growers,
        "unfilled_packs": allocation.unfilled_packs,
        "digest": allocation.digest,
        "problem": json_form.problem_to_json(problem),
        "result": json_form.allocation_to_json(allocation),
    }


def _refuse(faults: Iterator[Fault]) -> None:
    found = tuple(faults)
    if found:
        raise ProblemRefused(found)


def _faults_of(document: object) -> Iterator[Fault]:
    if not isinstance(document, Mapping):
        yield Fault.of("", "wrong_type", expected="object")
        return
    yield from json_form.faults_of_members(document, "", ("share", "members"), ("tie_seed",))
    share = document.get("share", {})
    if not isinstance(share, Mapping):
        yield Fault.of("/share", "wrong_type", expected="object")
    elif "share" in document:
        yield from json_form.faults_of_members(share, "/share", ("id", "packs", "pack_grams"), ())
        if "id" in share:
            yield from faults_of_text("/share/id", share["id"], ID_CHARACTERS_MAX, empty=False)
        if "packs" in share:
            yield from faults_of_whole("/share/packs", share["packs"], 0, PACKS_MAX)
        if "pack_grams" in share:
            yield from faults_of_whole("/share/pack_grams", share["pack_grams"], 1, PACK_GRAMS_MAX)
    if "members" in document:
        yield from _faults_of_growers(document["members"], "/members")
    yield from faults_of_text("/tie_seed", document.get("tie_seed", ""), SEED_CHARACTERS_MAX, empty=True)


def _faults_of_growers(values: object, at: str) -> Iterator[Fault]:
    if not isinstance(values, list | tuple):
        yield Fault.of(at, "wrong_type", expected="array")
        return
    names = []
    for index, value in enumerate(values):
        place = f"{at}/{index}"
        if not isinstance(value, Mapping):
            yield Fault.of(place, "wrong_type", expected="object")
            continue
        yield from json_form.faults_of_members(value, place, ("id", "delivered_grams"), ("sold_grams", "tie"))
        if "id" in value:
            yield from faults_of_text(f"{place}/id", value["id"], ID_CHARACTERS_MAX, empty=False)
            names.append(str(value["id"]))
        if "delivered_grams" in value:
            yield from faults_of_whole(
                f"{place}/delivered_grams", value["delivered_grams"], 0, DELIVERED_GRAMS_MAX
            )
        yield from faults_of_whole(f"{place}/sold_grams", value.get("sold_grams", 0), 0, GRAMS_MAX)
        yield from faults_of_whole_or_none(f"{place}/tie", value.get("tie"), 0, TIE_MAX)
    if len(names) == len(values):
        yield from faults_of_repeats(at, names)
