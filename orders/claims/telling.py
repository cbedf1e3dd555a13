"""What a claim's buyer and its cooperative are told: once for each step, in the transaction that makes it."""

from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications import Message, ToMembers, kinds, notify, notify_cooperatives
from marketplace.notifications.kinds import About
from marketplace.values import Money
from marketplace.webhooks import outbox
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimState

OUTCOMES: Final = {
    ClaimState.RETURNING: Text(en="the boxes come back to you", zh="货物将退回贵社"),
    ClaimState.REPLACING: Text(en="other boxes are sent", zh="补发"),
    ClaimState.REPLACED: Text(en="other boxes have arrived", zh="补发已送达"),
    ClaimState.REFUNDED: Text(en="granted", zh="已通过"),
    ClaimState.REJECTED: Text(en="not granted", zh="未通过"),
    ClaimState.WITHDRAWN: Text(en="withdrawn by the buyer", zh="买家已撤回"),
}
BEARERS: Final = {
    BorneBy.COOPERATIVE: Text(en="at your charge", zh="由贵社承担"),
    BorneBy.PLATFORM: Text(en="at the platform's charge", zh="由平台承担"),
}
NOTHING: Final = Text(en="", zh="")


def received(session: Session, ctx: Context, claim: Claim) -> None:
    """A claim is there: its buyer knows that, and its cooperative is asked."""
    _tell_partners(session, ctx, "claim.opened", claim)
    about = kinds.ClaimReceived(claim_id=claim.id, order_id=claim.order_id, boxes=claim.boxes)
    _tell_buyer(session, ctx, claim, about)
    raised = kinds.ClaimRaised(
        claim_id=claim.id,
        parcel_id=claim.parcel_id,
        cooperative=_cooperative(session, claim),
        boxes=claim.boxes,
    )
    _tell_members(session, ctx, claim, raised)


def decided(session: Session, ctx: Context, claim: Claim) -> None:
    """It was decided on, or what was to come back, or to be sent instead, is there."""
    _tell_decision(session, ctx, claim)
    state, amount = ClaimState(claim.state), Money(claim.refund_minor or 0, claim.currency)
    words = Text(en=claim.decision_words or "", zh=claim.decision_words or "")
    named: dict[str, Any] = {
        "claim_id": claim.id,
        "order_id": claim.order_id,
        "boxes": claim.boxes,
        "words": words,
    }
    if state == ClaimState.REFUNDED:
        _tell_buyer(session, ctx, claim, kinds.ClaimRefunded(**named, amount=amount))
    elif state == ClaimState.RETURNING:
        _tell_buyer(session, ctx, claim, kinds.ClaimToReturn(**named, amount=amount))
    elif state == ClaimState.REPLACING:
        assert claim.delivered_on is not None
        day = claim.delivered_on.isoformat()
        _tell_buyer(session, ctx, claim, kinds.ClaimToReplace(**named, delivered_on=day))
    elif state == ClaimState.REPLACED:
        _tell_buyer(session, ctx, claim, kinds.ClaimReplaced(**named))
    else:
        _tell_buyer(session, ctx, claim, kinds.ClaimRejected(**named))
    _tell_cooperative(session, ctx, claim, words)


def withdrawn(session: Session, ctx: Context, claim: Claim) -> None:
    """The buyer's own step: the cooperative need not answer any more."""
    _tell_decision(session, ctx, claim)
    _tell_cooperative(session, ctx, claim, NOTHING)


def light(session: Session, ctx: Context, claim: Claim, *, missing_grams: int) -> None:
    """Boxes were too light, and the rule has decided."""
    _tell_decision(session, ctx, claim)
    amount = Money(claim.refund_minor or 0, claim.currency)
    about = kinds.LightBoxesRefunded(
        order_id=claim.order_id, boxes=claim.boxes, missing_grams=missing_grams, amount=amount
    )
    _tell_buyer(session, ctx, claim, about)
    words = Text(
        en=f"By their own weighing {missing_grams} g are missing.", zh=f"按贵社称重，缺 {missing_grams} 克。"
    )
    _tell_cooperative(session, ctx, claim, words)


def short(session: Session, ctx: Context, claim: Claim) -> None:
    """Boxes were not there when they were to be packed, and the rule has decided."""
    _tell_decision(session, ctx, claim)
    amount = Money(claim.refund_minor or 0, claim.currency)
    about = kinds.ShortBoxesRefunded(order_id=claim.order_id, boxes=claim.boxes, amount=amount)
    _tell_buyer(session, ctx, claim, about)
    words = Text(en="The boxes were not there when they were to be packed.", zh="打包时货物不足。")
    _tell_cooperative(session, ctx, claim, words)


def _tell_decision(session: Session, ctx: Context, claim: Claim) -> None:
    """A withdrawn claim has no amount any more, whatever was decided before."""
    is_over = claim.state in (ClaimState.REJECTED, ClaimState.WITHDRAWN)
    _tell_partners(
        session,
        ctx,
        "claim.decided",
        claim,
        refund_minor=None if is_over else claim.refund_minor,
        currency=claim.currency,
        borne_by=None if is_over or claim.borne_by is None else str(claim.borne_by),
    )


def _tell_partners(session: Session, ctx: Context, name: str, claim: Claim, **more: Any) -> None:
    """Without words: a buyer and a cooperative may write anything."""
    data = {
        "claim_id": claim.id,
        "order_id": claim.order_id,
        "parcel_id": claim.parcel_id,
        "cooperative_id": claim.cooperative_id,
        "kind": str(claim.kind),
        "state": str(claim.state),
        "boxes": claim.boxes,
        **more,
    }
    outbox.tell(session, ctx, name, data=data, cooperative_ids=[claim.cooperative_id])


def _tell_cooperative(session: Session, ctx: Context, claim: Claim, words: Text) -> None:
    state = ClaimState(claim.state)
    is_over = state in (ClaimState.REJECTED, ClaimState.WITHDRAWN)
    about = kinds.ClaimDecided(
        claim_id=claim.id,
        parcel_id=claim.parcel_id,
        cooperative=_cooperative(session, claim),
        boxes=claim.boxes,
        outcome=OUTCOMES[state],
        amount=Money(0 if is_over else claim.refund_minor or 0, claim.currency),
        how=BEARERS[BorneBy(claim.borne_by or BorneBy.COOPERATIVE)],
        words=words,
    )
    _tell_members(session, ctx, claim, about)


def _tell_buyer(session: Session, ctx: Context, claim: Claim, about: About) -> None:
    notify(session, ctx, Message(account_id=claim.buyer_id, cause=_cause(claim), about=about))


def _tell_members(session: Session, ctx: Context, claim: Claim, about: About) -> None:
    told = ToMembers(cooperative_id=claim.cooperative_id, cause=_cause(claim), about=about)
    notify_cooperatives(session, ctx, [told])


def _cause(claim: Claim) -> str:
    return f"claim:{claim.id}:{claim.version}"


def _cooperative(session: Session, claim: Claim) -> Text:
    found = session.get_one(Cooperative, claim.cooperative_id)
    return Text(en=found.name_en, zh=found.name_zh)
