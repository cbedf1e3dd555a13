"""Shapes of policies in and out, and of two of them tried out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from campaigns.policy.rules import (
    ANSWER_HOURS,
    ELECTION_HOURS,
    HOURS_MAX,
    NEIGHBOUR_HOURS,
    Weight,
)
from campaigns.schemas import ITEMS_MAX
from campaigns.shortage.rules import EARNEST_PERMILLE_MAX
from campaigns.states import CutRule
from marketplace.fields import Code, Flag, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX
from orders.allocation.problem import RULES
from orders.states import Silence


class AskPolicy(Schema):
    """What is left out is as the house has it."""

    season = Code(
        load_default=None,
        allow_none=True,
        high=20,
        metadata={
            "description": "In whose account levels are compared; left out, that in which the sale ends."
        },
    )
    rule = fields.String(load_default="nearest", validate=validate.OneOf(RULES))
    strict = Flag(
        load_default=False,
        metadata={"description": "Everybody within one box of the exact share."},
    )
    minimum_boxes = Whole(
        load_default=1,
        low=1,
        high=QUANTITY_MAX,
        metadata={
            "description": "A cooperative is given at least so many boxes of an item, or none; not with strict."
            " 最低供货箱数：要么不供，要供至少此数；不可与严格模式并用。"
        },
    )
    weight = fields.String(
        load_default=Weight.HOUSEHOLDS.value,
        validate=validate.OneOf([each.value for each in Weight]),
        metadata={"description": "What counts of a cooperative. 权重口径。"},
    )
    silence = fields.String(
        load_default=Silence.DECLINES.value, validate=validate.OneOf([each.value for each in Silence])
    )
    answer_hours = Whole(load_default=ANSWER_HOURS, low=1, high=HOURS_MAX)
    cut_rule = fields.String(
        load_default=CutRule.EQUAL_AWARDS.value, validate=validate.OneOf([each.value for each in CutRule])
    )
    neighbour_hours = Whole(
        load_default=NEIGHBOUR_HOURS,
        low=1,
        high=HOURS_MAX,
        metadata={"description": "For neighbours to give boxes in a shortage."},
    )
    election_hours = Whole(load_default=ELECTION_HOURS, low=1, high=HOURS_MAX)
    earnest_permille = Whole(
        load_default=EARNEST_PERMILLE_MAX,
        high=EARNEST_PERMILLE_MAX,
        metadata={"description": "What of a payment is earnest money and comes back double after a fault."},
    )

    @validates_schema
    def _one_of_both(self, asked: dict[str, Any], **_options: Any) -> None:
        if asked["strict"] and asked["minimum_boxes"] > 1:
            raise ValidationError("A minimum lot and strict do not go together.", "minimum_boxes")

    @post_load
    def _words(self, asked: dict[str, Any], **_options: Any) -> dict[str, Any]:
        return {
            **asked,
            "weight": Weight(asked["weight"]),
            "silence": Silence(asked["silence"]),
            "cut_rule": CutRule(asked["cut_rule"]),
        }


class TryPolicy(AskPolicy):
    """The same; one that says nothing is more likely forgotten than meant."""

    @pre_load
    def _says_something(self, asked: Any, **_options: Any) -> Any:
        if asked == {}:
            raise ValidationError("Say at least one term of the policy.")
        return asked


class SignPolicy(Schema):
    digest = Line(required=True, high=80, metadata={"description": "Of the policy that you have read."})


class Policy(Schema):
    season = fields.String()
    rule = fields.String()
    strict = fields.Boolean()
    minimum_boxes = fields.Integer()
    weight = fields.String()
    silence = fields.String()
    answer_hours = fields.Integer()
    cut_rule = fields.String()
    neighbour_hours = fields.Integer()
    election_hours = fields.Integer()
    earnest_permille = fields.Integer()


class PolicySignature(Schema):
    signed_by = fields.String()
    signed_at = Instant()


class CampaignPolicy(Schema):
    campaign_id = fields.UUID()
    version = fields.Integer(metadata={"description": "Its number; If-Match names it."})
    policy = fields.Nested(Policy)
    canonical = fields.String(metadata={"description": "The text whose SHA-256 the digest is."})
    digest = fields.String()
    needs_signature = fields.Boolean(
        metadata={"description": "False: it is the house's, and whoever schedules the campaign signs it."}
    )
    set_by = fields.String()
    set_at = Instant()
    signatures = fields.List(fields.Nested(PolicySignature))
    is_frozen = fields.Boolean(
        metadata={"description": "The campaign is scheduled: it does not change any more."}
    )
    seed_hash = fields.String(allow_none=True)


class AssumeBoxes(Schema):
    item_id = Id(required=True)
    boxes = Whole(required=True, low=0, high=QUANTITY_MAX)


class TryPolicies(Schema):
    second = fields.Nested(TryPolicy, required=True)
    first = fields.Nested(
        TryPolicy,
        load_default=None,
        allow_none=True,
        metadata={"description": "Left out, the campaign's own."},
    )
    assumed = fields.List(
        fields.Nested(AssumeBoxes),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, ITEMS_MAX),
        metadata={"description": "Left out: what the goal asks for, and all that is pledged."},
    )


class PolicyReason(Schema):
    en = fields.String()
    zh = fields.String()


class PolicyFairness(Schema):
    """Exact numbers as text: an integer or a fraction. Null where all levels are zero."""

    gini = fields.String(allow_none=True)
    jain = fields.String(allow_none=True)
    smallest_to_mean = fields.String(allow_none=True)
    mean_level = fields.String(metadata={"description": "Grams for each unit of weight."})
    smallest_level = fields.String()
    gap = fields.String(metadata={"description": "Of the highest level above the lowest, in the same grams."})


class TriedShare(Schema):
    """One cooperative's part of an item under one policy."""

    code = fields.String()
    weight = fields.Integer()
    pledged_boxes = fields.Integer()
    boxes = fields.Integer()
    exact_boxes = fields.String(metadata={"description": "Before rounding, as a fraction."})
    level_before = fields.String(metadata={"description": "Grams for each unit of weight."})
    level_after = fields.String()
    limited_by = fields.String()
    reason = fields.Nested(
        PolicyReason,
        allow_none=True,
        metadata={"description": "Of those whose boxes differ most; null of the others."},
    )


