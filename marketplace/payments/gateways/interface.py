"""What gateways are asked and what they answer, in our own words. Pure.

`Gateway` is what every way of paying can do, inside of a transaction. `RemoteGateway` is somebody outside: it may be
slow, away or have done what it did not answer, so it is asked between two transactions, under a key of ours.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from marketplace import errors
from marketplace.language import Text
from marketplace.payments.states import PaymentState, RefundStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a gateway is told of a payment: what is due, and the reference that the payer gives."""

    reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The state the gateway put the payment in, and what the payer should do next."""

    state: PaymentState
    instructions: Text


class Gateway(Protocol):
    """What every way of paying can do."""

    name: str

    def confirm(self, asked: Asked) -> Answered:
        """The payer commits to pay. Answers `processing`, or `canceled` if it refuses the payment for good."""
        ...

    def capture(self, asked: Asked) -> Answered:
        """Take what is held for a payment. Where nothing is ever held, its money is waited for as before."""
        ...


class GatewayUnavailable(errors.TryLater):
    """The gateway did not answer, or not with what it did: nobody knows yet, and the question is asked again."""

    title = Text(en="The payment service does not answer right now.", zh="支付服务暂时没有响应。")


class GatewayRefuses(Exception):
    """The gateway will not do it, asked again or not. `code` is its own word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


NOT_SAVABLE: Final = "method_not_savable"
"""Our word for why a gateway does not keep a method: no wallet pays when its owner is away."""


class EventForged(errors.Malformed):
    """What came is not an event that the gateway signed just now."""

    title = Text(en="This is not a signed event of the payment service.", zh="这不是支付服务签名的事件。")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What the payer's device should do: go to an address, or show a code to scan."""

    kind: str
    url: str | None = None
    qr_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Whose card is to be kept at the gateway, and that payer's id there, if there is one yet."""

    account_id: uuid.UUID
    customer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSeen:
    """A card that the gateway keeps for its payer: what a person knows it by, and never its number."""

    customer: str
    method: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A payment as it is at its gateway at this moment."""

    provider_id: str
    payment_id: uuid.UUID | None
    """Ours, as we told the gateway when it was opened."""
    state: PaymentState
    received_minor: int
    currency: str
    authorised_minor: int = 0
    """What the payer's bank holds for us: it is not charged before it is captured, and let go if it never is."""
    receipt_reference: str | None = None
    method: str | None = None
    paid_at: datetime | None = None
    fee_minor: int | None = None
    """What the gateway keeps of it, in the currency it settles in."""
    fee_currency: str | None = None
    client_secret: str | None = None
    """Whoever has it may pay this payment and do nothing else."""
    next_step: NextStep | None = None
    problem: str | None = None
    """Why the last attempt failed; the next may succeed."""
    customer: str | None = None
    """The payer's id there, if the payment is one of a known payer's."""
    card: CardSeen | None = None
    """The card that paid, or is held, if it is kept for later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSeen:
    """A refund as it is at its gateway at this moment."""

    provider_id: str
    refund_id: uuid.UUID | None
    """Ours, as we told the gateway when it was asked for."""
    standing: RefundStanding
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEntry:
    """Money that a dispute moved at the gateway, once: taken (negative) or given back, and the fee of it."""

    provider_id: str
    amount_minor: int
    fee_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSeen:
    """What a payer's bank wants back, as it stands at the gateway at this moment."""

    payment: Seen
    status: str
    is_won: bool
    entries: tuple[DisputeEntry, ...]
    """All that it has moved; nothing is ever taken out of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """An event that a gateway signed: a reason to look at the present state of what it is about, and nothing more."""

    event_id: str
    type: str
    object_kind: str
    object_id: str
    payment_ref: str | None
    """The gateway's id of the payment it is about."""


