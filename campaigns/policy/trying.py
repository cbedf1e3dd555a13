"""Two policies tried out on the same assumed boxes of a campaign, before it is launched. Nothing is stored."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting import runs
from campaigns.models import Campaign
from campaigns.policy import agreeing, policies, trial_rules
from campaigns.policy.rules import Policy
from campaigns.policy.trial_rules import Difference, Offered, Season, Trial
from campaigns.states import PLEDGEABLE, CampaignStateForbids
from inventory.models import Hold
from inventory.states import PLEDGES, HoldState
from marketplace import errors
from marketplace.catalogue import products
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from orders import season

GOAL: Final = "goal"
PLEDGED: Final = "pledged"
ASKED: Final = "asked"


class NothingPledged(errors.Conflict):
    """No cooperative has pledged a box: there is nobody to split anything over."""

    title = Text(en="Nobody has pledged anything yet.", zh="尚无合作社承诺货源。")


class ItemTwice(errors.Invalid):
    """An item's boxes are assumed once."""

    title = Text(en="An item stands in the list twice.", zh="同一项目重复出现。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """So many boxes of each item, and what the two policies make of them."""

    name: str
    boxes: tuple[int, ...]
    first: Trial
    second: Trial

    @property
    def differences(self) -> tuple[Difference, ...]:
        return trial_rules.differences(self.first, self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two policies on the pledges of a campaign."""

    campaign: Campaign
    cooperatives: tuple[Cooperative, ...]
    items: tuple[Offered, ...]
    policies: tuple[Policy, Policy]
    scenarios: tuple[Scenario, ...]


def compare(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    second: Mapping[str, Any],
    first: Mapping[str, Any] | None = None,
    assumed: Sequence[tuple[uuid.UUID, int]] = (),
) -> Comparison:
    """Policies as they are asked for; `first`: the campaign's own unless told.

    `assumed`: so many boxes of an item, of others none; unless told, what the goal asks for and all that is pledged.
    Raises CampaignNotFound, CampaignStateForbids, NothingPledged, ItemNotFound, ItemTwice.
    """
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    if campaign.state not in PLEDGEABLE:
        raise CampaignStateForbids(state=campaign.state)
    pledged = _pledged(session, campaign)
    pledging = runs.pledging_of(
        session,
        county_id=campaign.county_id,
        free={cooperative_id: boxes for each in pledged.values() for cooperative_id, boxes in each.items()},
    )
    if not pledging:
        raise NothingPledged
    items = _items(session, campaign, pledged, {each.id: each.code for each in pledging})
    own = policies.latest(session, campaign_id=campaign.id).agreed
    both = (own if first is None else agreeing.asked(campaign, **first), agreeing.asked(campaign, **second))
    seasons = {each.season: _season(session, campaign, pledging, each.season) for each in both}
    pledgers = [runs.pledger(each, history_grams=0, free_boxes=0) for each in pledging]

    def tried(policy: Policy, boxes: Sequence[int]) -> Trial:
        return trial_rules.try_out(
            policy,
            pledgers,
            list(zip(items, boxes, strict=True)),
            season=seasons[policy.season],
            campaign_code=campaign.code,
        )

    return Comparison(
        campaign=campaign,
        cooperatives=pledging,
        items=items,
        policies=both,
        scenarios=tuple(
            Scenario(name=name, boxes=boxes, first=tried(both[0], boxes), second=tried(both[1], boxes))
            for name, boxes in _scenarios(campaign, items, assumed)
        ),
    )


def _scenarios(
    campaign: Campaign, items: Sequence[Offered], assumed: Sequence[tuple[uuid.UUID, int]]
) -> list[tuple[str, tuple[int, ...]]]:
    if assumed:
        for item_id, _ in assumed:
            planning.item_of(campaign, item_id)
        told = {str(item_id): boxes for item_id, boxes in assumed}
        if len(told) < len(assumed):
            raise ItemTwice
        return [(ASKED, tuple(told.get(item.id, 0) for item in items))]
    found = [(PLEDGED, tuple(item.pledged_boxes for item in items))]
    if campaign.goal_boxes or campaign.goal_grams:
        goal = trial_rules.boxes_of_goal(
            items, goal_boxes=campaign.goal_boxes, goal_grams=campaign.goal_grams
        )
        found.insert(0, (GOAL, goal))
    return found


def _items(
    session: Session,
    campaign: Campaign,
    pledged: Mapping[uuid.UUID, Mapping[uuid.UUID, int]],
    codes: Mapping[uuid.UUID, str],
) -> tuple[Offered, ...]:
    """In the order in which an allocation splits them."""
    found = []
    for item in campaign.items:
        pack = products.get_pack(session, pack_id=item.pack_id)
        own = pledged.get(item.pool_id, {})
        found.append(
            Offered(
                id=str(item.id),
                pack_code=pack.code,
                pack_grams=pack.net_grams,
                pledged={code: own[each] for each, code in codes.items() if each in own},
            )
        )
    return tuple(found)


def _pledged(session: Session, campaign: Campaign) -> dict[uuid.UUID, dict[uuid.UUID, int]]:
    """By pool and cooperative: the open boxes of pledges, of lots and of forecasts, as they are now."""
    boxes = func.sum(Hold.boxes - Hold.consumed_boxes - Hold.released_boxes)
    rows = session.execute(
        select(Hold.pool_id, Hold.cooperative_id, boxes)
        .where(
            Hold.pool_id.in_([item.pool_id for item in campaign.items]),
            Hold.kind.in_(sorted(PLEDGES)),
            Hold.state == HoldState.ACTIVE,
        )
        .group_by(Hold.pool_id, Hold.cooperative_id)
    )
    found: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
    for pool_id, cooperative_id, open_boxes in rows:
        assert pool_id is not None
        assert cooperative_id is not None
        found.setdefault(pool_id, {})[cooperative_id] = int(open_boxes)
    return found


def _season(session: Session, campaign: Campaign, pledging: Sequence[Cooperative], name: str) -> Season:
    history = season.history_grams(session, season=name)
    return Season(
        history_grams={each.code: history.get(each.id, 0) for each in pledging},
        earlier_grams=tuple(season.order_grams(session, county_id=campaign.county_id, season=name)),
    )