class TriedItem(Schema):
    item_id = fields.UUID()
    boxes = fields.Integer(metadata={"description": "Assumed to be sold."})
    unfilled_boxes = fields.Integer(metadata={"description": "More than is pledged."})
    line = fields.String(allow_none=True, metadata={"description": "Up to which everybody is brought."})
    digest = fields.String(metadata={"description": "That of the run which an allocation would store."})
    shares = fields.List(fields.Nested(TriedShare))


class TriedPolicy(Schema):
    items = fields.List(fields.Nested(TriedItem))
    fairness = fields.Nested(PolicyFairness)
    by_household = fields.Nested(
        PolicyFairness, metadata={"description": "By households, whatever is weighed: to compare both."}
    )


class PolicyDifference(Schema):
    code = fields.String()
    first = fields.Integer()
    second = fields.Integer()
    gain = fields.Integer(metadata={"description": "Boxes more under the second; below zero, fewer."})


class TriedScenario(Schema):
    name = fields.String(validate=validate.OneOf(["goal", "pledged", "asked"]))
    boxes = fields.Integer()
    first = fields.Nested(TriedPolicy)
    second = fields.Nested(TriedPolicy)
    differences = fields.List(
        fields.Nested(PolicyDifference), metadata={"description": "Of all who pledged, who gains most first."}
    )
    summary = fields.Nested(PolicyReason)


class PolicyTrial(Schema):
    campaign_id = fields.UUID()
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    first = fields.Nested(Policy)
    first_digest = fields.String()
    second = fields.Nested(Policy)
    second_digest = fields.String()
    scenarios = fields.List(fields.Nested(TriedScenario))
