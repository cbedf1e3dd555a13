"""What holds, pools and the waitlist refuse."""

from marketplace import database, errors
from marketplace.language import Text


class PoolNotFound(errors.NotFound):
    title = Text(en="There is no such pool.", zh="没有该货源池。")


class HoldNotFound(errors.NotFound):
    title = Text(en="There is no such hold.", zh="没有该保留。")


class HoldExpired(errors.Gone):
    """The hold's time is over; its boxes are free for everybody."""

    title = Text(en="The hold has expired.", zh="保留已过期。")


class HoldNotActive(errors.Conflict):
    """The hold is paid, being paid, released or expired already."""

    title = Text(en="The hold is no longer active.", zh="该保留已不可用。")


class HoldLimit(errors.Conflict):
    """It would pass the most that one buyer may have. `counted_boxes`: bought, being paid, or lapsed just now."""

    title = Text(en="One buyer may not have that many boxes of this.", zh="超过每位买家限购箱数。")


class HouseholdLimit(errors.Conflict):
    """It would pass the most that one household may have. `counted_boxes`: what the household holds and has bought."""

    title = Text(en="One household may not have that many boxes of this.", zh="超过每户限购箱数。")


class NetworkLimit(errors.Conflict):
    """Too many boxes of this are held from the caller's network already; when some are paid or free again, more may."""

    title = Text(
        en="Too many boxes are held from your network right now.", zh="您所在网络当前保留的箱数过多。"
    )


class HoldPart(errors.Conflict):
    """Only so many of the hold's boxes are open, or it ends as a whole; `open_boxes` says how many."""

    title = Text(en="Not that many boxes of the hold can be taken.", zh="无法从该保留中取出这些箱数。")


class BoxesNotReady(errors.Conflict):
    """Boxes of shares and pledges are committed, then packed; only `ready_boxes` have come as far as this asks."""

    title = Text(
        en="Not that many boxes of the hold are ready for this step.", zh="该保留中可进行此步骤的箱数不足。"
    )


class HoldNotExtendable(errors.Conflict):
    """Holds of this kind live for their own time; only a shopper's hold in the cart is extended by its owner."""

    title = Text(en="This hold cannot be extended.", zh="该保留不能延长。")


class PoolNotSelling(errors.Conflict):
    """Boxes of this pool may not be held right now."""

    title = Text(en="These boxes are not on sale right now.", zh="当前不在售卖时间内。")


class SoldOut(errors.Conflict):
    """Fewer boxes are left than asked for; `next_expires_at` is when the next hold ends, unless it is paid.

    `waitlist` is the address at which one may wait for boxes that come free. With Redis such a hold may be turned
    away before any work on it begins: then nothing is stored under its key, and the same key may be granted later.
    """

    title = Text(en="Not that many boxes are left.", zh="剩余箱数不足。")


class PledgeNeeded(errors.Conflict):
    """Boxes of the pledge are held or sold already: it cannot be taken back."""

    title = Text(en="Boxes of this pledge are promised to buyers.", zh="该承诺货源已被买家保留或购买。")


class PoolBusy(database.TryAgain):
    """Somebody else works on holds that this request needs: let go of the pool and look again."""

    title = Text(en="These boxes are being worked on; try again.", zh="这些箱数正在处理中，请重试。")


class PlaceNotFound(errors.NotFound):
    title = Text(en="There is no such place in a waitlist.", zh="没有该候补登记。")


class BoxesThere(errors.Conflict):
    """So many boxes are free: hold them instead of waiting."""

    title = Text(en="These boxes are free; hold them.", zh="当前有货，请直接保留。")


class AlreadyWaiting(errors.Conflict):
    """One waits once for boxes of an item; leave the place first to ask for another number."""

    title = Text(en="You wait for boxes of this already.", zh="您已在候补名单中。")


class NotWaiting(errors.Conflict):
    """The place has been served or left already; an offer is turned down by releasing its hold."""

    title = Text(en="You do not wait there any more.", zh="您已不在候补中。")


class NotSoldYet(errors.Conflict):
    """Only boxes that are sold get their lots; `unbound_boxes` says how many of the pool's wait for theirs."""

    title = Text(en="Not that many sold boxes wait for their lots.", zh="待配批次的已售箱数不足。")


class TooFewGoodBoxes(errors.Conflict):
    """The pledged lots have fewer boxes that are good until `good_until` and not stopped."""

    title = Text(
        en="Not that many pledged boxes are good for this delivery.", zh="可用于此次交付的承诺箱数不足。"
    )