class RemoteGateway(Protocol):
    """Every call may raise GatewayUnavailable, and GatewayRefuses: also a look at what is not known there.

    The same `key` asks the same question again: it has one effect, whoever asks how often.
    """

    name: str

    def open(
        self, *, payment_id: uuid.UUID, reference: str, amount_minor: int, currency: str, key: str
    ) -> Seen:
        """Make the payment known there; nothing is charged by it."""
        ...

    def confirm(self, *, provider_id: str, payment_method: str, key: str) -> Seen:
        """Charge it by a method of the payer's; a decline is an answer, with its `problem`."""
        ...

    def prepare(
        self, *, provider_id: str, saving: Saving | None, payment_method: str | None, key: str
    ) -> Seen:
        """Before it is paid: the card that pays is kept for this payer from then on; with None it is not.

        Refuses NOT_SAVABLE if the method is none that may be charged without its owner.
        """
        ...

    def charge_saved(self, *, provider_id: str, customer: str, payment_method: str, key: str) -> Seen:
        """Charge it by a card that was kept, its owner being away; a decline is an answer, with its `problem`."""
        ...

    def forget(self, *, payment_method: str, key: str) -> None:
        """Keep a card no longer. What is forgotten stays forgotten."""
        ...

    def capture(self, *, provider_id: str, amount_minor: int, key: str) -> Seen:
        """Charge so much of what is authorised, at most all of it; the rest is let go. Only once: what was decided
        meanwhile is the answer.
        """
        ...

    def cancel(self, *, provider_id: str, key: str) -> Seen:
        """Wait for its money no longer, and let go what is authorised; if the money came first, that is the answer."""
        ...

    def retrieve(self, *, provider_id: str) -> Seen: ...

    def refund(self, *, provider_id: str, refund_id: uuid.UUID, amount_minor: int, key: str) -> RefundSeen:
        """Pay a part of it back, or all that is left."""
        ...

    def retrieve_refund(self, *, provider_id: str) -> RefundSeen: ...

    def find_refund(self, *, payment_ref: str, refund_id: uuid.UUID) -> RefundSeen | None:
        """Of the payment's refunds that with our id, if it has been asked for."""
        ...

    def retrieve_dispute(self, *, provider_id: str, payment_ref: str) -> DisputeSeen: ...

    def read_event(self, body: bytes, signature: str | None, *, now: datetime) -> EventSeen:
        """Raises EventForged."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """A cooperative's account as it is at its provider at this moment."""

    provider_id: str
    is_ready: bool
    """Money may be transferred to it."""
    due: tuple[str, ...]
    """What the provider still wants to know, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSeen:
    """Where a cooperative tells its provider what that wants to know."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSeen:
    """Money transferred to a cooperative's account, as it is at the provider at this moment."""

    provider_id: str
    payout_id: uuid.UUID | None
    """Ours, as we told the provider when it was asked for."""
    amount_minor: int
    reversed_minor: int
    currency: str


class ConnectGateway(Protocol):
    """Transfers to cooperatives' own accounts. As RemoteGateway it may raise GatewayUnavailable and GatewayRefuses."""

    name: str

    def open_account(self, *, cooperative_id: uuid.UUID, country: str, key: str) -> AccountSeen: ...

    def link_account(self, *, provider_id: str) -> LinkSeen: ...

    def retrieve_account(self, *, provider_id: str) -> AccountSeen: ...

    def transfer(
        self, *, payout_id: uuid.UUID, account: str, amount_minor: int, currency: str, group: str, key: str
    ) -> TransferSeen:
        """From our balance to that account; the same `key` asks the same question again, with one effect."""
        ...

    def retrieve_transfer(self, *, provider_id: str) -> TransferSeen: ...

    def find_transfer(self, *, group: str, payout_id: uuid.UUID) -> TransferSeen | None:
        """Of the group's transfers that with our id, if it has been made."""
        ...

    def reverse_transfer(self, *, provider_id: str, key: str) -> TransferSeen:
        """All of it comes back to our balance."""
        ...
