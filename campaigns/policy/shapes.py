"""Two policies tried out, as JSON values: the form of `schemas.PolicyTrial`."""

from typing import Any, Final

from campaigns.policy import rules, words
from campaigns.policy.trial_rules import Difference, Fairness, ItemSplit, Offered, Trial
from campaigns.policy.trying import Comparison, Scenario

EXPLAINED_MAX: Final = 20
"""Cooperatives that are told the sum behind their boxes."""


def compared(found: Comparison, *, is_demo: bool) -> dict[str, Any]:
    """Everything, scenario by scenario."""
    first, second = found.policies
    return {
        "campaign_id": found.campaign.id,
        "is_demo": is_demo,
        "first": first,
        "first_digest": rules.digest_of(first),
        "second": second,
        "second_digest": rules.digest_of(second),
        "scenarios": [_scenario(found.items, each) for each in found.scenarios],
    }


def explained(found: tuple[Difference, ...]) -> frozenset[str]:
    """Those whose boxes differ most; with fewer of them than there is room for, others as well."""
    by_size = sorted(found, key=lambda each: (-abs(each.gain), each.code))
    return frozenset(each.code for each in by_size[:EXPLAINED_MAX])


def _scenario(items: tuple[Offered, ...], scenario: Scenario) -> dict[str, Any]:
    found = scenario.differences
    told = explained(found)
    summary = words.summary(scenario.first, scenario.second, found)
    return {
        "name": scenario.name,
        "boxes": sum(scenario.boxes),
        "first": _trial(items, scenario.boxes, scenario.first, told),
        "second": _trial(items, scenario.boxes, scenario.second, told),
        "differences": found,
        "summary": {"en": summary.en, "zh": summary.zh},
    }


def _trial(
    items: tuple[Offered, ...], boxes: tuple[int, ...], trial: Trial, told: frozenset[str]
) -> dict[str, Any]:
    return {
        "items": [
            _item(item, assumed, split, trial, told)
            for item, assumed, split in zip(items, boxes, trial.splits, strict=True)
        ],
        "fairness": _fairness(trial.fairness),
        "by_household": _fairness(trial.by_household),
    }


def _item(item: Offered, boxes: int, split: ItemSplit, trial: Trial, told: frozenset[str]) -> dict[str, Any]:
    line = split.result.segments[0].line if split.result.segments else None
    return {
        "item_id": item.id,
        "boxes": boxes,
        "unfilled_boxes": boxes - sum(split.boxes.values()),
        "line": None if line is None else str(line),
        "digest": split.result.digest,
        "shares": [
            {
                "code": share.id,
                "weight": seller.weight,
                "pledged_boxes": item.pledged[share.id],
                "boxes": share.packs,
                "exact_boxes": str(share.exact_packs),
                "level_before": str(share.level_before),
                "level_after": str(share.level_after),
                "limited_by": share.limited_by,
                "reason": _why(split, share.id, trial) if share.id in told else None,
            }
            for seller, share in zip(split.problem.sellers, split.result.sellers, strict=True)
        ],
    }


def _why(split: ItemSplit, code: str, trial: Trial) -> dict[str, str]:
    found = words.why(split, code, weight=trial.policy.weight, minimum_boxes=trial.policy.minimum_boxes)
    return {"en": found.en, "zh": found.zh}


def _fairness(fairness: Fairness) -> dict[str, Any]:
    spread = fairness.spread
    names = ("gini", "jain", "smallest_to_mean", "mean_level", "smallest_level")
    found = {name: None if spread is None else getattr(spread, name) for name in names}
    told = {name: None if value is None else str(value) for name, value in found.items()}
    return {**told, "gap": str(fairness.gap)}
