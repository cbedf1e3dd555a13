"""Shapes of lots, movements, pools and holds in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from inventory.explaining import LOTS_SHOWN_MAX
from inventory.quality.quality import HOLDS_SHOWN_MAX
from inventory.states import LotStatus, MovementKind, Storage, WaitState
from inventory.stock_rules import Destination
from marketplace import paging
from marketplace.fields import Code, Day, Grams, Id, Instant, Line, Whole
from marketplace.values import GRAMS_MAX

_STORAGE = validate.OneOf([each.value for each in Storage])


class ReceiveLot(Schema):
    cooperative_id = Id(required=True)
    cold_store_id = Id(required=True)
    code = Code(required=True)
    variety = Line(required=True, high=60)
    grade = Line(required=True, high=20)
    size = Line(load_default=None, allow_none=True, high=20)
    storage = fields.String(
        load_default=None,
        allow_none=True,
        validate=_STORAGE,
        metadata={"description": "The cold store's kind unless told."},
    )
    harvested_on = Day(required=True)
    best_before_on = Day(
        load_default=None,
        allow_none=True,
        metadata={"description": "Follows from harvest, variety and kind of store unless told."},
    )
    room_id = Id(load_default=None, allow_none=True)
    plot = Line(load_default=None, allow_none=True, high=60)
    kind = fields.String(
        load_default=MovementKind.RECEIVED.value,
        validate=validate.OneOf([MovementKind.RECEIVED.value, MovementKind.HARVESTED.value]),
        metadata={"description": "Taken in as it came, or weighed out of the orchard."},
    )
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")


class LoseFruit(Schema):
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")
    kind = fields.String(
        load_default=MovementKind.SHRUNK.value,
        validate=validate.OneOf([MovementKind.SHRUNK.value, MovementKind.CULLED.value]),
        metadata={"description": "Lost weight in store, or was sorted out."},
    )
    reason = Line(required=True)


class CorrectLot(Schema):
    delta_grams = Whole(required=True, low=-GRAMS_MAX, high=GRAMS_MAX)
    reason = Line(required=True)

    @validates("delta_grams")
    def _changes_something(self, value: int, **_kwargs: Any) -> None:
        if value == 0:
            raise ValidationError("Must not be 0.")


class TurnLot(Schema):
    reason = Line(required=True)


class Lot(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    cold_store_id = fields.UUID()
    room_id = fields.UUID(allow_none=True)
    code = fields.String()
    plot = fields.String(allow_none=True)
    variety = fields.String()
    grade = fields.String()
    size = fields.String(allow_none=True)
    storage = fields.String()
    harvested_on = Day()
    best_before_on = Day()
    on_hand_grams = fields.Integer()
    held_grams = fields.Integer()
    committed_grams = fields.Integer(metadata={"description": "Owed for good until it is shipped."})
    packed_grams = fields.Integer(metadata={"description": "The part of what is committed that is in boxes."})
    available_grams = fields.Integer(
        metadata={"description": "What may still be promised: nothing under quarantine or recall."}
    )
    status = fields.String(validate=validate.OneOf([each.value for each in LotStatus]))
    version = fields.Integer()
    created_at = Instant()


LotPage = paging.page_of(Lot)


class CooperativeOfLots(Schema):
    cooperative_id = Id(required=True)


class LotsReport(Schema):
    rows = fields.Integer()
    created = fields.Integer()
    unchanged = fields.Integer(metadata={"description": "Stored already with the same facts."})


class LotQuery(paging.Query):
    cooperative_id = Id(load_default=None)


class Movement(Schema):
    id = fields.UUID()
    number = fields.Integer()
    kind = fields.String()
    on_hand_delta_grams = fields.Integer()
    held_delta_grams = fields.Integer()
    committed_delta_grams = fields.Integer()
    packed_delta_grams = fields.Integer()
    on_hand_grams = fields.Integer()
    held_grams = fields.Integer()
    committed_grams = fields.Integer()
    packed_grams = fields.Integer()
    reason = fields.String(allow_none=True)
    hold_id = fields.UUID(allow_none=True)
    at = Instant()


MovementPage = paging.page_of(Movement)


class Pool(Schema):
    id = fields.UUID()
    pack_id = fields.UUID()
    pack_grams = fields.Integer()
    variety = fields.String()
    grade = fields.String()
    boxes_pledged = fields.Integer()
    boxes_held = fields.Integer()
    boxes_sold = fields.Integer()
    available_boxes = fields.Integer()
    version = fields.Integer()


class Hold(Schema):
    id = fields.UUID()
    kind = fields.String()
    state = fields.String(metadata={"description": "As of now: a hold past its time reads expired."})
    cooperative_id = fields.UUID(allow_none=True)
    lot_id = fields.UUID(allow_none=True)
    pool_id = fields.UUID(allow_none=True)
    pack_id = fields.UUID(allow_none=True)
    boxes = fields.Integer(metadata={"description": "consumed_boxes + released_boxes + open_boxes"})
    consumed_boxes = fields.Integer()
    released_boxes = fields.Integer(
        metadata={"description": "Given back, lapsed, or taken over by another hold."}
    )
    open_boxes = fields.Integer(metadata={"description": "Still kept."})
    pack_grams = fields.Integer()
    quantity_grams = fields.Integer()
    unit_price_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    created_at = Instant()
    reason = fields.String(allow_none=True)
    expires_at = Instant(allow_none=True)
    expires_at_max = Instant(
        allow_none=True, metadata={"description": "However often it is extended, no later than this."}
    )
    resolved_at = Instant(allow_none=True)
    version = fields.Integer()


class WaitlistPlace(Schema):
    id = fields.UUID()
    pool_id = fields.UUID()
    boxes = fields.Integer()
    state = fields.String(
        validate=validate.OneOf([each.value for each in WaitState]),
        metadata={
            "description": "As of now: an offer past its time reads passed, a wait past the sale ended."
        },
    )
    ahead = fields.Integer(
        allow_none=True, metadata={"description": "How many wait in front; null when the wait is over."}
    )
    hold_id = fields.UUID(allow_none=True, metadata={"description": "The boxes that were offered."})
    offer_expires_at = Instant(allow_none=True)
    created_at = Instant()
    version = fields.Integer()


class WaitlistPlacePage(Schema):
    items = fields.List(fields.Nested(WaitlistPlace))
    next_cursor = fields.UUID(allow_none=True)


class StandingHold(Schema):
    id = fields.UUID()
    kind = fields.String()
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    purpose_kind = fields.String(metadata={"description": "What the fruit is promised to."})
    purpose_id = fields.UUID()
    expires_at = Instant(allow_none=True)


class StockExplanationQuery(Schema):
    cooperative_id = Id(required=True)
    pack_id = Id(required=True)
    on = Day(
        load_default=None,
        metadata={"description": "The day of delivery: today unless told, never a day that is over."},
    )

    destination = fields.String(
        load_default=None,
        validate=validate.OneOf([each.value for each in Destination]),
        metadata={"description": "The farther it goes, the longer fruit must keep after delivery."},
    )


class StockCauses(Schema):
    on_hand_grams = fields.Integer(metadata={"description": "The sum of all grams below."})
    held_by_allocations_grams = fields.Integer(metadata={"description": "Promised to shares of bulk orders."})
    held_by_pledges_grams = fields.Integer(metadata={"description": "Pledged to campaigns."})
    held_for_quality_grams = fields.Integer(metadata={"description": "Kept back by an inspector."})
    committed_grams = fields.Integer(metadata={"description": "Owed for good, packed or not."})
    quarantined_grams = fields.Integer()
    recalled_grams = fields.Integer()
    too_old_grams = fields.Integer(metadata={"description": "Not good until the day on which it must be."})
    safety_grams = fields.Integer(
        metadata={"description": "Kept back by the cooperative, in the lots that expire last."}
    )
    remainder_grams = fields.Integer(metadata={"description": "Does not fill a box: a box never mixes lots."})
    free_grams = fields.Integer(metadata={"description": "In the free boxes."})
    free_boxes = fields.Integer(metadata={"description": "What can be sold."})


class ExplainedLot(Schema):
    lot_id = fields.UUID(attribute="stock.lot_id")
    code = fields.String(attribute="stock.code")
    status = fields.String(attribute="stock.status")
    best_before_on = Day(attribute="stock.best_before_on")
    version = fields.Integer()
    causes = fields.Nested(StockCauses)


class StockExplanation(Schema):
    cooperative_id = fields.UUID()
    pack_id = fields.UUID(attribute="pack.id")
    pack_grams = fields.Integer(attribute="pack.net_grams")
    on = Day()
    destination = fields.String(allow_none=True)
    good_until = Day(metadata={"description": "The day on which fruit must still be good to be sold."})
    total = fields.Nested(StockCauses, metadata={"description": "Of all lots, shown or not."})
    lots_count = fields.Integer()
    lots = fields.List(
        fields.Nested(ExplainedLot),
        metadata={"description": f"Those that expire first, at most {LOTS_SHOWN_MAX}."},
    )


class TurnedLot(Schema):
    lot = fields.Nested(Lot)
    holds_count = fields.Integer(metadata={"description": "Promises of the lot's fruit that stand."})
    holds = fields.List(
        fields.Nested(StandingHold),
        metadata={"description": f"These promises, oldest first, at most {HOLDS_SHOWN_MAX}."},
    )


class RecalledMember(Schema):
    lot = fields.Nested(Lot)
    is_turned = fields.Boolean(
        metadata={"description": "Whether this very call changed its status; if not, it was so before."}
    )
    holds_count = fields.Integer(metadata={"description": "Promises of the lot's fruit that stand."})
    shipped_grams = fields.Integer(metadata={"description": "What went out of this lot to buyers."})
    returned_grams = fields.Integer(
        metadata={"description": "Of what was shipped, what came back, as a lot of its own in this list."}
    )
    on_the_road_grams = fields.Integer(
        metadata={"description": "In transfers that have not arrived; stopped when it arrives."}
    )


class RecalledLot(TurnedLot):
    family = fields.List(
        fields.Nested(RecalledMember),
        metadata={"description": "The lot and all that came out of it, over all generations, by id."},
    )


class ReleasedHold(Schema):
    hold = fields.Nested(Hold)
    pool = fields.Nested(Pool)
