"""What orders tell the packages above, and partners."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAsked:
    """A hold is about to be ordered: whoever takes something off its price has done so when this has been told."""

    hold_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPlaced:
    """A bulk order is split and waits for an operator."""

    order_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPlaced:
    """A company asks for boxes of a campaign; they are held and wait for an operator."""

    order_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoved:
    """An order came into another state."""

    order_id: uuid.UUID
    before: str
    after: str
    is_one_of_many: bool = False
    """`OrdersMoved` follows for it and others: who writes for all of them at once waits for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersMoved:
    """Many orders came into the same state at once; not each is published as `OrderMoved`."""

    order_ids: tuple[uuid.UUID, ...]
    after: str
    is_passing: bool = False
    """They went on from there in the same moment: `OrdersMoved` follows for where they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTakenBack:
    """A wave had taken an order up, and its boxes are not there: it is where it was before, and waits for another."""

    order_id: uuid.UUID
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCut:
    """An order has fewer boxes than before; without any it is over."""

    order_id: uuid.UUID
    boxes_before: int
    boxes_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersCut:
    """A shortage took boxes from these."""

    cuts: tuple[OrderCut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelShipped:
    """Boxes of an order have left with a carrier."""

    parcel_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    carrier: str
    tracking_number: str | None
    version: int
    """The parcel's: one whose dispatch was undone leaves once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentVoided:
    """Boxes of an order have not left after all."""

    parcel_id: uuid.UUID
    order_id: uuid.UUID
    boxes: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementDelivered:
    """A parcel that answers a claim has arrived; its order is locked."""

    claim_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SponsorshipMoved:
    """A sponsorship took a step; `number` counts them."""

    sponsorship_id: uuid.UUID
    number: int
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowReleased:
    """Money of a sponsor's escrow is due to a cooperative, by a line of the escrow's journal."""

    sponsorship_id: uuid.UUID
    line: int
    share_id: uuid.UUID
    tranche: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxesGivenBack:
    """A cooperative keeps fewer boxes of its share than before, but some."""

    share_id: uuid.UUID
    order_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitApproved:
    """An operator approved a split: its cooperatives are asked."""

    order_id: uuid.UUID
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMoved:
    """A share was offered to its cooperative, or is answered."""

    share_id: uuid.UUID
    order_id: uuid.UUID
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementsMoved:
    """Settlements took the same step at once; `after` is where they are now."""

    settlement_ids: tuple[uuid.UUID, ...]
    event: str
    after: str
