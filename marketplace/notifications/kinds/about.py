"""The kinds of messages, and what a message is about: fields that its words in both languages need. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from marketplace.language import Text
from marketplace.notifications.words import as_json, filled

TITLE_MAX: Final = 200
BODY_MAX: Final = 2_000


class Kind(StrEnum):
    ORDER_PLACED = "order_placed"
    PAYMENT_RECEIVED = "payment_received"
    ORDER_COMMITTED = "order_committed"
    ORDER_EXPIRED = "order_expired"
    ORDER_WITHDRAWN = "order_withdrawn"
    BOXES_OFFERED = "boxes_offered"
    CAMPAIGN_OPENED = "campaign_opened"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_CLOSED = "campaign_closed"
    CAMPAIGN_FAILED = "campaign_failed"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    BALANCE_DUE = "balance_due"
    BALANCE_REMINDER = "balance_reminder"
    BALANCE_DEFAULTED = "balance_defaulted"
    SHORTAGE_ELECTION = "shortage_election"
    SHORTAGE_CUT = "shortage_cut"
    REFUND_DUE = "refund_due"
    REFUND_PAID = "refund_paid"
    PLEDGE_INVITED = "pledge_invited"
    PLEDGE_ACCEPTED = "pledge_accepted"
    PLEDGE_LAPSED = "pledge_lapsed"
    COMMITMENT_ASKED = "commitment_asked"
    SHORTAGE_REMINDER = "shortage_reminder"
    SHORTAGE_SPARED = "shortage_spared"
    SHORTAGE_OFFERED = "shortage_offered"
    SHORTAGE_CARRIED = "shortage_carried"
    LATER_LOT_CAME = "later_lot_came"
    GROUP_FULL = "group_full"
    GROUP_LAPSED = "group_lapsed"
    BALANCE_SETTLED = "balance_settled"
    SPONSORSHIP_SIGNED = "sponsorship_signed"
    SPONSORSHIP_REJECTED = "sponsorship_rejected"
    SPONSORSHIP_ACCEPTED = "sponsorship_accepted"
    SPONSORSHIP_FUNDED = "sponsorship_funded"
    SPONSORSHIP_ALLOCATED = "sponsorship_allocated"
    SPONSORSHIP_SHORT = "sponsorship_short"
    SPONSORSHIP_GIVEN_UP = "sponsorship_given_up"
    SPONSORSHIP_CARRIED = "sponsorship_carried"
    SPONSORSHIP_ENDED = "sponsorship_ended"
    SPONSORSHIP_CLOSED = "sponsorship_closed"
    SPONSORSHIP_CANCELLED = "sponsorship_cancelled"
    TRANCHE_RELEASED = "tranche_released"
    CAMPAIGN_RESUMED = "campaign_resumed"
    SHARE_OFFERED = "share_offered"
    PARCEL_SHIPPED = "parcel_shipped"
    ORDER_DELIVERED = "order_delivered"
    SETTLEMENT_PROPOSED = "settlement_proposed"
    SETTLEMENT_WITHDRAWN = "settlement_withdrawn"
    SETTLEMENT_DISMISSED = "settlement_dismissed"
    SETTLEMENT_FINAL = "settlement_final"
    DESTINATION_NAMED = "destination_named"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RETURNED = "payout_returned"
    ADVANCE_GRANTED = "advance_granted"
    ADVANCE_REFUSED = "advance_refused"
    BALANCE_CHARGE_PLANNED = "balance_charge_planned"
    BALANCE_CHARGE_DECLINED = "balance_charge_declined"
    FRUIT_RECALLED = "fruit_recalled"
    CLAIM_RECEIVED = "claim_received"
    CLAIM_REFUNDED = "claim_refunded"
    CLAIM_TO_RETURN = "claim_to_return"
    CLAIM_REJECTED = "claim_rejected"
    LIGHT_BOXES_REFUNDED = "light_boxes_refunded"
    CLAIM_RAISED = "claim_raised"
    CLAIM_DECIDED = "claim_decided"
    CLAIM_TO_REPLACE = "claim_to_replace"
    CLAIM_REPLACED = "claim_replaced"
    SHORT_BOXES_REFUNDED = "short_boxes_refunded"
    PICK_SHORT = "pick_short"
    SHIPMENT_VOIDED = "shipment_voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A message in words."""

    title: Text
    body: Text


@dataclass(frozen=True, kw_only=True)
class About:
    """What a message is about."""

    kind: ClassVar[Kind]
    title: ClassVar[Text]
    body: ClassVar[Text]
    if_nothing: ClassVar[Mapping[str, Text]] = {}
    """Sums that may be nothing, and the body that says so in words, in place of `0.00`."""
    is_mandatory: ClassVar[bool] = False
    """It cannot be switched off: money or a decision of the person's own hangs on it."""
    is_urgent: ClassVar[bool] = False
    """It does not wait until the quiet hours are over: it would be of no use then."""

    def wording(self, zone: ZoneInfo) -> Wording:
        """In words; times are told in the county's zone."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Wording(
            title=filled(self.title, values, zone, TITLE_MAX),
            body=filled(self._body(), values, zone, BODY_MAX),
        )

    def _body(self) -> Text:
        nothing = (name for name in self.if_nothing if getattr(self, name).minor == 0)
        return self.if_nothing.get(next(nothing, ""), self.body)

    def facts(self) -> dict[str, Any]:
        """The same for programs: JSON values."""
        return {field.name: as_json(getattr(self, field.name)) for field in fields(self)}
