"""How many boxes of a pledge may go back, when it lapses, and when a campaign's fruit counts as harvested. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from campaigns.pledges.states import OPEN, PledgeEvent
from campaigns.states import PLEDGEABLE, CampaignState
from marketplace import errors
from marketplace.language import Text

LOWERABLE: Final = PLEDGEABLE | {
    CampaignState.PAUSED,
    CampaignState.DEPOSIT_CLOSED,
    CampaignState.ALLOCATING,
}
"""While boxes may be taken back, as far as nobody has them; from then on all that is left is somebody's."""


class PledgeBoxesNeeded(errors.Conflict):
    """Buyers hold or bought the boxes, or the cooperative has committed itself to them: only
    `withdrawable_boxes` may go.
    """

    title = Text(en="These boxes are promised already.", zh="这些箱数已有承诺，不能撤回。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides how much of a pledge may go back, in boxes."""

    boxes: int
    """Of the pledge."""
    free: int
    """In the whole pool: held by nobody, bought by nobody."""
    own: int
    """Of all pledges of the cooperative to the item."""
    committed: int
    """What a run of the allocation asked of the cooperative for the item, and it has not refused."""

    @property
    def withdrawable(self) -> int:
        return max(0, min(self.boxes, self.free, self.own - self.committed))


class Harvest(StrEnum):
    """Why a campaign's fruit counts as harvested."""

    IN_STORE = "the fruit lies in store"
    TIME_IS_OVER = "the time of the harvest is over"


def check_withdrawal(boxes: int | None, standing: Standing) -> int:
    """How many boxes go back: all unless told. Raises PledgeBoxesNeeded with the numbers."""
    going = standing.boxes if boxes is None else boxes
    if not 0 < going <= standing.withdrawable:
        raise PledgeBoxesNeeded(
            requested_boxes=going,
            withdrawable_boxes=standing.withdrawable,
            pledge_boxes=standing.boxes,
            free_boxes=standing.free,
            committed_boxes=standing.committed,
        )
    return going


def unfounded(*, missing_grams: int, pack_grams: int, forecast_boxes: int, withdrawable: int) -> int:
    """How many boxes of a pledge its fallen forecast does not bear: whole ones, as far as nobody has them."""
    return min(-(-missing_grams // pack_grams), forecast_boxes, withdrawable)


def is_over(state: str, *, answer_due_at: datetime | None, campaign_state: str, now: datetime) -> bool:
    """Whether nobody can answer any more what is open."""
    if state not in OPEN:
        return False
    return campaign_state not in PLEDGEABLE or (answer_due_at is not None and answer_due_at <= now)


def shrinking(*, left: int) -> PledgeEvent:
    """What happens to an accepted pledge of which the campaign lets go, with so many boxes left."""
    return PledgeEvent.REDUCE if left else PledgeEvent.RELEASE


def harvest(*, awaited_boxes: int, ends_at: datetime | None, now: datetime) -> Harvest | None:
    """Whether what was sold is as much there as it ever will be; None: forecast fruit is waited for."""
    if not awaited_boxes:
        return Harvest.IN_STORE
    return Harvest.TIME_IS_OVER if ends_at is not None and now >= ends_at else None
