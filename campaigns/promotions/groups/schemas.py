"""Shapes of groups and of places in them. What anybody sees of a group names nobody."""

from typing import Any

from marshmallow import Schema, fields

from campaigns.promotions.groups.states import GroupState, MemberState
from marketplace.fields import Id, Instant

CODE = {"description": "What friends join it by."}


class TakePlace(Schema):
    hold_id = Id(
        required=True,
        metadata={
            "description": "A live hold of one's own, of what it is for; or of one's paid order whose group has lapsed."
        },
    )


class Group(Schema):
    code = fields.String(metadata=CODE)
    state = fields.String(metadata={"enum": [each.value for each in GroupState]})
    promotion_id = fields.UUID()
    campaign_id = fields.UUID()
    title_en = fields.String()
    title_zh = fields.String()
    currency = fields.String()
    amount_minor = fields.Integer(allow_none=True, metadata={"description": "Back for each box."})
    permille = fields.Integer(allow_none=True)
    boxes_min = fields.Integer()
    item_ids = fields.List(fields.UUID(), allow_none=True)
    people_needed = fields.Integer()
    places_taken = fields.Integer()
    places_paid = fields.Integer(metadata={"description": "It is full when all have paid."})
    places_left = fields.Integer()
    opened_at = Instant()
    closes_at = Instant()
    ended_at = Instant(allow_none=True, metadata={"description": "When it was full, or had lapsed."})


class GroupPlace(Schema):
    """One's own place in a group: what one pays, and what it would come to."""

    group = fields.Nested(Group)
    state = fields.String(metadata={"enum": [each.value for each in MemberState]})
    hold_id = fields.UUID()
    boxes = fields.Integer(metadata={"description": "Those that something comes back for."})
    price_minor = fields.Integer(
        metadata={"description": "The normal price of all its boxes: it is agreed on."}
    )
    back_minor = fields.Integer(
        metadata={"description": "What comes back, or off the balance, at most, when the group is full."}
    )
    if_full_minor = fields.Integer(metadata={"description": "The price without what comes back."})
    given_minor = fields.Integer(
        allow_none=True, metadata={"description": "What has come back, or comes off the balance."}
    )
    joined_at = Instant()
    paid_at = Instant(allow_none=True)


class GroupPlaces(Schema):
    items = fields.List(fields.Nested(GroupPlace))


class GroupPerson(Schema):
    account_id = fields.UUID()
    hold_id = fields.UUID()
    state = fields.String()
    boxes = fields.Integer()
    reserved_minor = fields.Integer()
    given_minor = fields.Integer(allow_none=True)
    joined_at = Instant()
    paid_at = Instant(allow_none=True)


class GroupWithPeople(Group):
    id = fields.UUID()
    people: Any = fields.List(fields.Nested(GroupPerson))
